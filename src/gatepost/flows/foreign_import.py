"""Apps and people brought from another server. Everything is looked at before anything is written.

People come first, some hundreds in a transaction so that a running server's writes are not held up; whoever is known
already keeps all they have. The apps come last, in one. So a run that was cut short is simply run again.
"""

from typing import Any, NamedTuple

from gatepost.errors import GatepostError
from gatepost.flows.app_import import Imported, keep_planned, plan_apps
from gatepost.flows.foreign_exports import READERS, Export, Person
from gatepost.flows.instance import Instance, fresh_epoch
from gatepost.flows.people import check_email
from gatepost.flows.roles import Actor, Deed
from gatepost.foreign_passwords import is_checkable
from gatepost.oauth.claims import change_claims, parse_claim
from gatepost.records import User
from gatepost.secrets import new_id
from gatepost.store.orgs import find_owner
from gatepost.store.people import bring_people

AT_ONCE = 200


class Brought(NamedTuple):
    """What was imported, or would be: the apps, how many people are new and known, and what was left out."""

    apps: list[Imported]
    new_people: int
    known_people: int
    with_password: int
    warnings: list[str]


async def import_export(
    instance: Instance, org: bytes, server: str, document: Any, actor: Actor, *, is_rehearsal: bool
) -> Brought:
    """Take an export of one of READERS over into an organization; a rehearsal only says what would be.

    For the operator alone. Raises `invalid_request`, `conflict` for an app that exists, and as `Actor.check` does.
    """
    actor.check(Deed.INSTANCE_WRITE, org)
    export = _read(server, document)
    warnings = list(export.warnings)
    planned, dropped = await plan_apps(instance, org, export.apps, update=False, actor=actor)
    warnings += dropped
    people = _checked(export.people, warnings)
    known = [await instance.store.read(find_owner("email", person.email)) for person in people]
    if not is_rehearsal:
        for start in range(0, len(people), AT_ONCE):
            some = tuple(_brought(person, actor.act.at) for person in people[start : start + AT_ONCE])
            await instance.store.ask(bring_people(org, some, fresh_epoch(), actor.act))
        await keep_planned(instance, org, planned, actor.act)
    apps = [Imported(draft.app, fresh.text if fresh else None, draft.is_new) for draft, fresh in planned]
    new = [person for person, owner in zip(people, known, strict=True) if owner is None]
    return Brought(apps, len(new), len(people) - len(new), sum(bool(each.password_hash) for each in new), warnings)


def _read(server: str, document: Any) -> Export:
    """What the export holds. Raises `invalid_request` for one of nothing, and for one whose members are of other types."""
    try:
        export = READERS[server](document)
        is_sound = all(isinstance(each, str | None) for person in export.people for each in _texts(person))
    except (AttributeError, KeyError, TypeError):
        is_sound = False
    if not is_sound:
        raise GatepostError(
            "invalid_request",
            "The file is not an export of this server: a member is missing, or of another type.",
            fix="gatepost import --help",
        )
    if not any(export):
        raise GatepostError("invalid_request", "The file has no app and nobody in it.", fix="gatepost import --help")
    return export


def _texts(person: Person) -> tuple[object, ...]:
    return person.email, person.password_hash


def _checked(people: list[Person], warnings: list[str]) -> list[Person]:
    """Those who can be taken over, each once, with the hashes that can be checked."""
    checked: dict[str, Person] = {}
    for person in people:
        try:
            email = check_email(person.email)
        except GatepostError:
            warnings.append(f"{person.email or 'somebody without an e-mail'}: no e-mail that is taken here; left out")
            continue
        if email in checked:
            warnings.append(f"{email}: is there twice; the first one counts")
            continue
        hashed = person.password_hash
        if hashed and not is_checkable(hashed):
            warnings.append(f"{email}: the hash of the password is of a kind that is not taken here; left out")
            hashed = None
        claims = _fit(email, person.claims, warnings)
        checked[email] = person._replace(email=email, claims=claims, password_hash=hashed)
    return list(checked.values())


def _fit(email: str, claims: dict[str, Any], warnings: list[str]) -> dict[str, Any]:
    """The claims that can be told here too."""
    fit = {}
    for name, value in claims.items():
        try:
            fit[name] = parse_claim(name, value)
        except GatepostError as error:
            warnings.append(f"{email}: {error.description} It was left out.")
    return fit


def _brought(person: Person, now: int) -> tuple[User, str | None]:
    disabled_at, verified_at = now if person.is_disabled else None, now if person.is_verified else None
    user = User(new_id(), person.email, disabled_at, now, email_verified_at=verified_at)
    return change_claims(user, person.claims, now), person.password_hash
