"""What the connection form of another product asks for, in the words and the order of that form; and first code for an app."""

from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import urlencode

import orjson

from gatepost.oauth.client_metadata import DEVICE_CODE, grant_types_of
from gatepost.records import App

SECRET = "YOUR_CLIENT_SECRET"  # a place to fill in
"""What stands in the place of a secret: we do not have it any more."""


class Details(NamedTuple):
    """The values that a connector asks for."""

    issuer: str
    app: App
    redirect_uri: str

    @property
    def secret(self) -> str:
        return "" if self.app.is_public else SECRET

    @property
    def scope(self) -> str:
        return self.app.scope

    def url(self, path: str) -> str:
        """An endpoint of this server."""
        return self.issuer.rstrip("/") + path


def _env(details: Details) -> str:
    lines = {
        "GATEPOST_ISSUER": details.issuer,
        "GATEPOST_CLIENT_ID": details.app.client_id,
        "GATEPOST_CLIENT_SECRET": details.secret,
        "GATEPOST_SCOPE": f'"{details.scope}"' if details.scope else "",
        "GATEPOST_REDIRECT_URI": details.redirect_uri,
    }
    return "\n".join(f"{name}={value}" for name, value in lines.items() if value)


def _json(details: Details) -> str:
    content = {
        "issuer": details.issuer,
        "authorization_endpoint": details.url("/authorize"),
        "token_endpoint": details.url("/token"),
        "revocation_endpoint": details.url("/revoke"),
        "userinfo_endpoint": details.url("/userinfo"),
        "client_id": details.app.client_id,
        "client_secret": details.secret or None,
        "scope": details.scope,
        "redirect_uri": details.redirect_uri or None,
    }
    return orjson.dumps(content, option=orjson.OPT_INDENT_2).decode()


def _lines(*pairs: tuple[str, str]) -> str:
    width = max(len(label) for label, _ in pairs)
    return "\n".join(f"{label:<{width}}  {value}".rstrip() for label, value in pairs)


def _viasocket(details: Details) -> str:
    return _lines(
        ("Authentication type", "OAuth 2.0"),
        ("Client ID", details.app.client_id),
        ("Client secret", details.secret),
        ("Login URL", details.url("/authorize")),
        ("Access token URL", details.url("/token")),
        ("Refresh token URL", details.url("/token")),
        ("Revoke URL", details.url("/revoke")),
        ("Test API", details.url("/userinfo")),
        ("Unique id", "sub"),
        ("Scopes", details.scope),
        ("PKCE", "S256"),
    )


def _zapier(details: Details) -> str:
    return _lines(
        ("Client ID", details.app.client_id),
        ("Client Secret", details.secret),
        ("Authorization URL", f"GET {details.url('/authorize')}"),
        ("Scope", details.scope),
        ("Access Token Request", f"POST {details.url('/token')}  grant_type=authorization_code"),
        ("Refresh Token Request", f"POST {details.url('/token')}  grant_type=refresh_token"),
        ("Automatically refresh", "yes"),
        ("Enable PKCE", "yes"),
        ("Test", f"GET {details.url('/userinfo')}"),
        ("Connection label", "{{name}}"),
    )


def _n8n(details: Details) -> str:
    return _lines(
        ("Credential", "OAuth2 API"),
        ("Grant Type", "PKCE"),
        ("Authorization URL", details.url("/authorize")),
        ("Access Token URL", details.url("/token")),
        ("Client ID", details.app.client_id),
        ("Client Secret", details.secret),
        ("Scope", details.scope),
        ("Authentication", "Header"),
    )


FORMS: dict[str, tuple[str, Callable[[Details], str]]] = {
    "env": (".env", _env),
    "json": ("JSON", _json),
    "viasocket": ("viaSocket", _viasocket),
    "zapier": ("Zapier", _zapier),
    "n8n": ("n8n", _n8n),
}
"""The forms there are, by what stands in the URL, each with its name."""


