"""Questions about identity providers that an organization trusts, and whom of its members they mean. RFC 7523."""

from typing import NamedTuple

from gatepost.records import TrustedIssuer
from gatepost.store.events import Act, record
from gatepost.store.grants import NewGrant, make_grant
from gatepost.store.people import find_member
from gatepost.store.question import SQL, Steps, question
from gatepost.store.spent import spend


class Identity(NamedTuple):
    """What an issuer calls a person, and who that is here."""

    issuer: str
    subject: str
    user_id: bytes


@question
def make_trusted_issuer(org: bytes, issuer: TrustedIssuer, act: Act) -> Steps[bool]:
    """Trust an issuer. False when it is trusted already."""
    rows = yield SQL(
        """insert into trusted_issuers (org, issuer, jwks_uri, created_at) values (?, ?, ?, ?)
            on conflict do nothing returning issuer""",
        (org, *issuer),
    )
    if rows:
        yield from record(org, "trusted_issuer.made", act)
    return bool(rows)


@question
def list_trusted_issuers(org: bytes) -> Steps[list[TrustedIssuer]]:
    """The issuers that the organization trusts, by name."""
    rows = yield SQL("select issuer, jwks_uri, created_at from trusted_issuers where org = ? order by issuer", (org,))
    return [TrustedIssuer._make(row) for row in rows]


@question
def find_trusted_issuer(org: bytes, issuer: str) -> Steps[TrustedIssuer | None]:
    """The issuer of this name, if the organization trusts it."""
    rows = yield SQL(
        "select issuer, jwks_uri, created_at from trusted_issuers where org = ? and issuer = ?", (org, issuer)
    )
    return TrustedIssuer._make(rows[0]) if rows else None


@question
def delete_trusted_issuer(org: bytes, issuer: str, act: Act) -> Steps[bool]:
    """Stop trusting an issuer, and forget whom it means. False when it was not trusted."""
    rows = yield SQL("delete from trusted_issuers where org = ? and issuer = ? returning issuer", (org, issuer))
    if rows:
        yield SQL("delete from identities where org = ? and issuer = ?", (org, issuer))
        yield from record(org, "trusted_issuer.deleted", act)
    return bool(rows)


@question
def find_identity(org: bytes, issuer: str, subject: str) -> Steps[bytes | None]:
    """The person whom an issuer calls so; None when it never named one."""
    rows = yield SQL(
        "select user_id from identities where org = ? and issuer = ? and subject = ?", (org, issuer, subject)
    )
    return rows[0][0] if rows else None


@question
def redeem_assertion(
    org: bytes, identity: Identity, once: tuple[bytes, int, int], new: NewGrant, act: Act
) -> Steps[bool]:
    """Make the grant that an assertion stands for, use the assertion up, and remember whom its issuer means.

    `once` is the assertion's id, when it was made, and until when it could be sent again. False when it was used before,
    or what it stands on is not live (any more).
    """
    # Whom it is about comes first: of another organization nothing is spent.
    if (yield from find_member(org, identity.user_id)) is None:
        return False
    if not (yield from spend("identity assertion", *once, act.at)):
        return False
    if not (yield from make_grant(org, new, act)):
        return False
    yield SQL(
        """insert into identities (org, issuer, subject, user_id, created_at) values (?, ?, ?, ?, ?)
            on conflict do nothing""",
        (org, *identity, act.at),
    )
    return True
