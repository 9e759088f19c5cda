"""The bench: the real server under load on one core, a bare one beside it, and what the two rates say."""
