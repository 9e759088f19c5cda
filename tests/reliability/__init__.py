"""A server process keeps its promises whatever happens to it."""
