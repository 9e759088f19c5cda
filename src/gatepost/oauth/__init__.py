"""The protocol, pure: no clock, no random source, no store, no HTTP, no logging."""
