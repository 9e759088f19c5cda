"""What other servers export, read into what we import: apps as client metadata (RFC 7591 §2), people with their hashes.

One function to a server. What has no counterpart here is named as a warning; nothing is guessed.
"""

import base64
import binascii
import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeAlias

from gatepost.errors import GatepostError
from gatepost.foreign_passwords import render_argon2, render_pbkdf2
from gatepost.oauth.claims import SAYABLE
from gatepost.oauth.client_metadata import DEVICE_CODE

Document: TypeAlias = dict[str, Any]


class Person(NamedTuple):
    """Somebody from elsewhere. `claims` are ours by name alone; `password_hash` is in a form of `foreign_passwords`."""

    email: str
    claims: Document
    is_verified: bool = False
    is_disabled: bool = False
    password_hash: str | None = None


class Export(NamedTuple):
    """What an export holds: apps as client metadata, people, and what of it we do not have."""

    apps: list[Document]
    people: list[Person]
    warnings: list[str]


def read_keycloak(document: Any) -> Export:
    """A realm's export: `kc.sh export --users same_file`."""
    export = Export([], [], [])
    for client in _objects(document, "clients"):
        name = client.get("clientId")
        if name in _KEYCLOAKS_OWN or str(name).endswith("-realm") or client.get("bearerOnly"):
            continue
        if client.get("protocol", "openid-connect") != "openid-connect":
            export.warnings.append(f"{name}: its protocol is {client['protocol']}; it was left out")
            continue
        export.apps.append(_keycloak_app(client, export.warnings))
    for user in _objects(document, "users"):
        if user.get("serviceAccountClientId"):
            continue
        hashed = _keycloak_hash(user, export.warnings)
        is_off, is_verified = user.get("enabled") is False, user.get("emailVerified") is True
        export.people.append(Person(user.get("email") or "", _keycloak_claims(user), is_verified, is_off, hashed))
    return export


_KEYCLOAKS_OWN = frozenset(
    ("account", "account-console", "admin-cli", "broker", "realm-management", "security-admin-console")
)


def _keycloak_app(client: Document, warnings: list[str]) -> Document:
    name, attributes = client.get("clientId"), client.get("attributes") or {}
    grants = [
        grant
        for grant, is_on in (
            ("authorization_code", client.get("standardFlowEnabled")),
            ("refresh_token", client.get("standardFlowEnabled")),
            ("client_credentials", client.get("serviceAccountsEnabled")),
            (DEVICE_CODE, attributes.get("oauth2.device.authorization.grant.enabled") == "true"),
        )
        if is_on
    ]
    if client.get("directAccessGrantsEnabled") or client.get("implicitFlowEnabled"):
        warnings.append(f"{name}: the password and implicit grants do not exist here; they were dropped")
    secret = client.get("secret")
    if secret and not secret.strip("*"):
        warnings.append(f"{name}: its secret is masked in the export; it gets a new one")
        secret = None
    return _app(
        client_id=name,
        client_name=client.get("name") or name,
        client_secret=None if client.get("publicClient") else secret,
        token_endpoint_auth_method="none" if client.get("publicClient") else None,
        redirect_uris=_without_wildcards(name, client.get("redirectUris"), warnings),
        post_logout_redirect_uris=_without_wildcards(
            name, (attributes.get("post.logout.redirect.uris") or "").split("##"), warnings
        ),
        grant_types=grants,
    )


def _keycloak_claims(user: Document) -> Document:
    """What a realm tells of its people unless it was told otherwise: the mappers of its scopes."""
    attributes = (user.get("attributes") or {}).items()
    said = {name: values[0] for name, values in attributes if values and isinstance(values, list)}
    address = {part: said[name] for name, part in _KEYCLOAK_ADDRESS.items() if name in said}
    return {
        **_names(user.get("firstName"), user.get("lastName")),
        **{claim: said[name] for name, claim in _KEYCLOAK_CLAIMS.items() if name in said},
        "preferred_username": user.get("username"),
        "address": address,
    }


_KEYCLOAK_CLAIMS = {
    **{
        name: name
        for name in ("nickname", "profile", "picture", "website", "gender", "birthdate", "zoneinfo", "locale")
    },
    "middleName": "middle_name",
    "phoneNumber": "phone_number",
}
_KEYCLOAK_ADDRESS = {
    **{name: name for name in ("formatted", "locality", "region", "postal_code", "country")},
    "street": "street_address",
}


