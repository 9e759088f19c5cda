"""What anyone may read: the metadata, the JWKS, the health of the server, and what pages are made with."""

import hashlib
from importlib import resources
from typing import Any

import orjson

from gatepost.errors import GatepostError
from gatepost.flows.instance import Instance
from gatepost.oauth.metadata import render_jwks
from gatepost.store.migrations import NEWEST, schema_version
from gatepost.web.message import ANY_ORIGIN, EMPTY, Header, Reply, Request, json_reply

METADATA_MAX_AGE = 3600


class Document:
    """Bytes that caches may keep: written once, with their headers; 304 to whoever has them already."""

    def __init__(
        self,
        body: bytes,
        max_age: int,
        extra: tuple[Header, ...] = (),
        media_type: bytes = b"application/json",
    ) -> None:
        self._etag = b'"%s"' % hashlib.sha256(body).hexdigest()[:32].encode()
        headers = (
            (b"content-type", media_type),
            (b"cache-control", b"public, max-age=%d" % max_age),
            (b"etag", self._etag),
            (b"cross-origin-resource-policy", b"cross-origin"),
            (b"x-content-type-options", b"nosniff"),
            (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
            *extra,
        )
        self._whole = Reply(200, headers, body)
        self._unchanged = Reply(304, headers, b"")

    def reply(self, request: Request) -> Reply:
        known = request.headers.get(b"if-none-match")
        return self._unchanged if known is not None and self._is_among(known) else self._whole

    def _is_among(self, known: bytes) -> bool:
        """Whether a client has this document. Proxies that compress mark the tags they pass on as weak. RFC 9110 §13.1.2."""
        tags = (tag.strip().removeprefix(b"W/") for tag in known.split(b","))
        return any(tag in (b"*", self._etag) for tag in tags)


class Documents:
    """The handlers of what is public."""

    def __init__(self, instance: Instance, metadata: dict[str, Any]) -> None:
        self._instance = instance
        self._metadata = Document(orjson.dumps(metadata), METADATA_MAX_AGE, ANY_ORIGIN)
        self._jwks_of: tuple[dict[str, str], ...] | None = None
        self._jwks = Document(b"", 0)
        files = resources.files("gatepost.endpoints") / "files"
        names = ("gatepost.css", "gatepost.svg", "submit.js", "passkey.js")
        style, icon, script, passkey = ((files / name).read_bytes() for name in names)
        self._style = Document(style, METADATA_MAX_AGE, (), b"text/css; charset=utf-8")
        self._icon = Document(icon, METADATA_MAX_AGE, (), b"image/svg+xml")
        self._script = Document(script, METADATA_MAX_AGE, (), b"text/javascript; charset=utf-8")
        self._passkey = Document(passkey, METADATA_MAX_AGE, (), b"text/javascript; charset=utf-8")

    async def metadata(self, request: Request) -> Reply:
        return self._metadata.reply(request)

    async def jwks(self, request: Request) -> Reply:
        published = await self._instance.signing.published()
        if published is not self._jwks_of:
            body = orjson.dumps(render_jwks(list(published)))
            self._jwks_of, self._jwks = published, Document(body, self._instance.tokens.jwks_max_age, ANY_ORIGIN)
        return self._jwks.reply(request)

    async def preflight(self, request: Request) -> Reply:
        """CORS for what browsers' own code may call; never with credentials."""
        allowed = (
            *ANY_ORIGIN,
            (b"access-control-allow-methods", b"GET, POST"),
            (b"access-control-allow-headers", b"Authorization, Content-Type, DPoP"),
            (b"access-control-max-age", b"3600"),
        )
        return Reply(204, EMPTY, b"", allowed)

    async def style(self, request: Request) -> Reply:
        return self._style.reply(request)

    async def icon(self, request: Request) -> Reply:
        return self._icon.reply(request)

    async def script(self, request: Request) -> Reply:
        return self._script.reply(request)

    async def passkey_script(self, request: Request) -> Reply:
        return self._passkey.reply(request)

    async def healthz(self, request: Request) -> Reply:
        """The process answers."""
        return json_reply({"status": "ok"})

    async def readyz(self, request: Request) -> Reply:
        """The store answers too, with the schema this code was written for."""
        if await self._instance.store.read(schema_version()) != NEWEST:
            raise GatepostError("temporarily_unavailable", "The database's schema is not this version's.")
        return json_reply({"status": "ready"})
