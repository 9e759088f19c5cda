"""Tests through the door: HTTP to the whole application on a real store."""
