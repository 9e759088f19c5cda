"""What the questions about invitations and mailed links promise when nobody interferes: each is good once."""

from gatepost.records import Invitation, Passkey
from gatepost.secrets import new_id
from gatepost.store.consents import find_consent
from gatepost.store.factors import find_totp, list_recovery_codes, replace_recovery_codes, turn_totp_on
from gatepost.store.grants import find_grant
from gatepost.store.invitations import (
    accept_invitation,
    find_invitation,
    list_invitations,
    make_invitation,
    withdraw_invitation,
)
from gatepost.store.orgs import find_org, find_owner
from gatepost.store.passkeys import find_passkey, keep_passkey, list_passkeys
from gatepost.store.people import (
    find_member,
    find_password_hash,
    find_user,
    hold_ways_in,
    make_member,
    replace_profile,
    set_password,
)
from gatepost.store.question import Store
from gatepost.store.recovery import enter_by_mail, prove_email, reset_password, sign_up, verify_email
from gatepost.store.restored import note_restored
from gatepost.store.sessions import change_password, find_session, list_sessions, make_session

from .test_questions_people import a_session, sign_in
from .world import DAY, EPOCH, NOW, act, an_invitation, populate


async def test_an_invitation_makes_one_member(store: Store) -> None:
    a, b = await populate(store, "acme"), await populate(store, "beta")
    assert await store.ask(accept_invitation(b.org, a.invitation, new_id(), "hash", EPOCH, act())) is None
    candidate = new_id()
    joined = await store.ask(accept_invitation(a.org, a.invitation, candidate, "hash", EPOCH, act(NOW + 1)))
    assert joined == (candidate, True)
    assert await store.ask(accept_invitation(a.org, a.invitation, new_id(), "other", EPOCH, act(NOW + 2))) is None
    member = await store.read(find_member(a.org, candidate))
    assert member is not None
    assert (member.email, member.role) == ("eve@invited.example", "developer")
    assert await store.read(find_password_hash(candidate)) == "hash"
    found = await store.read(find_invitation(a.org, a.invitation))
    assert found is not None
    assert found.ended_at == NOW + 1


async def test_a_member_who_accepts_an_older_invitation_keeps_their_role(store: Store) -> None:
    a = await populate(store, "acme")
    email = "eve@invited.example"
    owner, _ = await store.ask(make_member(a.org, new_id(), email, None, "owner", EPOCH, act()))
    joined = await store.ask(accept_invitation(a.org, a.invitation, new_id(), None, EPOCH, act(NOW + 1)))
    assert joined == (owner, False)
    member = await store.read(find_member(a.org, owner))
    assert member is not None
    assert member.role == "owner"


async def test_invitations_are_listed_page_by_page(store: Store) -> None:
    a = await populate(store, "acme")
    for name in ("eve", "joe"):
        await store.ask(make_invitation(a.org, Invitation(new_id(), name, "member", NOW, NOW + DAY, None), act()))
    whole = await store.read(list_invitations(a.org, NOW))
    assert await store.read(list_invitations(a.org, NOW, limit=2)) == whole[:2]
    assert await store.read(list_invitations(a.org, NOW, after=whole[1].id)) == whole[2:]
    assert len(whole) == 3


async def test_an_invitation_ends_in_time_or_when_withdrawn(store: Store) -> None:
    a = await populate(store, "acme")
    assert [each.id for each in await store.read(list_invitations(a.org, NOW))] == [a.invitation]
    assert await store.read(list_invitations(a.org, NOW + DAY)) == []
    assert await store.ask(accept_invitation(a.org, a.invitation, new_id(), None, EPOCH, act(NOW + DAY))) is None
    assert [await store.ask(withdraw_invitation(a.org, a.invitation, act())) for _ in range(2)] == [True, False]
    assert await store.ask(accept_invitation(a.org, a.invitation, new_id(), None, EPOCH, act())) is None


async def test_a_new_invitation_ends_the_old_one_for_the_same_address(store: Store) -> None:
    a, b = await populate(store, "acme"), await populate(store, "beta")
    new = an_invitation(new_id())
    assert await store.ask(make_invitation(a.org, new, act())) == NOW
    assert (
        await store.ask(make_invitation(a.org, an_invitation(new_id())._replace(email="new@acme.example"), act()))
        is None
    )
    assert new.id in [each.id for each in await store.read(list_invitations(a.org, NOW))]
    assert a.invitation not in [each.id for each in await store.read(list_invitations(a.org, NOW))]
    assert [each.id for each in await store.read(list_invitations(b.org, NOW))] == [b.invitation]


