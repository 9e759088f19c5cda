"""The README and the banner do what they say."""
