"""Clients that present one thing to several nodes at the same moment, and many such things at once."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple, TypeVar

from servers import Server

T = TypeVar("T")

CONTENDERS = 32
"""How many objects are contested at once."""


class Answer(NamedTuple):
    status: int
    body: bytes


class Nodes:
    """A connection to each node."""

    def __init__(self, streams: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]) -> None:
        self._streams = streams

    async def ask(self, request: bytes) -> list[Answer]:
        """What each node answers to the same request; it is on its way to all of them before any has answered."""
        for _, writer in self._streams:
            writer.write(request)
        return [await _read(reader) for reader, _ in self._streams]

    def close(self) -> None:
        for _, writer in self._streams:
            writer.close()


async def _read(reader: asyncio.StreamReader) -> Answer:
    head = await reader.readuntil(b"\r\n\r\n")
    length = head.partition(b"content-length: ")[2].partition(b"\r")[0]
    return Answer(int(head[9:12]), await reader.readexactly(int(length)))


async def contend(nodes: list[Server], objects: Iterable[T], present: Callable[[Nodes, T], Awaitable[None]]) -> None:
    """Have every object presented, so many of them at once."""
    remaining = iter(objects)

    async def contender() -> None:
        each = Nodes([await asyncio.open_connection("127.0.0.1", node.port) for node in nodes])
        try:
            for object in remaining:
                await present(each, object)
        finally:
            each.close()

    async with asyncio.TaskGroup() as group:
        for _ in range(CONTENDERS):
            group.create_task(contender())
