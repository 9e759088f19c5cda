"""The schema, as numbered steps that only ever go forward.

`org` is the first column of every primary key: the tenancy boundary, and the key by which a distributed database places
rows. Each engine fills in three words of its dialect: `{bytes}` and `{text}`, its types for bytes and for text that sorts
by its bytes, and `{table}`, what it wants behind a table. Everything else both databases read as it stands.

A migration leaves the version before it working: it adds, with a default for whoever does not know, and what it makes
needless goes one version later. So the nodes of an old version serve on while the schema is newer, and are replaced one by one.

Nor does it hold them up. A column comes with a constant for its default, or none, which no database writes into the rows there
are. An index on a table that may be large by then is one of the `indexes` of its migration: where a database can build one
while others write, it is built before the rest. So it names no column of its own migration; that came with the one before.
"""

from typing import NamedTuple


class Migration(NamedTuple):
    """One step of the schema: what it is called, its statements, and what `create index` is told for large tables."""

    number: int
    name: str
    statements: tuple[str, ...] = ()
    indexes: tuple[str, ...] = ()


def _carry_counts(source: int, width: int, seconds: int) -> str:
    """The newest rows of `usage` of one width as rows of `counts` of another, as times have been kept since."""
    return f"""insert into counts (org, width, client_id, kind, at, name, times)
        select org, {width}, client_id, case kind when 'took' then 'took /token' else kind end, at - at % {width},
            replace(name, '/token ', ''), cast(sum(times) as bigint) from usage
        where width = {source} and at >= (select max(at) from usage where width = {source}) - {seconds}
        group by org, client_id, kind, at - at % {width}, name"""


