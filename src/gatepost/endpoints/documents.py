"""What anyone may read: the metadata, the JWKS, the health of the server, and what pages are made with."""

import hashlib
import re
from importlib import resources
from typing import Any

import orjson

from gatepost.errors import GatepostError
from gatepost.flows.instance import Instance
from gatepost.oauth.metadata import render_jwks
from gatepost.store.migrating import schema_version
from gatepost.store.migrations import NEWEST
from gatepost.web.message import ANY_ORIGIN, EMPTY, Header, Reply, Request, json_reply

METADATA_MAX_AGE = 3600

_CSS, _SCRIPT = b"text/css; charset=utf-8", b"text/javascript; charset=utf-8"
ASSETS = {
    "gatepost.css": (_CSS, ("colors.css", "gatepost.css")),
    "api.css": (_CSS, ("api.css",)),
    "console.css": (_CSS, ("colors.css", "console.css")),
    "gatepost.svg": (b"image/svg+xml", ("gatepost.svg",)),
    "submit.js": (_SCRIPT, ("submit.js",)),
    "passkey.js": (_SCRIPT, ("passkey.js",)),
    "console.js": (_SCRIPT, ("console.js",)),
}
"""What pages are made with: each of a type, and of the files that it is put together from."""

_PREFLIGHT = Reply(
    204,
    EMPTY,
    b"",
    (
        *ANY_ORIGIN,
        (b"access-control-allow-methods", b"GET, POST"),
        (b"access-control-allow-headers", b"Authorization, Content-Type, DPoP, MCP-Protocol-Version"),
        (b"access-control-max-age", b"3600"),
    ),
)

_SHADES = re.compile(r"([0-9a-f]{6})-([0-9a-f]{6})\.css")


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
        self._assets = {name: _asset(media_type, parts) for name, (media_type, parts) in ASSETS.items()}

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
        return _PREFLIGHT

    async def asset(self, request: Request) -> Reply:
        return self._assets[request.path.rpartition("/")[2]].reply(request)

    async def brand(self, request: Request) -> Reply:
        """A colour for pages, in the light and in the dark: both stand in the path, so it is the same for ever."""
        shades = _SHADES.fullmatch(request.names["shades"])
        if not shades:
            raise GatepostError("not_found", "There is no such stylesheet.")
        rule = ".branded {{ --accent: light-dark(#{}, #{}); }}\n".format(*shades.groups())
        return Document(rule.encode(), METADATA_MAX_AGE, (), _CSS).reply(request)

    async def healthz(self, request: Request) -> Reply:
        """The process answers."""
        return json_reply({"status": "ok"})

    async def readyz(self, request: Request) -> Reply:
        """The store answers too, with a schema that this code can work on.

        That may be a newer one: a migration leaves the version before it working, so nodes can be replaced one by one.
        """
        if await self._instance.store.read(schema_version()) < NEWEST:
            raise GatepostError("temporarily_unavailable", "The database's schema is older than this version's.")
        return json_reply({"status": "ready"})


def _asset(media_type: bytes, parts: tuple[str, ...]) -> Document:
    folder = resources.files("gatepost.endpoints") / "files"
    return Document(b"".join((folder / part).read_bytes() for part in parts), METADATA_MAX_AGE, (), media_type)
