"""The verbs: they join the protocol and the store, and know no HTTP."""
