"""The bench: what it reads, what it counts, what it reports."""
