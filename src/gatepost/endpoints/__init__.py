"""The protocol's faces: they translate a request to an ask for a verb, and its outcome back. They hold no rule and no SQL."""
