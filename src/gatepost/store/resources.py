"""Questions about resources: the APIs that tokens are for. RFC 8707."""

from gatepost.records import Resource
from gatepost.store.events import Act, record
from gatepost.store.question import SQL, Steps, question


@question
def make_resource(org: bytes, resource: Resource, act: Act) -> Steps[bool]:
    """Register a resource. False when it is registered already."""
    rows = yield SQL(
        """insert into resources (org, uri, scopes, served_by, created_at) values (?, ?, ?, ?, ?)
            on conflict do nothing returning uri""",
        (org, *resource),
    )
    if rows:
        yield from record(org, "resource.made", act)
    return bool(rows)


@question
def list_resources(org: bytes) -> Steps[list[Resource]]:
    """The organization's resources, by URI."""
    rows = yield SQL("select uri, scopes, served_by, created_at from resources where org = ? order by uri", (org,))
    return [Resource._make(row) for row in rows]


@question
def is_served_by(org: bytes, uri: str, client_id: str) -> Steps[bool]:
    """Whether this app is the API behind the resource."""
    rows = yield SQL("select 1 from resources where org = ? and uri = ? and served_by = ?", (org, uri, client_id))
    return bool(rows)


@question
def delete_resource(org: bytes, uri: str, act: Act) -> Steps[bool]:
    """Delete a resource. Grants for it refuse to mint from then on. False when there is none."""
    rows = yield SQL("delete from resources where org = ? and uri = ? returning uri", (org, uri))
    if rows:
        yield from record(org, "resource.deleted", act)
    return bool(rows)
