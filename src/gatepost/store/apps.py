"""Questions about apps: their policy, redirect URIs and secrets."""

from typing import NamedTuple

from gatepost.errors import GatepostError
from gatepost.light import astuple, fields_of, replace
from gatepost.records import LOAN_SECONDS, App, AppSecret
from gatepost.store.events import Act, detail_of, record
from gatepost.store.orgs import claim_name
from gatepost.store.question import SQL, Steps, question
from gatepost.store.revocations import DISABLED, tell

_COLUMNS = """org, client_id, name, kind, profile, auth_method, grant_types, scope, default_resource, access_ttl,
    grant_idle_ttl, grant_ttl, retry_window, disabled_at, created_at"""

_OWN_COLUMNS = ", ".join("a." + column.strip() for column in _COLUMNS.split(","))

APP_COLUMNS = f"{_OWN_COLUMNS}, o.disabled_at, a.metadata, a.created_by, a.version, a.rate_limit, o.rate_limit"

_APP = f"select {APP_COLUMNS} from apps a left join orgs o on o.org = a.org where a.org = ?"

_SECRET = "select id, secret_hash, key_version, hint, created_at, expires_at, last_used_at from app_secrets"


class Taken(NamedTuple):
    """The client_id belongs to another organization."""


class Saved(NamedTuple):
    """The app has the redirect URI; which of the two is new."""

    app_is_new: bool
    uri_is_new: bool


@question
def make_app(app: App, redirect_uris: tuple[str, ...], epoch: int, act: Act) -> Steps[Saved | Taken]:
    """Make an app with its redirect URIs, unless it exists; then `app_is_new` is False and nothing changed."""
    if (yield from claim_name("client_id", app.client_id, app.org)) != app.org:
        return Taken()
    rows = yield SQL(
        f"""insert into apps ({_COLUMNS}, metadata, created_by, epoch)
            values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            on conflict do nothing returning client_id""",
        (*astuple(app)[: fields_of(App).index("org_disabled_at")], app.metadata, app.created_by, epoch),
    )
    if not rows:
        return Saved(False, False)
    yield from record(app.org, "app.made", replace(act, client_id=app.client_id))
    for uri in redirect_uris:
        yield from add_redirect_uri(app.org, app.client_id, uri, act)
    return Saved(True, bool(redirect_uris))


class Draft(NamedTuple):
    """An app as it is to be: a new one, or changed, with redirect URIs that come and go and perhaps one more secret.

    `epoch` is where a new app's count of revocations starts.
    """

    app: App
    is_new: bool
    epoch: int
    add_uris: tuple[str, ...] = ()
    drop_uris: tuple[str, ...] = ()
    secret: AppSecret | None = None


@question
def keep_apps(org: bytes, drafts: tuple[Draft, ...], act: Act) -> Steps[None]:
    """Make and change apps of an organization, all of them or none.

    Raises `conflict` when a new one exists or its client_id is another organization's, `overtaken` when a changed one was
    changed since it was read, `not_found` when it, or a redirect URI that is to go, is not there; then nothing was written.
    """
    for draft in drafts:
        assert draft.app.org == org
        yield from _make(draft, act) if draft.is_new else _change(draft, act)
        if draft.secret:
            yield from add_secret(org, draft.app.client_id, draft.secret, act)


@question
def _make(draft: Draft, act: Act) -> Steps[None]:
    outcome = yield from make_app(draft.app, draft.add_uris, draft.epoch, act)
    if isinstance(outcome, Taken) or not outcome.app_is_new:
        raise GatepostError(
            "conflict", f"The client_id {draft.app.client_id} is taken.", fix="choose another, or leave it out"
        )


@question
def _change(draft: Draft, act: Act) -> Steps[None]:
    place = (draft.app.org, draft.app.client_id)
    rows = yield SQL(
        "update apps set version = version + 1 where org = ? and client_id = ? and version = ? returning version",
        (*place, draft.app.version),
    )
    if not rows:
        raise (yield from _overtaken(draft.app))
    yield from replace_app(draft.app, act)
    for uri in draft.add_uris:
        yield from add_redirect_uri(*place, uri, act)
    for uri in draft.drop_uris:
        if not (yield from remove_redirect_uri(*place, uri, act)):
            raise GatepostError(
                "not_found",
                f"{draft.app.client_id} has no redirect URI {uri}.",
                fix=f"gatepost app show {draft.app.client_id}",
            )


@question
def _overtaken(app: App) -> Steps[GatepostError]:
    """Why an app that was read a moment ago cannot be changed any more."""
    if (yield from find_app(app.org, app.client_id)) is None:
        return GatepostError("not_found", f"There is no app {app.client_id} any more.", fix="gatepost app list")
    return GatepostError(
        "overtaken", f"Somebody else changed {app.client_id} just now.", fix="look again, then change it"
    )