async def test_a_reset_spends_its_link_and_ends_what_there_is(store: Store) -> None:
    a = await populate(store, "acme")
    await sign_in(store, a)
    await store.ask(keep_passkey(Passkey(b"early", a.user, "A phone", b"public", 0, NOW, None), act()))
    assert await store.ask(reset_password(a.user, "new", b"link", NOW, NOW + 60, act(NOW + 1)))
    assert await store.read(find_passkey(b"early")) is None, "nobody had proved the address"
    assert not await store.ask(reset_password(a.user, "newer", b"link", NOW, NOW + 60, act(NOW + 2)))
    assert await store.read(find_password_hash(a.user)) == "new"
    grant, user = await store.read(find_grant(a.org, a.grant)), await store.read(find_user(a.user))
    assert grant is not None
    assert not grant.unbroken
    assert user is not None
    assert user.email_verified_at == NOW + 1
    await store.ask(note_restored(NOW - DAY, act(NOW + 30)))
    assert not await store.ask(reset_password(a.user, "newest", b"other", NOW, NOW + 60, act(NOW + 31)))


async def test_an_email_is_proved_as_long_as_it_is_theirs(store: Store) -> None:
    a = await populate(store, "acme")
    assert not await store.ask(verify_email(a.user, "other@acme.example", act(NOW + 1)))
    assert await store.ask(verify_email(a.user, a.email, act(NOW + 2), is_here=True))
    assert await store.ask(verify_email(a.user, a.email, act(NOW + 3)))
    user = await store.read(find_user(a.user))
    assert user is not None
    assert user.email_verified_at == NOW + 2, "the first proof counts"


async def test_the_first_proof_of_an_email_ends_what_was_before_it(store: Store) -> None:
    a, b = await populate(store, "acme"), await populate(store, "beta")
    await store.ask(make_member(b.org, new_id(), a.email, None, "member", EPOCH, act()))
    session = await sign_in(store, a)
    assert await store.ask(keep_passkey(Passkey(b"early", a.user, "A phone", b"public", 0, NOW, None), act()))
    assert await store.ask(turn_totp_on(a.user, b"sealed", 1, (b"one", b"two"), act()))
    await store.ask(set_password(a.user, "before", act()))
    assert await store.ask(verify_email(a.user, a.email, act(NOW + 1)))
    assert await store.read(find_password_hash(a.user)) is None
    assert await store.read(find_totp(a.user)) is None
    assert await store.read(list_recovery_codes(a.user)) == []
    assert await store.read(list_passkeys(a.user)) == []
    assert await store.read(list_sessions(a.user, NOW + 1)) == []
    assert await store.read(find_consent(a.org, a.user, a.client_id)) is None
    grant = await store.read(find_grant(a.org, a.grant))
    assert grant is not None
    assert not grant.unbroken
    ended = await store.read(find_session(session.id))
    assert ended is not None
    assert ended.ended_at == NOW + 1
    await store.ask(set_password(a.user, "after", act(NOW + 2)))
    assert await store.ask(verify_email(a.user, a.email, act(NOW + 3)))
    await store.ask(prove_email(a.user, act(NOW + 4)))
    assert await store.read(find_password_hash(a.user)) == "after", "only the first proof ends anything"


async def test_the_first_proof_of_an_email_ends_what_was_said_from_inside_the_account(store: Store) -> None:
    a, b = await populate(store, "acme"), await populate(store, "beta")
    for each, own_epoch in ((a, 0), (b, None)):
        user = await store.read(find_user(each.user))
        assert user is not None
        said = user._replace(name="Eve", profile='{"nickname":"E"}')
        assert await store.ask(replace_profile(user, said, act(), own_epoch))
        assert await store.ask(replace_profile(said, said._replace(profile='{"locale":"de"}'), act()))
        await store.ask(prove_email(each.user, act(NOW + 1)))
    mine, theirs = await store.read(find_user(a.user)), await store.read(find_user(b.user))
    assert mine is not None
    assert theirs is not None
    assert (mine.name, mine.profile) == (None, "{}")
    assert (theirs.name, theirs.profile) == ("Eve", '{"locale":"de"}'), "the operator said it"
    again = mine._replace(name="Ana")
    assert not await store.ask(replace_profile(mine, again, act(), 0)), "its session began before"
    assert await store.ask(replace_profile(mine, again, act(), mine.epoch))


