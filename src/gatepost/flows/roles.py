"""Who may administer what: people by their role, API keys by their scopes, and the operator of the machine everything.

Every verb that administers asks its actor first, and `Actor.check` answers with the frame in which the verb's events are
recorded. So a verb cannot act without having asked, whichever face it was called from.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from gatepost.errors import GatepostError, OAuthError
from gatepost.records import App
from gatepost.store.events import Act

ROLES = ("owner", "admin", "developer", "auditor", "member")


class Deed(StrEnum):
    """What there is to be done, in the words that complete “you may not …”."""

    ORG_READ = "see the organization"
    ORG_WRITE = "change the organization"
    ORG_END = "disable the organization"
    APPS_READ = "see apps"
    APPS_WRITE = "change apps"
    GRANTS_READ = "see connections"
    GRANTS_REVOKE = "end connections"
    RESOURCES_READ = "see resources and scopes"
    RESOURCES_WRITE = "change resources and scopes"
    TRUST_WRITE = "choose which identity providers are trusted"
    PEOPLE_READ = "see people"
    PEOPLE_WRITE = "change people"
    OWNERS_WRITE = "make or change owners"
    KEYS_READ = "see API keys"
    KEYS_WRITE = "make and end API keys"
    EVENTS_READ = "see events"
    TOKENS_ISSUE = "get tokens by the four routes"
    USERS_ACT = "act for people"
    WEBHOOKS_READ = "see webhooks"
    WEBHOOKS_WRITE = "change webhooks"
    REQUESTS_READ = "see which apps people asked for"
    REQUESTS_WRITE = "approve or refuse apps"
    SIGNING_READ = "see signing keys"
    SIGNING_ROTATE = "rotate signing keys"
    INSTANCE_WRITE = "change what belongs to the whole server"


class Rule(NamedTuple):
    """Who may do a deed: people with one of `roles`, with one of `own` for apps that they made, API keys with one of `scopes`.

    The first scope is the least one.
    """

    roles: frozenset[str] = frozenset()
    own: frozenset[str] = frozenset()
    scopes: tuple[str, ...] = ()


_OWNERS = frozenset(("owner",))
_ADMINS = _OWNERS | {"admin"}
_READERS = _ADMINS | {"auditor"}
_DEVELOPERS = frozenset(("developer",))
_EVERYBODY = _READERS | _DEVELOPERS

MATRIX = {
    Deed.ORG_READ: Rule(_EVERYBODY, scopes=("org:read", "org:write")),
    Deed.ORG_WRITE: Rule(_ADMINS, scopes=("org:write",)),
    Deed.ORG_END: Rule(_OWNERS),
    Deed.APPS_READ: Rule(_READERS, own=_DEVELOPERS, scopes=("apps:read", "apps:write")),
    Deed.APPS_WRITE: Rule(_ADMINS, own=_DEVELOPERS, scopes=("apps:write",)),
    Deed.GRANTS_READ: Rule(_READERS, own=_DEVELOPERS, scopes=("grants:read",)),
    Deed.GRANTS_REVOKE: Rule(_ADMINS, own=_DEVELOPERS, scopes=("grants:revoke",)),
    Deed.RESOURCES_READ: Rule(_EVERYBODY, scopes=("resources:read", "resources:write")),
    Deed.RESOURCES_WRITE: Rule(_ADMINS, scopes=("resources:write",)),
    # Whoever chooses them can be anybody in the organization, its owners too.
    Deed.TRUST_WRITE: Rule(_OWNERS),
    Deed.PEOPLE_READ: Rule(_READERS, scopes=("people:read", "people:write")),
    Deed.PEOPLE_WRITE: Rule(_ADMINS, scopes=("people:write",)),
    Deed.OWNERS_WRITE: Rule(_OWNERS),
    Deed.KEYS_READ: Rule(_READERS, scopes=("keys:read", "keys:write")),
    Deed.KEYS_WRITE: Rule(_ADMINS, scopes=("keys:write",)),
    Deed.EVENTS_READ: Rule(_READERS, own=_DEVELOPERS, scopes=("events:read",)),
    Deed.TOKENS_ISSUE: Rule(_ADMINS, own=_DEVELOPERS, scopes=("tokens:issue",)),
    Deed.USERS_ACT: Rule(_OWNERS, scopes=("users:act",)),
    Deed.WEBHOOKS_READ: Rule(_READERS, scopes=("webhooks:read", "webhooks:write")),
    Deed.WEBHOOKS_WRITE: Rule(_ADMINS, scopes=("webhooks:write",)),
    # Whoever may change the organization may let every app in: a scope of its own would guard nothing.
    Deed.REQUESTS_READ: Rule(_EVERYBODY, scopes=("org:read", "org:write")),
    Deed.REQUESTS_WRITE: Rule(_ADMINS, scopes=("org:write",)),
    Deed.SIGNING_READ: Rule(_EVERYBODY, scopes=("signing:read", "signing:rotate")),
    Deed.SIGNING_ROTATE: Rule(scopes=("signing:rotate",)),
    Deed.INSTANCE_WRITE: Rule(),
}
"""All of it. A member who is none of these roles has no business here; the operator is not in it, and may everything."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, and where: a person of an organization, an API key, or, with `org` None, the operator.

    `role` and `user_id` are a person's, `scopes` a key's.
    """

    act: Act
    org: bytes | None = None
    role: str = ""
    user_id: bytes | None = None
    scopes: frozenset[str] = frozenset()

    @property
    def actor(self) -> str:
        """How events name whoever acts."""
        return self.act.actor

    def may(self, deed: Deed, app: App | None = None) -> bool:
        """Whether the actor may do this at home; to this app, if it is about one."""
        if self.org is None:
            return True
        rule = MATRIX[deed]
        is_own = app is not None and self.user_id is not None and app.created_by == self.user_id
        return self.role in rule.roles or not self.scopes.isdisjoint(rule.scopes) or (is_own and self.role in rule.own)

    def may_own(self, deed: Deed) -> bool:
        """Whether the actor may do this to apps of their own, if not to all."""
        return self.may(deed) or self.role in MATRIX[deed].own

    def may_give(self, scope: str) -> bool:
        """Whether the actor may give an API key this scope: a key only what it has, a person only what they may do."""
        if self.org is None or not self.role:
            return self.org is None or scope in self.scopes
        return all(self.may(deed) for deed, rule in MATRIX.items() if scope in rule.scopes)

    def check_reach(self, role: str) -> None:
        """Raises `insufficient_scope` when people with this role may do more than the API key that makes or changes them."""
        if self.org is None or self.role:
            return
        for deed, rule in MATRIX.items():
            if role in rule.roles | rule.own and not self.may(deed):
                raise self._refused(deed)

    def check(self, deed: Deed, org: bytes, app: App | None = None) -> Act:
        """The frame for the events of this deed in this organization.

        Raises `insufficient_scope` for an API key, `not_allowed` for a person, and `not_found` where they do not belong.
        """
        if self.org not in (None, org):
            raise GatepostError("not_found", "There is no such thing here.", detail="it is another organization's")
        if not self.may(deed, app):
            raise self._refused(deed)
        return self.act

    def check_own(self, deed: Deed, org: bytes) -> Act:
        """The same for what is about apps of one's own: making one, or a list of them. Raises as `check` does."""
        return self.act if self.org == org and self.may_own(deed) else self.check(deed, org)

    def _refused(self, deed: Deed) -> GatepostError:
        if self.role:
            whose = " that others made" if self.role in MATRIX[deed].own else ""
            return GatepostError("not_allowed", f"As {self.role} of this organization you may not {deed.value}{whose}.")
        if not MATRIX[deed].scopes:
            return GatepostError("not_allowed", f"No API key may {deed.value}.")
        scope = MATRIX[deed].scopes[0]
        return OAuthError(
            "insufficient_scope",
            f"This API key lacks the scope {scope}.",
            scheme=f'Bearer error="insufficient_scope", scope="{scope}"',
            scope=scope,
        )


def operator(act: Act) -> Actor:
    """Whoever has the data directory in their hands."""
    return Actor(act)
