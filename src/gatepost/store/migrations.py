"""The schema, as numbered steps that only ever go forward.

`org` is the first column of every primary key: the tenancy boundary, and the key by which a distributed database places
rows. Each engine fills in three words of its dialect: `{bytes}` and `{text}`, its types for bytes and for text that sorts
by its bytes, and `{table}`, what it wants behind a table. Everything else both databases read as it stands.
"""

from typing import NamedTuple, NoReturn

from gatepost.store.question import INSTANCE, SQL, Steps, question


class Migration(NamedTuple):
    """One step of the schema: what it is called, and its statements."""

    number: int
    name: str
    statements: tuple[str, ...]


MIGRATIONS = (
    Migration(
        1,
        "first light",
        (
            """create table orgs (org {bytes} not null, name {text} not null, auth_token {text}, epoch bigint not null,
                disabled_at bigint, created_at bigint not null, primary key (org)){table}""",
            # A name leads to the organization that owns it, once and for ever: a client_id, an auth_token, an e-mail.
            """create table names (org {bytes} not null, kind {text} not null, name {text} not null, owner {bytes} not null,
                primary key (org, kind, name)){table}""",
            """create table api_keys (org {bytes} not null, id {bytes} not null, name {text} not null, scopes {text} not null,
                secret_hash {bytes} not null, key_version bigint not null, epoch bigint not null, created_at bigint not null,
                expires_at bigint, revoked_at bigint, primary key (org, id)){table}""",
            """create table apps (org {bytes} not null, client_id {text} not null, name {text} not null, kind {text} not null,
                profile {text} not null, auth_method {text}, grant_types {text} not null, scope {text} not null,
                default_resource {text}, access_ttl bigint, grant_idle_ttl bigint, grant_ttl bigint, retry_window bigint,
                epoch bigint not null, disabled_at bigint, created_at bigint not null, primary key (org, client_id)){table}""",
            """create table redirect_uris (org {bytes} not null, client_id {text} not null, uri {text} not null,
                created_at bigint not null, primary key (org, client_id, uri)){table}""",
            """create table app_secrets (org {bytes} not null, client_id {text} not null, id {bytes} not null,
                secret_hash {bytes} not null, key_version bigint not null, hint {text} not null, created_at bigint not null,
                expires_at bigint, last_used_at bigint, primary key (org, client_id, id)){table}""",
            """create table resources (org {bytes} not null, uri {text} not null, scopes {text} not null, served_by {text},
                created_at bigint not null, primary key (org, uri)){table}""",
            """create table users (org {bytes} not null, id {bytes} not null, email {text} not null, password_hash {text},
                disabled_at bigint, created_at bigint not null, primary key (org, id)){table}""",
            """create table memberships (org {bytes} not null, user_id {bytes} not null, role {text} not null,
                epoch bigint not null, created_at bigint not null, primary key (org, user_id)){table}""",
            """create table grants (org {bytes} not null, id {bytes} not null, client_id {text} not null, user_id {bytes},
                key_id {bytes}, scope {text} not null, resource {text}, generation bigint not null, salt {bytes} not null,
                epoch bigint not null, created_at bigint not null, rotated_at bigint not null,
                last_used_at bigint not null, uses bigint not null, idle_ttl bigint not null,
                expires_at bigint not null, revoked_at bigint, primary key (org, id)){table}""",
            "create index memberships_by_user on memberships (user_id)",
            "create index grants_by_app on grants (org, client_id, id)",
            "create index grants_by_user on grants (org, user_id, id) where user_id is not null",
            "create index grants_by_expiry on grants (org, expires_at)",
            """create table signing_keys (org {bytes} not null, kid {text} not null, state {text} not null,
                wrapped {bytes} not null, created_at bigint not null, published_at bigint not null,
                activated_at bigint, retired_at bigint, remove_at bigint, primary key (org, kid)){table}""",
            """create table versions (org {bytes} not null, name {text} not null, version bigint not null,
                primary key (org, name)){table}""",
            # What was revoked while access tokens of it may live; kept until the last of them has expired.
            """create table revocations (org {bytes} not null, id {bytes} not null, kind {text} not null, target {text} not null,
                revoked_at bigint not null, expires_at bigint not null, primary key (org, id)){table}""",
            # Ids that may be used once, kept until they would have expired anyway.
            """create table spent (org {bytes} not null, kind {text} not null, id {bytes} not null,
                expires_at bigint not null, primary key (org, kind, id)){table}""",
            """create table events (org {bytes} not null, id {bytes} not null, at bigint not null, type {text} not null,
                result {text} not null, actor {text} not null, client_id {text}, user_id {bytes}, grant_id {bytes},
                address {text}, detail {text} not null, primary key (org, id)){table}""",
        ),
    ),
)

NEWEST = MIGRATIONS[-1].number


class Applied(NamedTuple):
    """A migration that the database has, and since when."""

    version: int
    name: str
    applied_at: int


class RehearsedError(Exception):
    """A rehearsal went well to its end. Raised so that the engine undoes all of it; says what the database has."""

    def __init__(self, applied: list[Applied]) -> None:
        super().__init__()
        self.applied = applied


@question
def schema_version() -> Steps[int]:
    """The number of the newest migration that was applied; 0 for a database without one."""
    rows = yield SQL("select max(version) from schema_version where org = ?", (INSTANCE,))
    return rows[0][0] or 0


@question
def prepare(dialect: dict[str, str]) -> Steps[int]:
    """Make the table that records migrations, if it is missing, and answer the version the schema has."""
    yield SQL(
        """create table if not exists schema_version (org {bytes} not null, version bigint not null, name {text} not null,
            applied_at bigint not null, primary key (org, version)){table}""".format(**dialect)
    )
    return (yield from schema_version())


@question
def apply_next(dialect: dict[str, str], now: int) -> Steps[int]:
    """Apply the next missing migration and record it, in one transaction; answer the version the schema has then.

    It is recorded before it is applied: of two processes at once the second waits there for the first, and finds it done.
    """
    version = yield from schema_version()
    for migration in MIGRATIONS[version : version + 1]:
        recorded = yield SQL(
            """insert into schema_version (org, version, name, applied_at) values (?, ?, ?, ?)
                on conflict do nothing returning version""",
            (INSTANCE, migration.number, migration.name, now),
        )
        for statement in migration.statements if recorded else ():
            yield SQL(statement.format(**dialect))
        return migration.number
    return version


@question
def list_applied() -> Steps[list[Applied]]:
    """The migrations that were applied, oldest first."""
    rows = yield SQL("select version, name, applied_at from schema_version where org = ? order by version", (INSTANCE,))
    return [Applied._make(row) for row in rows]


@question
def rehearse(dialect: dict[str, str], now: int) -> Steps[NoReturn]:
    """Apply every missing migration in one transaction of which nothing stays. Raises `RehearsedError` at the end."""
    version = yield from prepare(dialect)
    applied = yield from list_applied()
    while version < NEWEST:
        version = yield from apply_next(dialect, now)
    raise RehearsedError(applied)
