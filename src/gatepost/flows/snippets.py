"""Working configuration for what stands in front of an API, or inside it: the real issuer, audience and scopes filled in."""

import json
import re
from collections.abc import Callable
from importlib import resources
from typing import NamedTuple
from urllib.parse import quote, urlencode, urlsplit

from gatepost.errors import GatepostError
from gatepost.oauth.scope import parse_scope

SNIPPETS = {
    "nginx": "nginx.conf",
    "caddy": "caddy.txt",
    "traefik": "traefik.yaml",
    "envoy": "envoy.yaml",
    "apache": "apache.conf",
    "fastapi": "fastapi.txt",
    "flask": "flask.txt",
    "django": "django.txt",
    "fastmcp": "fastmcp.txt",
}

PORTS = {"http": 80, "https": 443}

_PLACE = re.compile(r"@([a-z_]+)@")
_PLAIN = re.compile(r"[\w.~:/?&=%!,+*()\[\]-]+", re.ASCII)
"""What no configuration language reads as anything but text."""

_ENVOY_SCOPE = """\
                                    - sourced_metadata:
                                        metadata_matcher:
                                          filter: envoy.filters.http.jwt_authn
                                          path: [{ key: token }, { key: scope }]
                                          value: { string_match: { safe_regex: { regex: @regex@ } } }"""

_ENVOY_TLS = """\
      transport_socket:
        name: envoy.transport_sockets.tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
          sni: @host@
          common_tls_context:
            validation_context:
              trusted_ca: { filename: /etc/ssl/certs/ca-certificates.crt }
              match_typed_subject_alt_names: [{ san_type: DNS, matcher: { exact: @host@ } }]"""


class Blanks(NamedTuple):
    """What is filled in: the server, the API behind it and what a token needs there, and the app that is that API."""

    issuer: str
    audience: str
    scope: str = ""
    upstream: str = "http://127.0.0.1:8000"
    client_id: str = "CLIENT_ID"


def render_snippet(name: str, blanks: Blanks) -> str:
    """The snippet of this name with its blanks filled. Raises `invalid_request` for what a configuration might misread."""
    scopes = parse_scope(blanks.scope)
    values = _values(
        _url("--issuer", blanks.issuer.rstrip("/")),
        _plain("--audience", blanks.audience),
        scopes,
        _url("--upstream", blanks.upstream.rstrip("/")),
    )
    values["client_id"] = _plain("--client-id", blanks.client_id)
    rules: dict[str, Callable[[tuple[str, ...]], str]] = {"envoy": _envoy_rules, "apache": _apache_rules}
    values["scope_rules"] = rules[name](scopes) if name in rules else ""
    return _filled((resources.files("gatepost.flows") / "snippet_texts" / SNIPPETS[name]).read_text(), values)


def _values(issuer: str, audience: str, scopes: tuple[str, ...], upstream: str) -> dict[str, str]:
    """What stands in the places of the templates; a `_text` is quoted as JSON, YAML and Python read it alike."""
    place = urlsplit(issuer)
    query = urlencode({"audience": audience} | ({"scope": " ".join(scopes)} if scopes else {}), quote_via=quote)
    return {
        "issuer": issuer,
        "issuer_text": json.dumps(issuer),
        "issuer_origin": f"{place.scheme}://{place.netloc}",
        "issuer_host": place.netloc,
        "issuer_address": _address(issuer),
        "issuer_tls": _filled(_ENVOY_TLS, {"host": json.dumps(place.hostname)}) if place.scheme == "https" else "",
        "jwks_text": json.dumps(f"{issuer}/jwks.json"),
        "audience": audience,
        "audience_text": json.dumps(audience),
        "check": f"{issuer}/check?{query}",
        "check_text": json.dumps(f"{issuer}/check?{query}"),
        "check_path": f"{place.path}/check?{query}",
        "scope_arguments": ", ".join(map(json.dumps, scopes)),
        "upstream": upstream,
        "upstream_text": json.dumps(upstream),
        "upstream_address": _address(upstream),
    }


def _envoy_rules(scopes: tuple[str, ...]) -> str:
    return "\n".join(_filled(_ENVOY_SCOPE, {"regex": json.dumps(_among(scope))}) for scope in scopes)


def _apache_rules(scopes: tuple[str, ...]) -> str:
    return "".join(f'        Require claim "scope~^{_among(scope)}$"\n' for scope in scopes)


def _among(scope: str) -> str:
    """A pattern for a list of scopes that has this one in it."""
    return f"(.* )?{re.escape(scope)}( .*)?"


def _address(url: str) -> str:
    """Host and port as Envoy reads them."""
    place = urlsplit(url)
    return f"{{ address: {json.dumps(place.hostname)}, port_value: {place.port or PORTS[place.scheme]} }}"


def _filled(template: str, values: dict[str, str]) -> str:
    return _PLACE.sub(lambda place: values[place[1]], template)


def _url(option: str, text: str) -> str:
    try:
        place = urlsplit(_plain(option, text))
        is_one = place.scheme in PORTS and place.hostname and not place.query and place.port != 0
    except ValueError:
        is_one = False
    if not is_one:
        raise GatepostError(
            "invalid_request", f"{option} {text} is not an http or https URL.", fix=f"{option} https://host"
        )
    return text


def _plain(option: str, text: str) -> str:
    if not _PLAIN.fullmatch(text):
        raise GatepostError(
            "invalid_request",
            f"{option} is empty, or has a character that a configuration might misread.",
            fix="letters, digits and the punctuation of URLs; escape others as %XX",
        )
    return text
