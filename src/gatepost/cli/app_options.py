"""The options of `app create` and `app edit` that say what an app says of itself: its keys, its algorithms, its URIs."""

import argparse
from typing import Any, NamedTuple

from gatepost.cli.options import Parser, duration
from gatepost.cli.reading import read_json
from gatepost.errors import GatepostError
from gatepost.jose import ALGORITHMS
from gatepost.oauth.client_metadata import ClientMetadata
from gatepost.oauth.foreign_jwt import KEY_OF

NONE = "none"
"""The value that takes a choice back: the option's default."""


class _Option(NamedTuple):
    """An option with a value, and the member of the metadata that it sets; `values` are the ones there are."""

    name: str
    member: str
    metavar: str
    help: str
    values: tuple[str, ...] = ()


_OPTIONS = (
    _Option("--jwks-uri", "jwks_uri", "URL", "where its public keys are, for private_key_jwt"),
    _Option(
        "--auth-alg", "token_endpoint_auth_signing_alg", "ALG", "the only one it signs assertions with", (*KEY_OF, NONE)
    ),
    _Option("--id-token-alg", "id_token_signed_response_alg", "ALG", "of its ID tokens (RS256)", ALGORITHMS),
    _Option("--userinfo-alg", "userinfo_signed_response_alg", "ALG", "sign what userinfo answers", (*ALGORITHMS, NONE)),
    _Option("--sector", "sector_identifier", "HOST", "apps of one sector see the same pairwise subjects"),
    _Option("--optional-scope", "optional_scope", '"…"', "scopes that a person may leave out"),
    _Option("--logout-uri", "backchannel_logout_uri", "URL", "where it hears that somebody signed out"),
    _Option("--client-uri", "client_uri", "URL", "its home page"),
    _Option("--policy-uri", "policy_uri", "URL", "its privacy policy"),
    _Option("--tos-uri", "tos_uri", "URL", "its terms of service"),
)

_SWITCHES = (
    ("--first-party", "first_party", "the organization vouches for it as its own"),
    ("--agent", "agent", "it decides for itself what to do in people's names, and they are told so"),
    ("--skip-consent", "skip_consent", "ask nobody; for first-party apps"),
    ("--pairwise", "pairwise", "it sees people by names that no other app sees"),
    ("--open-to-others", "open_to_others", "members of other organizations may connect it"),
    ("--require-par", "require_pushed_authorization_requests", "its requests must be pushed to /par"),
    ("--require-dpop", "dpop_bound_access_tokens", "its tokens are bound to a key that it proves (DPoP)"),
    ("--logout-session", "backchannel_logout_session_required", "it needs the session's id to be told of a logout"),
)
"""Options that say yes, and with `--no-` in front no."""


_DEFAULTS = ClientMetadata()


def add_metadata_options(verb: Parser) -> None:
    """The options, for a verb that makes or changes an app."""
    verb.add_argument("--jwks", metavar="FILE", help="its public keys (a JWKS), for private_key_jwt")
    for each in _OPTIONS:
        verb.add_argument(
            each.name, metavar=each.metavar, dest=each.member, choices=each.values or None, help=each.help
        )
    for name, member, summary in _SWITCHES:
        verb.add_argument(name, dest=member, action=argparse.BooleanOptionalAction, default=None, help=summary)
    verb.add_argument("--default-max-age", metavar="DURATION", help="people must have signed in since")
    verb.add_argument(
        "--post-logout-redirect",
        metavar="URL",
        dest="post_logout_redirect_uris",
        action="append",
        help="where people may be sent once they signed out; may be given several times, replaces those there were",
    )


def metadata_of(options: argparse.Namespace) -> dict[str, Any]:
    """What was given, by member; `none` is a member's default. Raises `invalid_request`, `not_found`."""
    given: dict[str, Any] = {each.member: getattr(options, each.member) for each in _OPTIONS}
    given |= {member: getattr(options, member) for _, member, _ in _SWITCHES}
    given["subject_type"] = {None: None, True: "pairwise", False: "public"}[given.pop("pairwise")]
    age = options.default_max_age
    given["default_max_age"] = age if age == NONE else duration(age, "--default-max-age")
    given["jwks"] = options.jwks
    if options.jwks not in (None, NONE):
        given["jwks"] = read_json(options.jwks, fix="--jwks FILE, with a JWKS in it")
    uris = options.post_logout_redirect_uris
    given["post_logout_redirect_uris"] = NONE if uris == [NONE] else uris and tuple(uris)
    if "" in given.values():
        empty = next(member for member, value in given.items() if value == "")
        raise GatepostError("invalid_request", f"{empty} is empty.", fix=f"leave it out, or say {NONE}")
    chosen = {member: value for member, value in given.items() if value is not None}
    return {member: getattr(_DEFAULTS, member) if value == NONE else value for member, value in chosen.items()}
