"""HTTP as nouns: request, reply, limits, and the ASGI callable that joins them."""
