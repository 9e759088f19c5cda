"""Working configuration for what stands in front of an API, or inside it: the real issuer, audience and scopes filled in."""

import argparse
import json
import re
from importlib import resources
from urllib.parse import quote, urlencode, urlsplit

from gatepost.cli.options import Parser, settings_of, wants_json
from gatepost.cli.output import show
from gatepost.errors import GatepostError

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


def add_arguments(parser: Parser) -> None:
    parser.add_argument("name", metavar="NAME", choices=tuple(SNIPPETS), help=", ".join(SNIPPETS))
    parser.add_argument("--issuer", metavar="URL", help="this server's public URL (the setting issuer)")
    parser.add_argument("--audience", metavar="URI", help="the API that tokens have to be for (the issuer)")
    parser.add_argument("--scope", metavar='"…"', default="", help="what a token has to have, all of it")
    parser.add_argument(
        "--upstream", metavar="URL", default="http://127.0.0.1:8000", help="where the API listens (%(default)s)"
    )
    parser.add_argument("--client-id", metavar="CLIENT_ID", default="CLIENT_ID", help="apache: the app that is the API")
    parser.epilog = 'example:\n  gatepost snippet nginx --audience https://api.acme.dev --scope "agents:read"'
    parser.set_defaults(verb=_snippet)


def _snippet(options: argparse.Namespace) -> int:
    from gatepost.oauth.scope import parse_scope

    issuer = settings_of(options).issuer if options.issuer is None else options.issuer
    if not issuer and options.issuer is None:
        raise GatepostError(
            "invalid_configuration",
            "The snippet needs the server's public URL.",
            fix="--issuer https://…, or set issuer",
        )
    values = _values(
        _url("--issuer", issuer.rstrip("/")),
        _plain("--audience", issuer if options.audience is None else options.audience),
        parse_scope(options.scope),
        _url("--upstream", options.upstream.rstrip("/")),
    )
    values["client_id"] = _plain("--client-id", options.client_id)
    template = (resources.files("gatepost.cli") / "snippets" / SNIPPETS[options.name]).read_text()
    scope_rules = {"envoy": _envoy_rules, "apache": _apache_rules}.get(options.name)
    values["scope_rules"] = scope_rules(parse_scope(options.scope)) if scope_rules else ""
    text = _filled(template, values)
    show(wants_json(options), {"name": options.name, "text": text}, text)
    return 0


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
