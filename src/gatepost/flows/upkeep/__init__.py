"""The verbs upon a whole instance, from beside it: its schema, its backups, its move, its check-up. The CLI offers them."""
