"""Every route of the console on one screen: its path, for whom it is, and who answers."""

from gatepost.console.advanced import Advanced
from gatepost.console.api_keys import ApiKeys
from gatepost.console.app import AppPages
from gatepost.console.apps import Apps
from gatepost.console.commons import Commons
from gatepost.console.connections import Links
from gatepost.console.desk import ORG, DeskForm, DeskPage, Reception
from gatepost.console.events import Events
from gatepost.console.exchanges import Ask
from gatepost.console.health import Health
from gatepost.console.kit import kit_page
from gatepost.console.overview import Overview
from gatepost.console.people import People
from gatepost.console.playground import Playground
from gatepost.console.requests import Requests
from gatepost.console.scopes import Scopes
from gatepost.console.seed import SeedPage
from gatepost.console.settings import SettingsPage
from gatepost.console.signing import Signing
from gatepost.console.slips import Slips
from gatepost.console.webhooks import Webhooks
from gatepost.flows.instance import Instance
from gatepost.flows.roles import Deed
from gatepost.ui.visit import CONSOLE, Visits
from gatepost.web.app import Handler, Refuse, Route

APP = ORG + "/apps/{app}"


class Doors:
    """Makes routes of pages and forms, each for those who may do a deed."""

    def __init__(self, reception: Reception, refuse: Refuse) -> None:
        self._reception = reception
        self.refuse = refuse

    def page(self, deed: Deed, get: DeskPage, post: DeskForm | None = None, *, may: Deed | None = None) -> Route:
        """A page, and the form on it, which is for those who `may` where that is another deed."""
        show = self._reception.page(deed, get)
        methods: dict[str, Handler] = {"GET": show, "HEAD": show}
        return Route(methods | ({"POST": self._reception.form(may or deed, post)} if post else {}), self.refuse)

    def form(self, deed: Deed, post: DeskForm) -> Route:
        """A form without a page of its own."""
        return Route({"POST": self._reception.form(deed, post)}, self.refuse)


def console_routes(instance: Instance, visits: Visits, refuse: Refuse, ask: Ask, *, has_kit: bool) -> dict[str, Route]:
    """The routes. `ask` is the server's own front door; a development server has the kit too."""
    reception, slips = Reception(instance, visits), Slips(instance)
    doors, commons = Doors(reception, refuse), Commons(instance, slips)
    page, form = doors.page, doors.form
    return {
        CONSOLE: Route({"GET": reception.choose, "HEAD": reception.choose}, refuse),
        f"{CONSOLE}/preferences": Route({"POST": reception.preferences}, refuse),
        ORG: page(Deed.ORG_READ, Overview(instance).page),
        f"{ORG}/search": page(Deed.ORG_READ, commons.search),
        f"{ORG}/help": page(Deed.ORG_READ, commons.help),
        # No HEAD: to look at it takes it away.
        f"{ORG}/secret": Route({"GET": reception.page(Deed.ORG_READ, commons.secret)}, refuse),
        f"{ORG}/download": form(Deed.ORG_READ, commons.download),
        **_app_routes(instance, doors, slips),
        **_play_routes(instance, doors, ask),
        **_past_routes(instance, doors),
        **_org_routes(instance, doors, slips),
        **({f"{ORG}/kit": page(Deed.ORG_READ, kit_page)} if has_kit else {}),
    }


def _app_routes(instance: Instance, doors: Doors, slips: Slips) -> dict[str, Route]:
    """Apps, and the tabs of one."""
    apps, app, advanced = Apps(instance, slips), AppPages(instance, slips), Advanced(instance)
    links, events, page = Links(instance), Events(instance), doors.page
    return {
        f"{ORG}/apps": page(Deed.APPS_READ, apps.page),
        f"{ORG}/apps.csv": page(Deed.APPS_READ, apps.export),
        f"{ORG}/new-app": page(Deed.APPS_WRITE, apps.ask_new, apps.create),
        APP: page(Deed.APPS_READ, app.details),
        f"{APP}/credentials": page(Deed.APPS_READ, app.credentials, app.add_secret, may=Deed.APPS_WRITE),
        f"{APP}/credentials/{{secret}}/delete": page(Deed.APPS_WRITE, app.ask_drop, app.drop_secret),
        f"{APP}/redirects": page(Deed.APPS_READ, app.redirects, app.change_redirects, may=Deed.APPS_WRITE),
        f"{APP}/permissions": page(Deed.APPS_READ, app.permissions, app.change_permissions, may=Deed.APPS_WRITE),
        f"{APP}/connections": page(Deed.GRANTS_READ, links.of_app),
        f"{APP}/events": page(Deed.EVENTS_READ, events.of_app),
        f"{APP}/advanced": page(Deed.APPS_READ, advanced.page, advanced.change, may=Deed.APPS_WRITE),
        f"{APP}/danger": page(Deed.APPS_READ, app.danger),
        f"{APP}/disable": doors.form(Deed.APPS_WRITE, app.disable),
        f"{APP}/delete": page(Deed.APPS_WRITE, app.ask_delete, app.delete),
    }


