"""The store's contract, asked of every engine; and what each engine promises beyond it."""
