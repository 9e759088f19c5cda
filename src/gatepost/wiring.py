"""The composition root: settings -> store -> flows -> route table. Nothing imports this but the commands."""

from functools import partial
from urllib.parse import urlsplit

from gatepost.api.api import Api
from gatepost.api.api import missing as missing_below
from gatepost.api.endpoints import PREFIX as API
from gatepost.api.problems import in_problems
from gatepost.console.routes import console_routes
from gatepost.endpoints.apps import Apps
from gatepost.endpoints.callers import Callers
from gatepost.endpoints.check import Check
from gatepost.endpoints.device import DeviceAuthorization
from gatepost.endpoints.documents import ASSETS, Documents
from gatepost.endpoints.par import Par
from gatepost.endpoints.refusals import Refusals, in_json, render_oauth, render_seed
from gatepost.endpoints.registration import REGISTER, Registration
from gatepost.endpoints.revocations import Revocations
from gatepost.endpoints.seed import Seed
from gatepost.endpoints.token import Token
from gatepost.endpoints.tokens import Tokens
from gatepost.endpoints.userinfo import Userinfo
from gatepost.flows import mail_links
from gatepost.flows.app_auth import METHODS
from gatepost.flows.instance import Instance
from gatepost.flows.introspect import VerifiedTokens
from gatepost.flows.mail_links import PATHS
from gatepost.flows.sign_in import Passwords
from gatepost.flows.token import GRANTS
from gatepost.jose import ALGORITHMS
from gatepost.light import replace
from gatepost.mail import Box, Transport
from gatepost.oauth.metadata import ENDPOINTS, render_metadata
from gatepost.pages.account import ACCOUNT, Account
from gatepost.pages.approval import Approval
from gatepost.pages.authorize import APPROVAL, CANCEL, CHOICE, CONSENT, VERIFY, Authorize
from gatepost.pages.choice import Choice
from gatepost.pages.connections import APPS, DETAILS, Connections
from gatepost.pages.device import CANCELLED, CONNECTED, DEVICE, Device
from gatepost.pages.guesses import CodeTries, Guesses, MailOrders
from gatepost.pages.home import Home, missing
from gatepost.pages.joining import SIGN_UP, Joining
from gatepost.pages.leaving import CONTINUE, Leaving
from gatepost.pages.login import Login
from gatepost.pages.logout import LOGOUT, SIGNED_OUT, Logout
from gatepost.pages.mails import Postman
from gatepost.pages.outbox import DevOutbox
from gatepost.pages.profile import PROFILE, Profile
from gatepost.pages.recovery import MAIL_SIGN_IN, RESET, Recovery
from gatepost.pages.security import PASSKEY_GONE, PASSKEYS, RECOVERY_CODES, SECURITY, TOTP, TOTP_OFF, Security
from gatepost.pages.sign_ins import SignIns
from gatepost.pages.verify import Verify
from gatepost.settings import LimitSettings, Settings
from gatepost.ui.refusals import by_reader, in_pages
from gatepost.ui.visit import OwnForm, OwnPage, Visits
from gatepost.watching import Watch
from gatepost.web.app import ANY_METHOD, App, Handler, Refuse, Route, Write
from gatepost.web.limits import Buckets, MinuteBuckets, NoMinuteBuckets, Unlimited
from gatepost.web.message import ANY_ORIGIN
from gatepost.web.places import Places

BURST_SECONDS = 10
BELOW = "…"
"""Behind a path: it is the route of everything below."""