def _play_routes(instance: Instance, doors: Doors, ask: Ask) -> dict[str, Route]:
    """An app's flow, step by step."""
    playground = Playground(instance, ask)
    return {
        f"{APP}/playground": doors.page(Deed.APPS_WRITE, playground.page, playground.step),
        f"{APP}/playground/back": doors.page(Deed.APPS_WRITE, playground.back),
    }


def _past_routes(instance: Instance, doors: Doors) -> dict[str, Route]:
    """What was asked for, what was connected, and what happened."""
    links, events, requests, page = Links(instance), Events(instance), Requests(instance), doors.page
    return {
        f"{ORG}/requests": page(Deed.REQUESTS_READ, requests.page),
        f"{ORG}/requests.csv": page(Deed.REQUESTS_READ, requests.export),
        f"{ORG}/requests/{{request}}": page(Deed.REQUESTS_READ, requests.one, requests.decide, may=Deed.REQUESTS_WRITE),
        f"{ORG}/connections": page(Deed.GRANTS_READ, links.page),
        f"{ORG}/connections.csv": page(Deed.GRANTS_READ, links.export),
        f"{ORG}/connections/end": page(Deed.GRANTS_REVOKE, links.ask_end, links.end_all),
        f"{ORG}/connections/{{grant}}": page(Deed.GRANTS_READ, links.one, links.end, may=Deed.GRANTS_REVOKE),
        f"{ORG}/events": page(Deed.EVENTS_READ, events.page),
        f"{ORG}/events.csv": page(Deed.EVENTS_READ, events.export_csv),
        f"{ORG}/events.jsonl": page(Deed.EVENTS_READ, events.export_json),
        f"{ORG}/events/{{event}}": page(Deed.EVENTS_READ, events.one),
    }


def _org_routes(instance: Instance, doors: Doors, slips: Slips) -> dict[str, Route]:
    """What else an organization has."""
    people, keys, signing = People(instance, slips), ApiKeys(instance, slips), Signing(instance)
    scopes, seed, health, settings = Scopes(instance), SeedPage(instance), Health(instance), SettingsPage(instance)
    webhooks, page, form = Webhooks(instance, slips), doors.page, doors.form
    return {
        f"{ORG}/people": page(Deed.PEOPLE_READ, people.page, people.invite, may=Deed.PEOPLE_WRITE),
        f"{ORG}/people.csv": page(Deed.PEOPLE_READ, people.export),
        f"{ORG}/people/withdraw": form(Deed.PEOPLE_WRITE, people.withdraw),
        f"{ORG}/people/{{user}}": page(Deed.PEOPLE_READ, people.one, people.set_role, may=Deed.PEOPLE_WRITE),
        f"{ORG}/people/{{user}}/remove": page(Deed.PEOPLE_WRITE, people.ask_remove, people.remove),
        f"{ORG}/scopes": page(Deed.RESOURCES_READ, scopes.page),
        f"{ORG}/scope": page(Deed.RESOURCES_READ, scopes.one, scopes.describe, may=Deed.RESOURCES_WRITE),
        f"{ORG}/resources": form(Deed.RESOURCES_WRITE, scopes.add_resource),
        f"{ORG}/resources/delete": page(Deed.RESOURCES_WRITE, scopes.ask_drop, scopes.drop_resource),
        f"{ORG}/api-keys": page(Deed.KEYS_READ, keys.page, keys.create, may=Deed.KEYS_WRITE),
        f"{ORG}/api-keys/{{key}}/end": page(Deed.KEYS_WRITE, keys.ask_end, keys.end),
        f"{ORG}/webhooks": page(Deed.WEBHOOKS_READ, webhooks.page, webhooks.create, may=Deed.WEBHOOKS_WRITE),
        f"{ORG}/webhooks/{{webhook}}": page(Deed.WEBHOOKS_READ, webhooks.one, webhooks.change, may=Deed.WEBHOOKS_WRITE),
        f"{ORG}/webhooks/{{webhook}}/delete": page(Deed.WEBHOOKS_WRITE, webhooks.ask_drop, webhooks.drop),
        f"{ORG}/keys": page(Deed.SIGNING_READ, signing.page),
        f"{ORG}/seed": page(Deed.APPS_READ, seed.page, seed.make_token, may=Deed.APPS_WRITE),
        f"{ORG}/health": page(Deed.ORG_READ, health.page),
        f"{ORG}/settings": page(Deed.ORG_READ, settings.page, settings.change("name"), may=Deed.ORG_WRITE),
        f"{ORG}/settings/approval": form(Deed.ORG_WRITE, settings.need_approval),
        **{
            f"{ORG}/settings/{part}": form(Deed.ORG_WRITE, settings.change(part))
            for part in ("brand", "languages", "rules")
        },
        f"{ORG}/settings/disable": page(Deed.ORG_END, settings.ask_disable, settings.disable),
    }