@question
def keep_free_app(app: App, redirect_uris: tuple[str, ...], epoch: int, act: Act) -> Steps[None]:
    """Give an app that belongs to no organization its row, or bring the row to what the app says of itself now."""
    yield from make_app(app, redirect_uris, epoch, act)
    kept = yield from find_app(app.org, app.client_id)
    assert kept is not None, "no organization can claim such a client_id"
    uris = yield from list_redirect_uris(app.org, app.client_id)
    same = replace(
        app, disabled_at=kept.disabled_at, created_at=kept.created_at, version=kept.version, rate_limit=kept.rate_limit
    )
    if kept == same and set(uris) == set(redirect_uris):
        return
    yield from replace_app(app, act)
    for uri in set(redirect_uris).difference(uris):
        yield from add_redirect_uri(app.org, app.client_id, uri, act)
    for uri in set(uris).difference(redirect_uris):
        yield from remove_redirect_uri(app.org, app.client_id, uri, act)


@question
def end_free_app(app: App, redirect_uris: tuple[str, ...], epoch: int, act: Act) -> Steps[None]:
    """Note that an app that belongs to no organization has ended. Its row says so, so it never comes back by itself."""
    yield from make_app(app, redirect_uris, epoch, act)
    yield from set_app_disabled(app.org, app.client_id, True, act)


@question
def save_pair(app: App, uri: str, epoch: int, act: Act, *, only_new: bool = False) -> Steps[Saved | Taken]:
    """Give the organization's app this redirect URI, making the app first if it is missing. `only_new` changes none that is."""
    outcome = yield from make_app(app, (uri,), epoch, act)
    if isinstance(outcome, Taken) or outcome.app_is_new or only_new:
        return outcome
    is_new = yield from add_redirect_uri(app.org, app.client_id, uri, act)
    if is_new:
        yield SQL("update apps set version = version + 1 where org = ? and client_id = ?", (app.org, app.client_id))
    return Saved(False, is_new)


@question
def find_app(org: bytes, client_id: str) -> Steps[App | None]:
    """The organization's app with this client_id."""
    rows = yield SQL(_APP + " and a.client_id = ?", (org, client_id))
    return App(*rows[0]) if rows else None


@question
def find_pair(org: bytes, client_id: str, uri: str) -> Steps[tuple[App, bool] | None]:
    """The app, and whether it has this redirect URI, byte for byte; None when the organization has no such app."""
    rows = yield SQL(
        f"""select {APP_COLUMNS}, r.uri is not null from apps a join orgs o on o.org = a.org
            left join redirect_uris r on r.org = a.org and r.client_id = a.client_id and r.uri = ?
            where a.org = ? and a.client_id = ?""",
        (uri, org, client_id),
    )
    return (App(*rows[0][:-1]), bool(rows[0][-1])) if rows else None


@question
def list_apps(org: bytes, after: str = "", limit: int = 1000, *, created_by: bytes | None = None) -> Steps[list[App]]:
    """Up to `limit` apps behind the client_id `after`, in its order; of one person, if they are named."""
    mine, whose = (" and a.created_by = ?", (created_by,)) if created_by else ("", ())
    rows = yield SQL(f"{_APP}{mine} and a.client_id > ? order by a.client_id limit ?", (org, *whose, after, limit))
    return [App(*row) for row in rows]


@question
def replace_app(app: App, act: Act) -> Steps[bool]:
    """Store an app's changed policy. False when there is no such app."""
    rows = yield SQL(
        """update apps set name = ?, kind = ?, profile = ?, auth_method = ?, grant_types = ?, scope = ?, default_resource = ?,
            access_ttl = ?, grant_idle_ttl = ?, grant_ttl = ?, retry_window = ?, metadata = ?
            where org = ? and client_id = ? returning client_id""",
        (
            *(app.name, app.kind, app.profile, app.auth_method, app.grant_types, app.scope, app.default_resource),
            *(app.access_ttl, app.grant_idle_ttl, app.grant_ttl, app.retry_window, app.metadata),
            *(app.org, app.client_id),
        ),
    )
    if rows:
        yield from record(app.org, "app.changed", replace(act, client_id=app.client_id))
    return bool(rows)


@question
def longest_access_ttl() -> Steps[int]:
    """The longest life that any app gives its access tokens; 0 when all leave it to the settings. Of every organization."""
    rows = yield SQL("select max(access_ttl) from apps")
    return rows[0][0] or 0


