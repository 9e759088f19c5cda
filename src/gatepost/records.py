"""The nouns: what the store hands out and the rules judge. Instants are epoch seconds, UTC; durations are seconds."""

from typing import NamedTuple

from gatepost.light import Light
from gatepost.rates import Rates, rates_of

MAX_ACCESS_TTL = 86_400
"""The longest life that an access token may have, whatever an app or the settings say: a day."""

UNTIL_USED = -1
"""A retry window without a clock: the previous refresh token answers until the current one has been used."""


WAITING, AGREED, REFUSED = "waiting", "approved", "refused"
"""What becomes of the request for an app: nobody has answered yet, or an admin has."""


class Org(NamedTuple):
    """An organization: the boundary of every look-up."""

    id: bytes
    name: str
    auth_token: str | None
    disabled_at: int | None
    created_at: int
    rate_limit: int | None = None
    """As in `Rates`; so are those of apps and grants."""
    apps_need_approval: bool = False
    """Whether its people connect other people's apps only once one of its admins has approved them."""
    settings: str = "{}"
    """What it chose for itself, as `oauth.org_settings` writes and reads it."""


class ApiKey(Light, frozen=True):
    """An organization's API key as its caller: who calls, with which powers. `org` is INSTANCE for an all-orgs key."""

    org: bytes
    id: bytes
    name: str
    scopes: str
    secret_hash: bytes
    key_version: int
    created_at: int
    expires_at: int | None
    revoked_at: int | None
    org_disabled_at: int | None

    def may(self, power: str) -> bool:
        return f" {power} " in f" {self.scopes} "


class App(Light, frozen=True):
    """An app (an OAuth client) and its policy; None in a policy means the setting's default."""

    org: bytes
    client_id: str
    name: str
    kind: str
    profile: str
    auth_method: str | None
    grant_types: str
    scope: str
    default_resource: str | None
    access_ttl: int | None
    grant_idle_ttl: int | None
    grant_ttl: int | None
    retry_window: int | None
    disabled_at: int | None
    created_at: int
    org_disabled_at: int | None
    metadata: str = "{}"
    """What no statement joins on, as `oauth.client_metadata` writes and reads it."""
    created_by: bytes | None = None
    """The person who made it, if one did: a developer may change it."""
    version: int = 0
    """Moves with every change, so that nobody overwrites what they have not seen."""
    rate_limit: int | None = None
    org_rate_limit: int | None = None

    @property
    def is_public(self) -> bool:
        """Whether it cannot keep a secret (RFC 6749 §2.1)."""
        return self.auth_method == "none"

    @property
    def is_free(self) -> bool:
        """Whether it belongs to no organization: it published or registered itself."""
        return not any(self.org)

    @property
    def rates(self) -> Rates | None:
        """What its tokens for itself are held to."""
        return rates_of(None, self.rate_limit, self.org_rate_limit)

    def home(self, org: bytes) -> bytes:
        """Whose APIs and words count where `org` connects it: its own organization's; a free app's are those of `org`."""
        return org if self.is_free else self.org


LOAN_SECONDS = 600
"""A secret that was made for no longer than this was lent, for one play of an app's flow, and is nobody's once it is over."""


class AppSecret(Light, frozen=True):
    """One of an app's secrets: never the secret, only its keyed hash and its last four characters."""

    id: bytes
    secret_hash: bytes
    key_version: int
    hint: str
    created_at: int
    expires_at: int | None
    last_used_at: int | None

    def is_live(self, now: int) -> bool:
        """Whether it still opens the door."""
        return self.expires_at is None or now < self.expires_at

    @property
    def was_lent(self) -> bool:
        """Whether it was made for a short while only."""
        return self.expires_at is not None and self.expires_at <= self.created_at + LOAN_SECONDS


class Resource(NamedTuple):
    """An API that tokens are for (RFC 8707), and the app that is this API, if one is registered."""

    uri: str
    scopes: str
    served_by: str | None
    created_at: int


class TrustedIssuer(NamedTuple):
    """An identity provider whose word an organization takes, and where its keys are. RFC 7523."""

    issuer: str
    jwks_uri: str
    created_at: int


class User(NamedTuple):
    """A person. People belong to the instance and are members of organizations."""

    id: bytes
    email: str
    disabled_at: int | None
    created_at: int
    name: str | None = None
    email_verified_at: int | None = None
    profile: str = "{}"
    """Further claims of OpenID Connect Core §5.1, as a JSON object; `updated_at` is when they or the name changed."""
    epoch: int = 0
    """How often their ways into the account were ended: by a new password, by the first proof of the address."""


class Member(NamedTuple):
    """A person in an organization, with the role they have there."""

    id: bytes
    email: str
    role: str
    disabled_at: int | None
    created_at: int


