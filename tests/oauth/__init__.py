"""The pure floors: the protocol's rules, the secrets, the parsers, the limits and the settings."""