@question
def set_app_disabled(org: bytes, client_id: str, disabled: bool, act: Act) -> Steps[bool]:
    """Disable or enable an app. False when there is none."""
    rows = yield SQL(
        "update apps set disabled_at = ?, version = version + 1 where org = ? and client_id = ? returning client_id",
        (act.at if disabled else None, org, client_id),
    )
    if rows:
        if disabled:
            yield from tell(org, "app" + DISABLED, client_id, act.at)
        yield from record(org, "app.disabled" if disabled else "app.enabled", replace(act, client_id=client_id))
    return bool(rows)


@question
def delete_app(org: bytes, client_id: str, act: Act, version: int | None = None) -> Steps[bool]:
    """Delete an app with its redirect URIs and secrets. Its grants are dead with it, and its name stays the organization's.

    False when there is none, or not in this `version` any more.
    """
    rows = yield SQL(
        "delete from apps where org = ? and client_id = ? and version = coalesce(?, version) returning client_id",
        (org, client_id, version),
    )
    if rows:
        yield SQL("delete from redirect_uris where org = ? and client_id = ?", (org, client_id))
        yield SQL("delete from app_secrets where org = ? and client_id = ?", (org, client_id))
        yield SQL("delete from app_uses where org = ? and client_id = ?", (org, client_id))
        yield from tell(org, "app", client_id, act.at)
        yield from record(org, "app.deleted", replace(act, client_id=client_id))
    return bool(rows)


@question
def add_redirect_uri(org: bytes, client_id: str, uri: str, act: Act) -> Steps[bool]:
    """Register one more redirect URI. False when it is registered already, or there is no such app."""
    rows = yield SQL(
        """insert into redirect_uris (org, client_id, uri, created_at)
            select org, client_id, ?, ? from apps where org = ? and client_id = ?
            on conflict do nothing returning uri""",
        (uri, act.at, org, client_id),
    )
    if rows:
        yield from record(org, "app.redirect_uri_added", replace(act, client_id=client_id))
    return bool(rows)


@question
def remove_redirect_uri(org: bytes, client_id: str, uri: str, act: Act) -> Steps[bool]:
    """Take a redirect URI back. False when it is not registered."""
    rows = yield SQL(
        "delete from redirect_uris where org = ? and client_id = ? and uri = ? returning uri", (org, client_id, uri)
    )
    if rows:
        yield from record(org, "app.redirect_uri_removed", replace(act, client_id=client_id))
    return bool(rows)


@question
def list_redirect_uris(org: bytes, client_id: str) -> Steps[list[str]]:
    """An app's redirect URIs, in the order they were registered."""
    rows = yield SQL(
        "select uri from redirect_uris where org = ? and client_id = ? order by created_at, uri", (org, client_id)
    )
    return [row[0] for row in rows]


@question
def add_secret(org: bytes, client_id: str, secret: AppSecret, act: Act) -> Steps[bool]:
    """Keep one more secret of an app; the others stay good. False when there is no such app.

    Those of the app go that were lent, as the playground does, and never given back.
    """
    yield SQL(
        "delete from app_secrets where org = ? and client_id = ? and expires_at <= ? and expires_at <= created_at + ?",
        (org, client_id, act.at, LOAN_SECONDS),
    )
    rows = yield SQL(
        """insert into app_secrets (org, client_id, id, secret_hash, key_version, hint, created_at, expires_at, last_used_at)
            select org, client_id, ?, ?, ?, ?, ?, ?, ? from apps where org = ? and client_id = ? returning id""",
        (*astuple(secret), org, client_id),
    )
    if rows:
        detail = detail_of("sec", secret.id)
        yield from record(org, "app.secret_added", replace(act, client_id=client_id), detail=detail)
    return bool(rows)


@question
def list_secrets(org: bytes, client_id: str) -> Steps[list[AppSecret]]:
    """An app's secrets, oldest first."""
    rows = yield SQL(_SECRET + " where org = ? and client_id = ? order by id", (org, client_id))
    return [AppSecret(*row) for row in rows]


@question
def delete_secret(org: bytes, client_id: str, secret: bytes, act: Act) -> Steps[bool]:
    """Delete one of an app's secrets. False when there is no such one."""
    rows = yield SQL(
        "delete from app_secrets where org = ? and client_id = ? and id = ? returning id", (org, client_id, secret)
    )
    if rows:
        detail = detail_of("sec", secret)
        yield from record(org, "app.secret_deleted", replace(act, client_id=client_id), detail=detail)
    return bool(rows)


@question
def note_secret_used(org: bytes, client_id: str, secret: bytes, now: int) -> Steps[None]:
    """Remember when a secret was last used, to the hour: enough to know which one may go."""
    yield SQL(
        """update app_secrets set last_used_at = ? where org = ? and client_id = ? and id = ?
            and (last_used_at is null or last_used_at < ?)""",
        (now, org, client_id, secret, now - 3600),
    )