async def test_what_began_before_the_ways_in_were_ended_comes_to_nothing(store: Store) -> None:
    a = await populate(store, "acme")
    user = await store.read(find_user(a.user))
    assert user is not None
    await store.ask(reset_password(a.user, "a new hash", b"link", NOW, NOW + 60, act(NOW + 1)))
    passkey = Passkey(b"late", a.user, "A phone", b"public", 0, NOW, None)
    late = [
        await store.ask(make_session(a_session(a.user, user_epoch=user.epoch), act())),
        await store.ask(change_password(a.user, "an old hash", b"", act(), user.epoch)),
        await store.ask(turn_totp_on(a.user, b"sealed", 1, (), act(), user.epoch)),
        await store.ask(keep_passkey(passkey, act(), user.epoch)),
    ]
    assert late == [False] * 4
    assert await store.read(find_password_hash(a.user)) == "a new hash"
    assert (await store.read(list_sessions(a.user, NOW)), await store.read(list_passkeys(a.user))) == ([], [])
    now = await store.read(find_user(a.user))
    assert now is not None
    assert await store.ask(make_session(a_session(a.user, user_epoch=now.epoch), act()))
    assert await store.ask(turn_totp_on(a.user, b"sealed", 1, (b"one",), act(), now.epoch))
    assert not await store.ask(replace_recovery_codes(a.user, (b"two",), act(), user.epoch))
    assert await store.ask(replace_recovery_codes(a.user, (b"two",), act(), now.epoch))
    assert not await store.ask(hold_ways_in(a.user, user.epoch))
    assert await store.ask(hold_ways_in(a.user, now.epoch))


async def test_a_mailed_link_enters_once_and_proves_the_email(store: Store) -> None:
    a = await populate(store, "acme")
    await store.ask(set_password(a.user, "before", act()))
    entered = [
        await store.ask(enter_by_mail(a.user, b"link", NOW, NOW + 60, act(NOW + n), is_here=True)) for n in (1, 2)
    ]
    assert entered == [True, False]
    user = await store.read(find_user(a.user))
    assert user is not None
    assert user.email_verified_at == NOW + 1
    assert await store.read(find_password_hash(a.user)) == "before", "it was theirs, who were signed in to it"


async def test_an_invitation_that_came_by_mail_proves_the_email(store: Store) -> None:
    a = await populate(store, "acme")
    candidate = new_id()
    await store.ask(accept_invitation(a.org, a.invitation, candidate, "hash", EPOCH, act(NOW + 1), is_mailed=True))
    user = await store.read(find_user(candidate))
    assert user is not None
    assert user.email_verified_at == NOW + 1
    assert await store.read(find_password_hash(candidate)) == "hash"


async def test_a_password_brought_to_somebody_elses_account_keeps_neither(store: Store) -> None:
    """While they chose a password as somebody new, another took the address: then nobody knows whose account it is."""
    a = await populate(store, "acme")
    other, _ = await store.ask(make_member(a.org, new_id(), "eve@invited.example", "theirs", "member", EPOCH, act()))
    joined = accept_invitation(a.org, a.invitation, new_id(), "mine", EPOCH, act(NOW + 1), is_mailed=True)
    assert await store.ask(joined) == (other, False)
    assert await store.read(find_password_hash(other)) is None


async def test_signing_up_makes_a_person_with_an_organization(store: Store) -> None:
    a = await populate(store, "acme")
    org, user, link = new_id(), new_id(), (b"link", NOW, NOW + 60)
    person = (user, "eve@new.example", "hash")
    assert await store.ask(sign_up((org, "Eve"), person, EPOCH, link, act())) == user
    assert await store.ask(sign_up((new_id(), "Eve"), person, EPOCH, link, act())) is None
    known = (new_id(), a.email, "hash")
    assert await store.ask(sign_up((new_id(), "Mallory"), known, EPOCH, (b"other", NOW, NOW + 60), act())) is None
    assert await store.read(find_owner("email", a.email)) == a.user
    member, place = await store.read(find_member(org, user)), await store.read(find_org(org))
    assert member is not None
    assert place is not None
    assert (member.role, place.name) == ("owner", "Eve")