def build_app(settings: Settings, instance: Instance, watch: Watch | None = None) -> App:
    """The application of one process: every route, the handler that answers it, and the words in which it refuses."""
    watch = watch or Watch(settings, instance)
    limits = Limits(settings.limits)
    refusals = Refusals(instance.store, instance.counts, instance.clock)
    is_open = instance.registration != "off"
    paths = [path for path in ENDPOINTS.values() if path != REGISTER or is_open]
    metadata = render_metadata(instance.issuer, paths, GRANTS, METHODS, ALGORITHMS)
    documents, home = Documents(instance, metadata), Home(instance.issuer)
    apps = Apps(instance, limits.by_app, limits.wrong_secrets)
    verified = watch.verified
    visits = Visits(instance)
    in_own_pages = in_pages(instance.issuer, instance.clock)
    people, refuse = People(instance, visits, limits), refusals.style(in_own_pages)
    routes = _everywhere(
        {
            **_seed_routes(Seed(instance, verified, limits.by_key), home, refusals),
            **_app_routes(instance, apps, verified, documents, refusals),
            **_verifier_routes(instance, Callers(instance, apps, limits.by_key), watch, limits, documents, refusals),
            **watch.routes(refusals),
            **_device_routes(instance, apps, visits, limits, documents, refusals),
            **(_registration_routes(instance, limits, documents, refusals) if is_open else {}),
            **_public_routes(documents, refusals),
            **Api(instance, verified, limits.by_key).routes(refusals.style(in_problems)),
            **_page_routes(people, refuse),
            **_account_routes(visits, people, refuse),
            **_mail_routes(instance, visits, people, refuse),
            **console_routes(instance, visits, refuse, lambda each: app.answer(each), has_kit=_has_box(instance)),
        },
        urlsplit(instance.issuer).path,
    )
    routes = {path: replace(route, path=path) for path, route in routes.items()}
    app = App(
        {path.encode(): route for path, route in routes.items() if not path.endswith(BELOW) and "{" not in path},
        {path.removesuffix(BELOW).encode(): route for path, route in routes.items() if path.endswith(BELOW)},
        Places({path: route for path, route in routes.items() if "{" in path}),
        _nowhere(refusals, by_reader(in_own_pages, in_json(render_oauth)), urlsplit(instance.issuer).path),
        limits.by_address,
        settings.server.trusted_proxies,
        watch.observe,
    )
    watch.connections = app.connections
    return app


def _nowhere(refusals: Refusals, write: Write, prefix: str) -> dict[bytes, Route]:
    """What answers where nothing is: below the API in its own words, elsewhere a page for people."""
    below_api = Route({ANY_METHOD: missing_below}, refusals.style(in_problems))
    return {
        f"{prefix}{API}/".encode(): below_api,
        f"{API}/".encode(): below_api,
        b"": Route({ANY_METHOD: missing}, refusals.style(write)),
    }


def _seed_routes(seed: Seed, home: Home, refusals: Refusals) -> dict[str, Route]:
    """The four routes, at both of their places."""
    refuse = refusals.style(in_json(render_seed))
    root = Route({"GET": home.landing, "HEAD": home.landing, "POST": seed.save}, refuse)
    routes = {
        "/": root,
        "/auth_token": Route({"GET": seed.auth_token}, refuse),
        "/verify": Route({"POST": seed.verify}, refuse),
        "/refresh": Route({"POST": seed.refresh}, refuse),
    }
    return routes | {f"/api/auth{path}": route for path, route in routes.items()} | {"/api/auth": root}


def _app_routes(
    instance: Instance, apps: Apps, verified: VerifiedTokens, documents: Documents, refusals: Refusals
) -> dict[str, Route]:
    """What apps call. Code in a browser may be one, so they answer any origin, refusals included."""
    refuse_anywhere = refusals.style(in_json(render_oauth), ANY_ORIGIN)
    userinfo = Userinfo(instance, verified).userinfo
    preflight = documents.preflight
    return {
        "/token": Route({"POST": Token(instance, apps).token, "OPTIONS": preflight}, refuse_anywhere),
        "/par": Route({"POST": Par(instance, apps).par, "OPTIONS": preflight}, refuse_anywhere),
        "/userinfo": Route({"GET": userinfo, "POST": userinfo, "OPTIONS": preflight}, refuse_anywhere),
    }


def _verifier_routes(
    instance: Instance, callers: Callers, watch: Watch, limits: "Limits", documents: Documents, refusals: Refusals
) -> dict[str, Route]:
    """What APIs and gateways call, to know of a token what it does not say itself; and the end of a token."""
    refuse = refusals.style(in_json(render_oauth))
    tokens = Tokens(instance, callers, watch.verified)
    revocations = Revocations(watch.feed, callers).revocations
    return {
        "/introspect": Route({"POST": tokens.introspect}, refuse),
        "/revoke": Route(
            {"POST": tokens.revoke, "OPTIONS": documents.preflight}, refusals.style(in_json(render_oauth), ANY_ORIGIN)
        ),
        "/revocations": Route({"GET": revocations, "POST": revocations}, refuse, ends_first=True),
        # A gateway asks for all of its clients, so there is no limit for its address.
        "/check": Route({ANY_METHOD: Check(instance, watch.verified, limits.by_token).check}, refuse, limited=False),
    }


def _device_routes(
    instance: Instance, apps: Apps, visits: Visits, limits: "Limits", documents: Documents, refusals: Refusals
) -> dict[str, Route]:
    """Both halves of the device grant: the device's and the person's."""
    device = Device(instance, visits, limits.wrong_user_codes, limits.wrong_user_codes_in_all)
    ask = DeviceAuthorization(instance, apps, limits.device_requests).device_authorization
    refuse = refusals.style(in_pages(instance.issuer, instance.clock))
    return {
        "/device_authorization": Route(
            {"POST": ask, "OPTIONS": documents.preflight}, refusals.style(in_json(render_oauth), ANY_ORIGIN)
        ),
        DEVICE: _page(refuse, device.page, device.answer),
        CONNECTED: _page(refuse, device.connected),
        CANCELLED: _page(refuse, device.cancelled),
    }