def _keycloak_hash(user: Document, warnings: list[str]) -> str | None:
    """The password among a user's credentials. The others, such as a second step, are named."""
    found = None
    for credential in user.get("credentials") or []:
        if credential.get("type") != "password":
            warnings.append(f"{user.get('email')}: a credential of type {credential.get('type')} was left out")
            continue
        try:
            secret, data = json.loads(credential["secretData"]), json.loads(credential["credentialData"])
            salt, digest, rounds = _raw(secret["salt"]), _raw(secret["value"]), int(data["hashIterations"])
            found = _keycloak_password(data, rounds, salt, digest)
        except (KeyError, TypeError, ValueError, IndexError):
            warnings.append(f"{user.get('email')}: the hash of the password cannot be read; it was left out")
    return found


def _keycloak_password(data: Document, rounds: int, salt: bytes, digest: bytes) -> str:
    algorithm = data["algorithm"]
    if algorithm == "argon2":
        more = {name: values[0] for name, values in data["additionalParameters"].items()}
        return render_argon2(more["type"], int(more["memory"]), rounds, int(more["parallelism"]), salt, digest)
    return render_pbkdf2({"pbkdf2": "sha1"}.get(algorithm, algorithm.removeprefix("pbkdf2-")), rounds, salt, digest)


def read_auth0(document: Any) -> Export:
    """Apps of the Management API and the users' bulk export: an object of `clients` and `users`, or a list of both."""
    export = Export([], [], [])
    entries = document if isinstance(document, list) else [*_objects(document, "clients"), *_objects(document, "users")]
    for entry in _objects({"entries": entries}, "entries"):
        if "client_id" not in entry:
            hashed = entry.get("passwordHash") or entry.get("password_hash")
            claims = {name: entry[name] for name in SAYABLE if name in entry}
            person = Person(entry.get("email") or "", claims, entry.get("email_verified") is True)
            export.people.append(person._replace(is_disabled=entry.get("blocked") is True, password_hash=hashed))
        elif not entry.get("global"):
            export.apps.append(_auth0_app(entry, export.warnings))
    return export


def _auth0_app(client: Document, warnings: list[str]) -> Document:
    name, kind = client["client_id"], client.get("app_type")
    is_public = client.get("token_endpoint_auth_method") == "none" or kind in ("spa", "native")
    return _app(
        client_id=name,
        client_name=client.get("name") or name,
        client_secret=None if is_public else client.get("client_secret"),
        application_type="native" if kind == "native" else None,
        token_endpoint_auth_method="none" if is_public else None,
        redirect_uris=_without_wildcards(name, client.get("callbacks"), warnings),
        post_logout_redirect_uris=_without_wildcards(name, client.get("allowed_logout_urls"), warnings),
        grant_types=[each for each in client.get("grant_types") or [] if not each.startswith("http://auth0.com/")],
    )


def read_hydra(document: Any) -> Export:
    """`hydra list clients --format json`. Hydra knows no people."""
    # Without its list it is another server's export, which is refused as what is no list.
    entries = document.get("items", document) if isinstance(document, dict) else document
    export = Export([], [], [])
    for client in _objects({"entries": entries}, "entries"):
        name = client.get("client_id")
        if not client.get("client_secret") and client.get("token_endpoint_auth_method") != "none":
            export.warnings.append(f"{name}: its secret is not in the export; it gets a new one")
        export.apps.append(_app(**{member: client.get(member) for member in _RFC7591}))
    return export


_RFC7591 = (
    *("client_id", "client_name", "client_secret", "token_endpoint_auth_method", "redirect_uris", "grant_types"),
    *("scope", "post_logout_redirect_uris", "backchannel_logout_uri", "jwks", "jwks_uri", "client_uri", "policy_uri"),
    *("tos_uri", "subject_type"),
)
"""What Hydra's clients have that ours have too."""


