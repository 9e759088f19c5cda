"""The bare server: uvicorn and the least ASGI callable there is, which answers every path with bytes it was given.

It runs as a process of its own: answers come as JSON on standard input, the port goes to standard output.
"""

import json
import socket
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn

from gatepost.bench.machine import HOST


def bare_app(answers: dict[str, dict[str, Any]]) -> Callable[..., Awaitable[None]]:
    """The callable. `answers` are by path."""
    prepared = {path: _messages(answer) for path, answer in answers.items()}

    async def answer(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["method"] == "POST":
            while (await receive()).get("more_body"):
                pass
        start, body = prepared[scope["path"]]
        await send(start)
        await send(body)

    return answer


def _messages(answer: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer["headers"]]
    start = {"type": "http.response.start", "status": answer["status"], "headers": headers}
    return start, {"type": "http.response.body", "body": answer["body"].encode()}


def main() -> None:
    """Serve until terminated."""
    listener = socket.socket()
    listener.bind((HOST, 0))
    listener.listen(2048)
    config = uvicorn.Config(
        bare_app(json.load(sys.stdin)),
        http="httptools",
        loop="uvloop",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
    )
    print(listener.getsockname()[1], flush=True)
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