def _registration_routes(
    instance: Instance, limits: "Limits", documents: Documents, refusals: Refusals
) -> dict[str, Route]:
    """Where apps register themselves, and where each has its registration."""
    registration = Registration(instance, limits.registrations)
    refuse = in_json(render_oauth)
    return {
        REGISTER: Route(
            {"POST": registration.register, "OPTIONS": documents.preflight}, refusals.style(refuse, ANY_ORIGIN)
        ),
        f"{REGISTER}/{BELOW}": Route(
            {"GET": registration.read, "PUT": registration.update, "DELETE": registration.delete},
            refusals.style(refuse),
        ),
    }


def _public_routes(documents: Documents, refusals: Refusals) -> dict[str, Route]:
    """What anyone may read."""
    refuse = refusals.style(in_json(render_oauth))

    def file(handler: Handler) -> Route:
        return Route({"GET": handler, "HEAD": handler}, refuse, limited=False)

    def public(handler: Handler) -> Route:
        return Route({"GET": handler, "HEAD": handler, "OPTIONS": documents.preflight}, refuse, limited=False)

    return {
        "/jwks.json": public(documents.jwks),
        "/.well-known/oauth-authorization-server": public(documents.metadata),
        "/.well-known/openid-configuration": public(documents.metadata),
        **{f"/assets/{name}": file(documents.asset) for name in ASSETS},
        "/brand/{shades}": file(documents.brand),
        "/healthz": file(documents.healthz),
        "/readyz": replace(file(documents.readyz), ends_first=True),
    }


class People:
    """The handlers of everything that people see; they share what counts guesses, and the pool for passwords."""

    def __init__(self, instance: Instance, visits: Visits, limits: "Limits") -> None:
        passwords, sign_ins = Passwords(), SignIns(instance, visits)
        leaving = Leaving(instance, visits)
        guesses = Guesses(limits.wrong_passwords, limits.wrong_sign_ins)
        tries = CodeTries(limits.code_tries)
        self.authorize = Authorize(instance, visits, leaving)
        self.leaving = leaving
        self.logout = Logout(instance, visits, leaving)
        self.login = Login(instance, visits, sign_ins, passwords, guesses)
        self.approval = Approval(instance, visits)
        self.choice = Choice(instance, visits)
        self.verify = Verify(instance, visits, sign_ins, tries)
        self.account = Account(instance, visits, passwords, guesses)
        self.profile = Profile(instance)
        self.security = Security(instance, passwords, guesses, tries)
        self.connections = Connections(instance)
        orders = MailOrders(limits.mails_to_one, limits.mail_orders)
        self.recovery = Recovery(instance, visits, passwords, orders)
        self.joining = Joining(instance, visits, sign_ins, passwords, orders)


def _page_routes(people: People, refuse: Refuse) -> dict[str, Route]:
    """What people see."""
    page = partial(_page, refuse)
    return {
        "/authorize": page(people.authorize.authorize, people.authorize.authorize),
        CONSENT + BELOW: page(people.authorize.consent, people.authorize.decide),
        APPROVAL + BELOW: page(people.approval.page, people.approval.ask),
        CONTINUE + BELOW: page(people.leaving.page),
        "/login": page(people.login.page, people.login.sign_in),
        "/login/link": Route({"POST": people.login.spend_link}, refuse),
        CANCEL: Route({"POST": people.authorize.cancel}, refuse),
        CHOICE: page(people.choice.page, people.choice.go_on),
        "/login/passkey": Route({"POST": people.login.use_passkey}, refuse),
        VERIFY: page(people.verify.page, people.verify.verify),
        # No HEAD: to look at it may sign out.
        LOGOUT: Route({"GET": people.logout.ask, "POST": people.logout.confirm}, refuse),
        SIGNED_OUT: page(people.logout.signed_out),
    }


def _page(refuse: Refuse, get: Handler, post: Handler | None = None) -> Route:
    """A page, and the form on it if there is one."""
    return Route({"GET": get, "HEAD": get, **({"POST": post} if post else {})}, refuse)


def _has_box(instance: Instance) -> bool:
    """Whether it is a development server, which keeps its mails."""
    return isinstance(_box_of(instance), Box)


def _box_of(instance: Instance) -> Transport | None:
    """The way out for mails; a development server's is a box."""
    return instance.mailer.transport if isinstance(instance.mailer, Postman) else None