MIGRATIONS: tuple[Migration, ...] = (
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
    Migration(
        2,
        "the standard flow",
        (
            # What an app says of itself beyond what any statement joins on: one JSON object. RFC 7591 §2.
            "alter table apps add column metadata text not null default '{{}}'",
            "alter table signing_keys add column alg text not null default 'ES256'",
            "alter table users add column name text",
            "alter table users add column email_verified_at bigint",
            "alter table users add column profile text not null default '{{}}'",
            "alter table users add column totp {bytes}",
            "alter table users add column totp_step bigint not null default 0",
            # The organization of the app, where it is not the one the grant is for; and what a sign-in left on the grant.
            "alter table grants add column app_org {bytes}",
            "alter table grants add column session_id {bytes}",
            "alter table grants add column ends_with_session bigint not null default 0",
            "alter table grants add column authentication text not null default '{{}}'",
            "create index revocations_by_target on revocations (org, kind, target)",
            "create index grants_by_session on grants (session_id) where session_id is not null",
            """create table sessions (org {bytes} not null, id {bytes} not null, user_id {bytes} not null, salt {bytes} not null,
                generation bigint not null, rotated_at bigint not null, created_at bigint not null,
                last_seen_at bigint not null, expires_at bigint not null, auth_time bigint not null, amr text not null,
                address text, agent text not null, ended_at bigint, primary key (org, id)){table}""",
            "create index sessions_by_user on sessions (user_id, id)",
            "create index sessions_by_expiry on sessions (org, expires_at)",
            """create table consents (org {bytes} not null, user_id {bytes} not null, client_id text not null,
                scope text not null, digest {bytes} not null, created_at bigint not null,
                primary key (org, user_id, client_id)){table}""",
            """create table device_requests (org {bytes} not null, user_code text not null, client_id text not null,
                app_org {bytes} not null, scope text not null, resource text, address text, created_at bigint not null,
                expires_at bigint not null, polled_at bigint not null, poll_seconds bigint not null, state text not null,
                approval text, primary key (org, user_code)){table}""",
            "create index device_requests_by_expiry on device_requests (org, expires_at)",
            """create table passkeys (org {bytes} not null, id {bytes} not null, user_id {bytes} not null, name text not null,
                public_key {bytes} not null, sign_count bigint not null, created_at bigint not null, last_used_at bigint,
                primary key (org, id)){table}""",
            "create index passkeys_by_user on passkeys (user_id, id)",
            """create table recovery_codes (org {bytes} not null, user_id {bytes} not null, code_hash {bytes} not null,
                primary key (org, user_id, code_hash)){table}""",
            """create table invitations (org {bytes} not null, id {bytes} not null, email text not null, role text not null,
                created_at bigint not null, expires_at bigint not null, ended_at bigint, primary key (org, id)){table}""",
            # What is to be sent: mails and logout tokens, sealed, until they arrive or are given up.
            """create table outbox (org {bytes} not null, id {bytes} not null, kind text not null, target text not null,
                sealed {bytes} not null, tries bigint not null, next_at bigint not null, created_at bigint not null,
                primary key (org, id)){table}""",
            "create index outbox_by_time on outbox (org, next_at)",
            """create table scope_texts (org {bytes} not null, scope text not null, locale text not null, text text not null,
                primary key (org, scope, locale)){table}""",
        ),
    ),
    Migration(
        3,
        "the revocation feed",
        (
            "alter table revocations add column seq bigint not null default 0",
            "create index revocations_by_seq on revocations (seq)",
            "drop index revocations_by_target",
            "create index revocations_by_target on revocations (org, kind, target, revoked_at)",
            "create index revocations_by_expiry on revocations (org, expires_at)",
        ),
    ),
    Migration(
        4,
        "usage counters",
        (
            # What was counted, in rows that are `width` seconds wide: of an app, or of none in particular.
            """create table usage (org {bytes} not null, width bigint not null, at bigint not null, client_id {text} not null,
                kind {text} not null, name {text} not null, times bigint not null,
                primary key (org, width, at, client_id, kind, name)){table}""",
            "create index usage_by_time on usage (width, at)",
        ),
    ),
    Migration(
        5,
        "administration",
        (
            "alter table apps add column created_by {bytes}",
            "alter table apps add column version bigint not null default 0",
            "create index apps_by_maker on apps (org, created_by, client_id) where created_by is not null",
        ),
    ),
    Migration(
        6,
        "the chain of events",
        (
            # Each seal takes up the chain where the one before ends. `entries` are ids and digests, one after the other.
            """create table event_seals (org {bytes} not null, seq bigint not null, last_id {bytes} not null,
                head {bytes} not null, entries {bytes} not null, statement text not null, created_at bigint not null,
                primary key (org, seq)){table}""",
            # The public halves of the keys that signed seals, kept for good, under the instance key.
            """create table seal_keys (org {bytes} not null, kid {text} not null, sealed {bytes} not null,
                primary key (org, kid)){table}""",
        ),
    ),
    Migration(
        7,
        "proofs of possession",
        (
            # The key that a refresh has to be proved with: a thumbprint, * for any, null for none. RFC 9449 §5.
            "alter table grants add column jkt text",
            "create index spent_by_expiry on spent (org, kind, expires_at)",
        ),
    ),
    Migration(
        8,
        "trusted issuers",
        (
            """create table trusted_issuers (org {bytes} not null, issuer {text} not null, jwks_uri {text} not null,
                created_at bigint not null, primary key (org, issuer)){table}""",
            # Who it is here that an issuer calls so.
            """create table identities (org {bytes} not null, issuer {text} not null, subject {text} not null,
                user_id {bytes} not null, created_at bigint not null, primary key (org, issuer, subject)){table}""",
        ),
    ),
    Migration(
        9,
        "limits of tokens",
        tuple(f"alter table {table} add column rate_limit bigint" for table in ("orgs", "apps", "grants")),
    ),
    Migration(
        10,
        "requests sent again",
        (
            # Requests that may be sent again under the same key, with their answers, sealed.
            """create table requests (org {bytes} not null, key {bytes} not null, digest {bytes} not null,
                sealed {bytes} not null, expires_at bigint not null, primary key (org, key)){table}""",
            "create index requests_by_expiry on requests (org, expires_at)",
        ),
    ),
    Migration(
        11,
        "the console",
        (
            # By name, however its letters are written, as people look for an app.
            "create index apps_by_name on apps (org, lower(name), client_id)",
            "create index app_secrets_by_expiry on app_secrets (org, expires_at) where expires_at is not null",
        ),
        ("events_by_app on events (org, client_id, id) where client_id is not null",),
    ),
    Migration(
        12,
        "webhooks",
        (
            """create table webhooks (org {bytes} not null, id {bytes} not null, name text not null, url text not null,
                types text not null, secrets {bytes} not null, created_at bigint not null, fed_id {bytes} not null,
                disabled_at bigint, failing_at bigint, primary key (org, id)){table}""",
            """create table webhook_deliveries (org {bytes} not null, webhook_id {bytes} not null, event_id {bytes} not null,
                type text not null, state text not null, created_at bigint not null, attempts text not null,
                primary key (org, webhook_id, event_id)){table}""",
        ),
    ),
    Migration(
        13,
        "apps by name alone",
        (
            # With all that a list is filtered by, so that what does not match is never read.
            "drop index apps_by_name",
            "create index apps_by_name on apps (org, lower(name), client_id, kind, disabled_at, created_by)",
        ),
    ),
    Migration(
        14,
        "apps that need approval",
        (
            "alter table orgs add column apps_need_approval bigint not null default 0",
            """create table app_requests (org {bytes} not null, id {bytes} not null, client_id {text} not null,
                name text not null, hosts text not null, scope text not null, digest {bytes} not null, state {text} not null,
                asked_by {bytes} not null, asked_at bigint not null, agreed_scope text, agreed_digest {bytes},
                decided_by text, decided_at bigint, reason text not null, primary key (org, client_id)){table}""",
            "create index app_requests_by_id on app_requests (org, id)",
            "create index app_requests_by_state on app_requests (org, state, id)",
        ),
    ),
    Migration(
        15,
        "settings of organizations",
        (
            # What an organization chose for itself and no statement joins on: one JSON object.
            "alter table orgs add column settings text not null default '{{}}'",
            "alter table sessions add column longest_rest bigint not null default 0",
        ),
    ),
    Migration(
        16,
        "uses of apps",
        (
            # When an organization's tokens of an app were last got or looked at, as far as it was counted.
            """create table app_uses (org {bytes} not null, client_id {text} not null, used_at bigint not null,
                primary key (org, client_id)){table}""",
        ),
    ),
    Migration(
        17,
        "usage in sums",
        (
            # Takes over from `usage`, in the order in which it is read, with days, and with * for all apps of an organization.
            # Older nodes write and show `usage` until they are replaced: what they count from here on is in no chart of
            # newer ones.
            """create table counts (org {bytes} not null, width bigint not null, client_id {text} not null,
                kind {text} not null, at bigint not null, name {text} not null, times bigint not null,
                primary key (org, width, client_id, kind, at, name)){table}""",
            "create index counts_by_time on counts (width, at)",
            _carry_counts(60, 60, 43_200),
            _carry_counts(3600, 3600, 864_000),
            _carry_counts(3600, 86_400, 7_776_000),
            """insert into counts (org, width, client_id, kind, at, name, times)
                select org, width, '*', kind, at, name, cast(sum(times) as bigint) from counts
                group by org, width, kind, at, name""",
            # Last, as a node that counts one of these apps meanwhile waits for the end.
            """insert into app_uses (org, client_id, used_at) select org, client_id, max(at) from usage
                where width = 3600 and client_id <> '' group by org, client_id on conflict do nothing""",
        ),
    ),
    Migration(
        18,
        "ways into an account",
        (
            # How often they were ended: what began under another count than now is over.
            "alter table users add column epoch bigint not null default 0",
        ),
    ),
    Migration(
        19,
        "details that people gave themselves",
        (
            # 1 once they changed what apps are told of them: it ends with the first proof of their address.
            "alter table users add column own_profile bigint not null default 0",
        ),
    ),
    Migration(20, "a queue for each kind of letter", indexes=("outbox_by_kind on outbox (org, kind, next_at)",)),
    # Due with the first migration after the release of 0.1.0, whose nodes no longer need them: "drop table usage",
    # "drop index outbox_by_time".
)

NEWEST = MIGRATIONS[-1].number

UNFINISHED = 1 << 40
"""The version of a database that a copy is being made into: newer than any, so nothing opens it. See `copying`."""