class Grant(Light, frozen=True):
    """A connection and the live state around it, as one look-up found them.

    `unbroken` says that no revocation of its org, app, member or API key has come since it was made: each of these
    counts its revocations, and the grant remembers the sum of the counts it was born with. `app_org` is the organization
    of the app where that is another one. `resource` may be several URIs, separated by spaces; `resource_exists` speaks of
    a single one. `authentication` is a JSON object: how the person had signed in, and which claims the app asked for.
    `jkt` is the key that a refresh has to be proved with: a thumbprint, `*` for any, None for none.
    """

    org: bytes
    id: bytes
    client_id: str
    user_id: bytes | None
    key_id: bytes | None
    scope: str
    resource: str | None
    generation: int
    salt: bytes
    created_at: int
    rotated_at: int
    last_used_at: int
    uses: int
    idle_ttl: int
    expires_at: int
    revoked_at: int | None
    unbroken: bool
    org_disabled_at: int | None
    app_disabled_at: int | None
    app_scope: str
    app_retry_window: int | None
    app_auth_method: str | None
    app_access_ttl: int | None
    user_disabled_at: int | None
    is_member: bool
    resource_exists: bool
    app_org: bytes | None = None
    session_id: bytes | None = None
    authentication: str = "{}"
    jkt: str | None = None
    rate_limit: int | None = None
    app_rate_limit: int | None = None
    org_rate_limit: int | None = None

    @property
    def rates(self) -> Rates | None:
        """What its tokens are held to."""
        return rates_of(self.rate_limit, self.app_rate_limit, self.org_rate_limit)


class Session(NamedTuple):
    """A person signed in at a browser. `amr` are the methods they used, separated by spaces (RFC 8176)."""

    id: bytes
    user_id: bytes
    salt: bytes
    generation: int
    rotated_at: int
    created_at: int
    last_seen_at: int
    expires_at: int
    auth_time: int
    amr: str
    address: str | None
    agent: str
    ended_at: int | None
    email: str
    name: str | None
    user_disabled_at: int | None
    longest_rest: int = 0
    """The longest time for which it was not in use since its person proved who they are."""
    user_epoch: int = 0
    """The person's `epoch` when this was read; of a new one, when its sign-in began."""


class Invitation(NamedTuple):
    """Somebody who may become a member, as what, and until when."""

    id: bytes
    email: str
    role: str
    created_at: int
    expires_at: int
    ended_at: int | None


class Passkey(NamedTuple):
    """The public half of a passkey, COSE-encoded, under the name that its person gave it. RFC 9052 §7."""

    id: bytes
    user_id: bytes
    name: str
    public_key: bytes
    sign_count: int
    created_at: int
    last_used_at: int | None


class Consent(NamedTuple):
    """What a person let an app do in an organization; `digest` is of what they were shown of the app."""

    org: bytes
    user_id: bytes
    client_id: str
    scope: str
    digest: bytes
    created_at: int


class AppRequest(NamedTuple):
    """An app that somebody asked an organization's admins to approve, and what became of it.

    `hosts` are where it may send people, `scope` what it was asked for with, `digest` is of what the app was then.
    `agreed_scope` and `agreed_digest` are what the organization has said yes to: it stays as it is while more is asked.
    """

    id: bytes
    client_id: str
    name: str
    hosts: str
    scope: str
    digest: bytes
    state: str
    asked_by: bytes
    asked_at: int
    agreed_scope: str | None = None
    agreed_digest: bytes | None = None
    decided_by: str | None = None
    decided_at: int | None = None
    reason: str = ""


class DeviceRequest(NamedTuple):
    """A device that waits for a person's answer. `approval`, once there is one, is the text of `oauth.approval`."""

    user_code: str
    client_id: str
    app_org: bytes
    scope: str
    resource: str | None
    address: str | None
    created_at: int
    expires_at: int
    state: str
    approval: str | None


class SigningKeyRecord(NamedTuple):
    """A signing key at rest: its state is next, active or retired; the private half is wrapped with the instance key."""

    kid: str
    alg: str
    state: str
    wrapped: bytes
    created_at: int
    published_at: int
    activated_at: int | None
    retired_at: int | None
    remove_at: int | None


class Revocation(NamedTuple):
    """A line of the revocation feed, under its number: what was revoked or disabled, by its kind and id, and when.

    `org` is INSTANCE for a person who was disabled everywhere.
    """

    seq: int
    org: bytes
    kind: str
    target: str
    at: int


class Letter(NamedTuple):
    """What is to be sent, by its kind; `sealed` is its content. `tries` counts the claims, `next_at` is when it is due."""

    id: bytes
    kind: str
    target: str
    sealed: bytes
    tries: int
    next_at: int
    created_at: int


class Webhook(NamedTuple):
    """Where an organization wants to hear of its events. `types` are types and families of events, all of them if empty.

    `secrets` are sealed. `fed_id` is the last event that was looked at for it. `failing_at` is since when nothing arrives.
    """

    id: bytes
    name: str
    url: str
    types: str
    secrets: bytes
    created_at: int
    fed_id: bytes
    disabled_at: int | None = None
    failing_at: int | None = None

    def wants(self, type: str) -> bool:
        """Whether it hears of events of this type."""
        return not self.types or not {type, type.partition(".")[0]}.isdisjoint(self.types.split())


class Seal(NamedTuple):
    """A signed piece of an organization's chain of events: see `flows.event_chain`, which writes and reads it."""

    seq: int
    last_id: bytes
    head: bytes
    entries: bytes
    statement: str
    created_at: int


class Event(NamedTuple):
    """Something an auditor asks about. `detail` is a JSON object that holds no secret."""

    id: bytes
    at: int
    type: str
    result: str
    actor: str
    client_id: str | None
    user_id: bytes | None
    grant_id: bytes | None
    address: str | None
    detail: str