def _mail_routes(instance: Instance, visits: Visits, people: People, refuse: Refuse) -> dict[str, Route]:
    """What people do who have no way in, or none yet; a development server shows its mails."""
    page = partial(_page, refuse)
    recovery, joining = people.recovery, people.joining
    box = _box_of(instance)
    return {
        RESET: page(recovery.ask_reset, recovery.order_reset),
        MAIL_SIGN_IN: page(recovery.ask_sign_in, recovery.order_sign_in),
        PATHS[mail_links.RESET]: page(recovery.ask_password, recovery.set_password),
        PATHS[mail_links.VERIFY]: page(recovery.ask_verification, recovery.verify),
        PATHS[mail_links.INVITE]: page(joining.ask_invited, joining.accept),
        SIGN_UP: page(joining.ask_sign_up, joining.order_sign_up),
        PATHS[mail_links.SIGN_UP]: page(joining.ask_account, joining.sign_up),
        "/account/verify-email": Route({"POST": visits.own_form(recovery.order_verification)}, refuse),
        **({"/dev/outbox": page(DevOutbox(instance, visits, box).page)} if isinstance(box, Box) else {}),
    }


def _account_routes(visits: Visits, people: People, refuse: Refuse) -> dict[str, Route]:
    """What a signed-in person sees of their own."""

    def page(get: OwnPage, post: OwnForm | None = None) -> Route:
        return _page(refuse, visits.own_page(get), visits.own_form(post) if post else None)

    def form(post: OwnForm) -> Route:
        return Route({"POST": visits.own_form(post)}, refuse)

    account, connections, security = people.account, people.connections, people.security
    return {
        ACCOUNT: page(account.page),
        "/account/password": page(account.ask_password, account.change_password),
        "/account/sessions/end": form(account.end_session),
        "/account/sessions/end-all": page(account.ask_everywhere, account.end_everywhere),
        PROFILE: page(people.profile.page, people.profile.change),
        APPS: page(connections.page),
        DETAILS: page(connections.details),
        "/account/apps/revoke": form(connections.revoke),
        "/account/apps/revoke-all": page(connections.ask_all, connections.revoke_all),
        SECURITY: page(security.page),
        TOTP: page(security.setup, security.turn_on),
        TOTP_OFF: page(security.ask_off, security.turn_off),
        RECOVERY_CODES: page(security.ask_codes, security.make_codes),
        PASSKEYS: form(security.add_passkey),
        PASSKEY_GONE: page(security.ask_remove, security.remove_passkey),
    }


def _everywhere(routes: dict[str, Route], prefix: str) -> dict[str, Route]:
    """The routes, and for an issuer with a path the same below it: a proxy may leave the path on or take it off.

    Clients look for metadata behind the well-known part too, as RFC 8414 §3.1 has it.
    """
    if not prefix:
        return routes
    below = {prefix + path: route for path, route in routes.items()} | {prefix: routes["/"]}
    behind = {path + prefix: route for path, route in routes.items() if path.startswith("/.well-known/")}
    return routes | below | behind


class Limits:
    """The buckets of one process, or none at all."""

    def __init__(self, settings: LimitSettings) -> None:
        def buckets(rate: float, burst: float) -> Buckets:
            return Buckets(rate, burst) if settings.enabled and rate else Unlimited()

        self.by_key = buckets(settings.key_rate, settings.key_rate * BURST_SECONDS)
        self.by_app = buckets(settings.app_rate, settings.app_rate * BURST_SECONDS)
        self.by_address = buckets(settings.address_rate, settings.address_rate * BURST_SECONDS)
        self.by_token = MinuteBuckets() if settings.enabled else NoMinuteBuckets()
        self.wrong_secrets = buckets(settings.wrong_secrets / 60, settings.wrong_secrets)
        self.wrong_passwords = buckets(settings.wrong_passwords / 300, settings.wrong_passwords)
        self.mail_orders = buckets(settings.mail_orders / 300, settings.mail_orders)
        self.mails_to_one = buckets(1 / 60, 1)
        self.code_tries = buckets(settings.code_tries / 300, settings.code_tries)
        self.wrong_sign_ins = buckets(settings.wrong_sign_ins / 300, settings.wrong_sign_ins)
        self.wrong_user_codes = buckets(settings.wrong_user_codes / 300, settings.wrong_user_codes)
        self.wrong_user_codes_in_all = buckets(settings.wrong_user_codes_in_all / 300, settings.wrong_user_codes_in_all)
        self.registrations = buckets(settings.registrations / 60, settings.registrations)
        self.device_requests = buckets(settings.device_requests / 60, settings.device_requests)
