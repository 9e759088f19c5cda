"""The desk: one request of somebody who may be in the console, with the organization and what they may do in it.

Whoever is not signed in signs in first and comes back. An organization that a person does not belong to is not there for
them, like one that does not exist. What a role may not do is refused by the verbs; what it may not even see, here.
"""

import shlex
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, TypeAlias

from gatepost.errors import GatepostError
from gatepost.flows.actors import person
from gatepost.flows.app_requests import count_requests
from gatepost.flows.instance import Instance
from gatepost.flows.roles import Actor, Deed
from gatepost.oauth.form import parse_repeatable
from gatepost.oauth.org_settings import lacks, parse_settings
from gatepost.records import Org, Session
from gatepost.secrets import Keyring, parse_id, render_id
from gatepost.store.orgs import find_org
from gatepost.store.people import list_memberships, list_organizations_of
from gatepost.ui.faults import PageError
from gatepost.ui.visit import CONSOLE, PROVING, Visit, Visits, is_onward, see_other, show
from gatepost.web.app import Handler
from gatepost.web.message import Reply, Request

ORG = CONSOLE + "/{org}"


class Section(NamedTuple):
    """A place in the menu: who sees it, and the key that leads there behind a `g`."""

    name: str
    path: str
    deed: Deed
    key: str = ""


SECTIONS = (
    Section("overview", "", Deed.ORG_READ, "o"),
    Section("apps", "/apps", Deed.APPS_READ, "a"),
    Section("connections", "/connections", Deed.GRANTS_READ, "c"),
    Section("requests", "/requests", Deed.REQUESTS_READ, "r"),
    Section("people", "/people", Deed.PEOPLE_READ, "p"),
    Section("scopes", "/scopes", Deed.RESOURCES_READ, "s"),
    Section("api-keys", "/api-keys", Deed.KEYS_READ),
    Section("keys", "/keys", Deed.SIGNING_READ, "k"),
    Section("webhooks", "/webhooks", Deed.WEBHOOKS_READ),
    Section("events", "/events", Deed.EVENTS_READ, "e"),
    Section("seed", "/seed", Deed.APPS_READ),
    Section("health", "/health", Deed.ORG_READ, "h"),
    Section("settings", "/settings", Deed.ORG_READ),
)


class Place(NamedTuple):
    """An organization that the person may enter, and as what."""

    id: str
    name: str
    role: str


class Desk(NamedTuple):
    """Who asks, where, and what they may do; with ways to answer. `waiting` is how many requests for apps nobody answered."""

    visit: Visit
    session: Session
    org: Org
    actor: Actor
    places: tuple[Place, ...]
    keyring: Keyring
    waiting: int

    @property
    def org_id(self) -> str:
        return render_id("org", self.org.id)

    @property
    def root(self) -> str:
        """Where this organization's console begins."""
        return f"{CONSOLE}/{self.org_id}"

    @property
    def sections(self) -> tuple[Section, ...]:
        """The menu, as far as it is for this person."""
        return tuple(each for each in SECTIONS if self.actor.may_own(each.deed))

    @property
    def names(self) -> dict[str, str]:
        """What stands for the names in the path."""
        return dict(self.visit.request.names)

    @property
    def query(self) -> dict[str, str]:
        """The fields of the query that stand there once."""
        return parse_repeatable(self.visit.request.query)[0]

    def cli(self, *words: str) -> str:
        """A command that does the same, for whoever has the server's data at hand."""
        return command(*words, "--org", self.org.name)

    def show(self, template: str, status: int = 200, *, section: str, cli: str, **view: Any) -> Reply:
        """A page of the console."""
        here = self.visit.request.path
        return show(
            self.visit,
            f"console/{template}",
            status,
            desk=self,
            root=self.visit.base + self.root,
            section=section,
            cli=cli,
            back=here[here.find(CONSOLE) :],
            **view,
        )

    def see(self, path: str) -> Reply:
        """303 to a page of this organization's console."""
        return see_other(self.visit, self.root + path)

    def leave(self) -> Reply:
        """303 to where the console chooses an organization."""
        return see_other(self.visit, CONSOLE)


def command(*words: str) -> str:
    """A command as one would type it."""
    return shlex.join(["gatepost", *words])


def wants_disabled(deed: str) -> bool:
    """Which way a switch of a page goes. Raises `invalid_request` for neither."""
    if deed not in ("disable", "enable"):
        raise GatepostError("invalid_request", "Say whether it is to be disabled or enabled.")
    return deed == "disable"


