"""What the questions about trusted issuers promise when nobody interferes."""

from gatepost.records import TrustedIssuer
from gatepost.secrets import new_id
from gatepost.store.grants import find_grant
from gatepost.store.people import set_user_disabled
from gatepost.store.question import Store
from gatepost.store.trusted_issuers import (
    Identity,
    delete_trusted_issuer,
    find_identity,
    find_trusted_issuer,
    list_trusted_issuers,
    make_trusted_issuer,
    redeem_assertion,
)

from .world import NOW, act, new_grant, populate

OTHER = "https://a.example"


async def test_an_issuer_is_trusted_once(store: Store) -> None:
    a = await populate(store, "acme")
    other = TrustedIssuer(OTHER, f"{OTHER}/jwks", NOW)
    assert await store.ask(make_trusted_issuer(a.org, other, act())) is True
    assert await store.ask(make_trusted_issuer(a.org, other._replace(jwks_uri="https://b.example"), act())) is False
    assert await store.read(find_trusted_issuer(a.org, OTHER)) == other
    assert [each.issuer for each in await store.read(list_trusted_issuers(a.org))] == [OTHER, a.issuer]


async def test_who_is_who_is_forgotten_with_the_issuer(store: Store) -> None:
    a = await populate(store, "acme")
    assert await store.read(find_identity(a.org, a.issuer, "ann")) == a.user
    assert await store.read(find_identity(a.org, a.issuer, "bob")) is None
    assert await store.read(find_identity(a.org, OTHER, "ann")) is None
    assert await store.ask(delete_trusted_issuer(a.org, a.issuer, act())) is True
    assert await store.ask(delete_trusted_issuer(a.org, a.issuer, act())) is False
    assert await store.read(find_identity(a.org, a.issuer, "ann")) is None


async def test_an_assertion_makes_one_grant_and_the_first_link_stays(store: Store) -> None:
    a = await populate(store, "acme")
    identity, once, new = Identity(a.issuer, "new", a.user), (new_id(), NOW, NOW + 60), new_grant(a, new_id())
    assert await store.ask(redeem_assertion(a.org, identity, once, new, act())) is True
    assert await store.read(find_grant(a.org, new.id))
    assert await store.read(find_identity(a.org, a.issuer, "new")) == a.user
    assert await store.ask(redeem_assertion(a.org, identity, once, new_grant(a, new_id()), act())) is False


async def test_what_is_not_live_gets_neither_grant_nor_link(store: Store) -> None:
    a = await populate(store, "acme")
    await store.ask(set_user_disabled(a.user, True, act()))
    identity, new = Identity(a.issuer, "new", a.user), new_grant(a, new_id())
    assert await store.ask(redeem_assertion(a.org, identity, (new_id(), NOW, NOW + 60), new, act())) is False
    assert await store.read(find_grant(a.org, new.id)) is None
    assert await store.read(find_identity(a.org, a.issuer, "new")) is None
