"""Paths with names in them, as in `/console/{org}/apps/{app}`: found segment by segment, with what stands for each name."""

import re
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

T = TypeVar("T")

_NAME = re.compile(r"\{([a-z_]+)\}")
_VALUE = re.compile(rb"[A-Za-z0-9._~-]{1,200}")
"""What may stand for a name: nothing that would have to be escaped."""

_ANY = b"{}"
_END = b"/"
"""No segment is ever this."""


class Places(Generic[T]):
    """Things by such paths. Where a word and a name could both stand, the word is meant."""

    def __init__(self, things: Mapping[str, T]) -> None:
        self._root: dict[bytes, Any] = {}
        for path, thing in things.items():
            node = self._root
            for segment in path.split("/"):
                node = node.setdefault(_ANY if _NAME.fullmatch(segment) else segment.encode(), {})
            node[_END] = thing, tuple(_NAME.findall(path))

    def find(self, path: bytes) -> tuple[T, dict[str, str]] | None:
        """The thing at a path, and the values of its names."""
        node, values = self._root, []
        for segment in path.split(b"/"):
            if segment in node and segment not in (_ANY, _END):
                node = node[segment]
            elif _ANY in node and _VALUE.fullmatch(segment):
                node = node[_ANY]
                values.append(segment.decode())
            else:
                return None
        thing, names = node.get(_END, (None, ()))
        return (thing, dict(zip(names, values, strict=True))) if thing else None