def _curl(details: Details) -> str:
    grants = grant_types_of(details.app)
    user = f'-u "{details.app.client_id}:$GATEPOST_CLIENT_SECRET"'
    who = f"-d client_id={details.app.client_id}" if details.app.is_public else user
    scope = f' -d scope="{details.scope}"' if details.scope else ""
    if "authorization_code" not in grants and "client_credentials" in grants:
        return f"curl {details.url('/token')} {user} -d grant_type=client_credentials{scope}"
    if DEVICE_CODE in grants:
        return (
            f"curl {details.url('/device_authorization')} {who}{scope}\n"
            f"curl {details.url('/token')} {who} -d grant_type={DEVICE_CODE} -d device_code=…"
        )
    query = urlencode(
        {
            "response_type": "code",
            "client_id": details.app.client_id,
            "redirect_uri": details.redirect_uri,
            **({"scope": details.scope} if details.scope else {}),
            "code_challenge_method": "S256",
        }
    )
    return (
        "verifier=$(openssl rand -hex 32)\n"
        'challenge=$(printf %s "$verifier" | openssl dgst -sha256 -binary | basenc --base64url | tr -d =)\n'
        f'echo "{details.url("/authorize")}?{query}&code_challenge=$challenge"\n'
        f"curl {details.url('/token')} {who} -d grant_type=authorization_code -d code=… -d code_verifier=$verifier"
    )


def _python(details: Details) -> str:
    issuer, client_id, scope = (_quoted(each) for each in (details.issuer, details.app.client_id, details.scope))
    if "authorization_code" not in grant_types_of(details.app):
        return (
            "import httpx\nfrom gatepost_sdk.client import ClientCredentials\n\n"
            f'auth = ClientCredentials({issuer}, {client_id}, secret_from="env:GATEPOST_CLIENT_SECRET", scope={scope})\n'
            'with httpx.Client(auth=auth) as api:\n    api.get("https://api.example.com/")\n'
        )
    secret = "" if details.app.is_public else ', secret_from="env:GATEPOST_CLIENT_SECRET"'
    device = "device=True" if DEVICE_CODE in grant_types_of(details.app) else ""
    return (
        "import httpx\nfrom gatepost_sdk.client import FileStore, OAuth2Auth\n\n"
        f'auth = OAuth2Auth({issuer}, client_id={client_id}{secret}, store=FileStore("~/.tokens"), scope={scope})\n'
        f"auth.login({device})\n"
        'with httpx.Client(auth=auth) as api:\n    api.get("https://api.example.com/")\n'
    )


def _javascript(details: Details) -> str:
    issuer, client_id, scope = (_quoted(each) for each in (details.issuer, details.app.client_id, details.scope))
    method = (
        "client.None()" if details.app.is_public else "client.ClientSecretBasic(process.env.GATEPOST_CLIENT_SECRET)"
    )
    return (
        'import * as client from "openid-client";\n\n'
        f"const config = await client.discovery(new URL({issuer}), {client_id}, undefined, {method});\n"
        "const verifier = client.randomPKCECodeVerifier();\n"
        "const url = client.buildAuthorizationUrl(config, {\n"
        f"  redirect_uri: {_quoted(details.redirect_uri)},\n  scope: {scope},\n"
        '  code_challenge: await client.calculatePKCECodeChallenge(verifier),\n  code_challenge_method: "S256",\n});\n'
        "// send the browser to url; when it is back:\n"
        "const tokens = await client.authorizationCodeGrant(config, currentUrl, { pkceCodeVerifier: verifier });\n"
    )


def _quoted(text: str) -> str:
    return orjson.dumps(text).decode()


FIRST_CODE: dict[str, tuple[str, Callable[[Details], str]]] = {
    "curl": ("curl", _curl),
    "python": ("Python", _python),
    "javascript": ("JavaScript", _javascript),
}
"""What an app's developer begins with; what the API begins with is in `flows.snippets`."""

API_CODE = {
    "caddy": "Caddy",
    "traefik": "Traefik",
    "envoy": "Envoy",
    "apache": "Apache",
    "fastapi": "FastAPI",
    "flask": "Flask",
    "django": "Django",
    "fastmcp": "FastMCP",
}
"""The names of those, where they are not what one types."""
