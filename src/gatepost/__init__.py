"""Gatepost, an OAuth 2.0 authorization server for API and AI gateways."""

__version__ = "0.1.0"