def read_django(document: Any) -> Export:
    """`manage.py dumpdata oauth2_provider.application auth.user`. Any model of users that has Django's fields."""
    export = Export([], [], [])
    for row in _objects({"rows": document}, "rows"):
        fields = row.get("fields") or {}
        if "client_id" in fields:
            export.apps.append(_django_app(fields, export.warnings))
        elif "password" in fields:
            claims = _names(fields.get("first_name"), fields.get("last_name"))
            hashed = _django_hash(fields, export.warnings)
            is_off = fields.get("is_active") is False
            export.people.append(Person(fields.get("email") or "", claims, False, is_off, hashed))
        else:
            export.warnings.append(f"a row of {row.get('model')} is neither an app nor a person; it was left out")
    return export


_DJANGO_GRANTS = {
    "authorization-code": ["authorization_code", "refresh_token"],
    "openid-hybrid": ["authorization_code", "refresh_token"],
    "client-credentials": ["client_credentials"],
    "urn:ietf:params:oauth:grant-type:device_code": [DEVICE_CODE, "refresh_token"],
}


def _django_app(fields: Document, warnings: list[str]) -> Document:
    name, grant = fields["client_id"], fields.get("authorization_grant_type")
    if grant not in _DJANGO_GRANTS:
        warnings.append(f"{name}: the grant {grant} does not exist here; it gets authorization_code")
    secret, is_public = fields.get("client_secret"), fields.get("client_type") == "public"
    if not is_public and (not secret or "$" in secret):
        warnings.append(f"{name}: its secret is hashed in the export; it gets a new one")
        secret = None
    return _app(
        client_id=name,
        client_name=fields.get("name") or name,
        client_secret=None if is_public else secret,
        token_endpoint_auth_method="none" if is_public else None,
        redirect_uris=_without_wildcards(name, (fields.get("redirect_uris") or "").split(), warnings),
        post_logout_redirect_uris=_without_wildcards(
            name, (fields.get("post_logout_redirect_uris") or "").split(), warnings
        ),
        grant_types=_DJANGO_GRANTS.get(grant or "", _DJANGO_GRANTS["authorization-code"]),
    )


def _django_hash(fields: Document, warnings: list[str]) -> str | None:
    """Django's `algorithm$…`. An unusable password begins with an exclamation mark."""
    text = fields["password"]
    if not isinstance(text, str) or not text or text.startswith("!"):
        return None
    kind, _, rest = text.partition("$")
    try:
        if kind in ("argon2", "bcrypt"):
            return f"${rest.removeprefix('$')}"
        if kind in ("pbkdf2_sha256", "pbkdf2_sha1"):
            rounds, salt, digest = rest.split("$")
            return render_pbkdf2(kind.removeprefix("pbkdf2_"), int(rounds), salt.encode(), _raw(digest))
    except ValueError:
        kind = "that cannot be read"
    warnings.append(f"{fields.get('email')}: a hash {kind} cannot be taken over; the password has to be set anew")
    return None


READERS: dict[str, Callable[[Any], Export]] = {
    "keycloak": read_keycloak,
    "auth0": read_auth0,
    "hydra": read_hydra,
    "django-oauth-toolkit": read_django,
}


def _names(given: Any, family: Any) -> Document:
    return {"name": " ".join(filter(None, (given, family))), "given_name": given, "family_name": family}


def _app(**members: Any) -> Document:
    return {name: value for name, value in members.items() if value not in (None, "", [])}


def _objects(document: Any, member: str) -> Iterator[Document]:
    """The objects in a list that is a member of the export. Raises `invalid_request`."""
    found = document.get(member) if isinstance(document, dict) else document
    if not isinstance(document, dict) or not isinstance(found, list | None):
        raise GatepostError(
            "invalid_request", "The file is not an export of this server.", fix="gatepost import --help"
        )
    for entry in found or []:
        if not isinstance(entry, dict):
            raise GatepostError("invalid_request", f"An entry of {member} in the file is not an object.")
        yield entry


def _without_wildcards(name: Any, uris: Any, warnings: list[str]) -> list[str]:
    texts = [each for each in uris or [] if isinstance(each, str) and each not in ("", "+", "-")]
    loose = [each for each in texts if "*" in each or each.startswith("/")]
    warnings += [
        f"{name}: {each} is not a whole URI, and there are no wildcards here; it was dropped" for each in loose
    ]
    return [each for each in texts if each not in loose]


def _raw(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as fault:
        raise ValueError("not base64") from fault
