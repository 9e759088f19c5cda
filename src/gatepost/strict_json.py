"""What Python's JSON reader lets pass and ours refuse, as hooks for it. RFC 8259 §4, §6."""

from typing import Any, NoReturn


def unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object in which no member is twice: two readers could take it in two ways. Raises ValueError."""
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("a member is in it twice")
    return content


def no_constant(name: str) -> NoReturn:
    """NaN and the infinities are no numbers of JSON. Raises ValueError."""
    raise ValueError(f"{name} is not JSON")