DeskPage: TypeAlias = Callable[[Desk], Awaitable[Reply]]
DeskForm: TypeAlias = Callable[[Desk, dict[str, str]], Awaitable[Reply]]


class Reception:
    """Lets people in to the pages of the console, each of which is for those who may do a deed."""

    def __init__(self, instance: Instance, visits: Visits) -> None:
        self._instance = instance
        self._visits = visits

    def page(self, deed: Deed, page: DeskPage) -> Handler:
        """The handler of a page."""

        async def handler(request: Request) -> Reply:
            visit = await self._visits.read(request)
            if visit.session is None:
                return self._sign_in(visit)
            desk = await self._desk(visit, visit.session, deed)
            return self._at_door(desk) or await self._answer(desk, lambda: page(desk))

        return handler

    def form(self, deed: Deed, form: DeskForm) -> Handler:
        """The handler of a form. That it came from a page of ours is proved before anything else is looked at."""

        async def handler(request: Request) -> Reply:
            visit, fields = await self._visits.read_form(request)
            if visit.session is None:
                return self._sign_in(visit)
            desk = await self._desk(visit, visit.session, deed)
            return self._at_door(desk) or await self._answer(desk, lambda: form(desk, fields))

        return handler

    async def choose(self, request: Request) -> Reply:
        """`/console`: to the person's organization, or the choice between several."""
        visit = await self._visits.read(request)
        if visit.session is None:
            return self._sign_in(visit)
        places = await self._places(visit.session)
        if not places:
            raise _forbidden(visit, "You have no role in any organization that opens the console.")
        if len(places) == 1:
            return see_other(visit, f"{CONSOLE}/{places[0].id}")
        return show(visit, "console/choose.html", places=places)

    async def preferences(self, request: Request) -> Reply:
        """How the console looks and listens for this browser."""
        visit, fields = await self._visits.read_form(request)
        if "shortcuts" in fields:
            visit = self._visits.keep_shortcuts(visit, on=fields["shortcuts"] == "on")
        else:
            visit = self._visits.keep_theme(visit, fields.get("theme", ""))
        return see_other(visit, fields.get("back", "") if is_onward(fields.get("back", "")) else CONSOLE)

    def _sign_in(self, visit: Visit, place: str = "/login") -> Reply:
        path = visit.request.path
        onward = path[path.find(CONSOLE) :] if visit.request.method != "POST" else CONSOLE
        return see_other(self._visits.keep_onward(visit, onward), place)

    async def _desk(self, visit: Visit, session: Session, deed: Deed) -> Desk:
        org = parse_id("org", visit.request.names["org"]) or b""
        actor = await person(self._instance, org, session.user_id, visit.request.address)
        found = await self._instance.store.read(find_org(org))
        assert found is not None, "a person belongs to what exists"
        waiting = await count_requests(self._instance, org, actor)
        desk = Desk(visit, session, found, actor, await self._places(session), self._instance.keyring, waiting)
        if not actor.may(Deed.ORG_READ):
            raise _forbidden(visit, f"As {actor.role} of this organization you have no place in its console.")
        if not actor.may_own(deed):
            raise _forbidden(visit, f"As {actor.role} of this organization you may not {deed.value}.", desk.root)
        return desk

    def _at_door(self, desk: Desk) -> Reply | None:
        """Where somebody goes whose sign-in is not what the organization asks for; None for whoever may come in."""
        settings = parse_settings(desk.org.settings)
        lacking = lacks(settings, desk.session, self._instance.clock())
        return self._sign_in(desk.visit, PROVING[lacking]) if lacking else None

    async def _answer(self, desk: Desk, answer: Callable[[], Awaitable[Reply]]) -> Reply:
        """The reply of a page; what a verb does not allow is said on a page that explains."""
        try:
            return await answer()
        except GatepostError as error:
            if error.code != "not_allowed" or isinstance(error, PageError):
                raise
            raise _forbidden(desk.visit, error.description, desk.root) from None

    async def _places(self, session: Session) -> tuple[Place, ...]:
        roles = dict(await self._instance.store.read(list_organizations_of(session.user_id)))
        known = await self._instance.store.read(list_memberships(session.user_id))
        return tuple(
            Place(render_id("org", org), name, roles[org])
            for org, name, disabled_at in known
            if disabled_at is None and roles.get(org, "member") != "member"
        )


def _forbidden(visit: Visit, why: str, root: str = "") -> PageError:
    return PageError("not_allowed", why, visit, "console/forbidden.html", why=why, root=root)
