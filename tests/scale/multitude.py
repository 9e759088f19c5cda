"""An organization with a great many apps, people, connections and events, written past every verb into the tables.

What a page may have to look for is there at its worst: one app and one person with a large share of all connections and
events, names that begin alike, types that are rare.
"""

import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from gatepost.flows.counting import ISSUED, PASSED, REFUSED, took
from gatepost.secrets import render_id
from gatepost.store.question import INSTANCE
from gatepost.store.sqlite import connect
from gatepost.store.usage import ALL, DAY, HOUR

SPAN = 30 * DAY
BIG = "big"
"""The app with a tenth of all connections, and of all events."""

CROWDED = "crowded@example.test"
"""The person with a seventh of them."""

KINDS = ("web", "spa", "native", "device", "service")
RARE = "grant.replayed"
USED = ((ISSUED, "authorization_code"), (ISSUED, "refresh_token"), (REFUSED, "invalid_grant"), (PASSED, "check"))
TIMED = ("/token", "/authorize", "/introspect", "/userinfo", "/check")
TYPES = ("grant.made", "grant.first_used", "grant.made", "grant.revoked", "request.refused", "request.signed_in")

COLUMNS = {
    "names": "org, kind, name, owner",
    "users": "org, id, email, created_at",
    "memberships": "org, user_id, role, epoch, created_at",
    "apps": "org, client_id, name, kind, profile, grant_types, scope, epoch, disabled_at, created_at",
    "redirect_uris": "org, client_id, uri, created_at",
    "grants": """org, id, client_id, user_id, scope, generation, salt, epoch, created_at, rotated_at, last_used_at, uses,
        idle_ttl, expires_at, revoked_at""",
    "events": "org, id, at, type, result, actor, client_id, user_id, grant_id, address, detail",
    "counts": "org, width, client_id, kind, at, name, times",
}


class Multitude(NamedTuple):
    """So many apps, a tenth as many people, ten times as many connections and events; the newest at `now`.

    What `start` leaves out is there already: of each thing, so much as a multitude with that many apps has.
    """

    org: bytes
    apps: int
    now: int
    start: int = 0

    def client_id(self, number: int) -> str:
        return f"app-{number:06}"

    def person(self, number: int) -> bytes:
        return b"person" + number.to_bytes(10, "big")

    @property
    def crowded(self) -> bytes:
        return self.person(0)

    def moment(self, number: int) -> tuple[int, bytes]:
        """When one of the ten times as many things was, and its id, which sorts so."""
        at = self.now - SPAN + SPAN * number // (10 * self.apps)
        return at, (at * 1000 << 80 | number).to_bytes(16, "big")

    def tables(self) -> Iterator[tuple[str, Iterable[tuple[Any, ...]]]]:
        yield "names", self._names()
        yield "users", ((INSTANCE, self.person(n), self._email(n), self.now - SPAN) for n in self._people())
        yield "memberships", ((self.org, self.person(n), "member", 0, self.now - SPAN + n) for n in self._people())
        yield "apps", self._apps()
        yield "redirect_uris", self._redirects()
        yield "grants", self._grants()
        yield "events", self._events()
        yield "counts", self._counts()

    def _people(self) -> range:
        return range(self.start // 10, self.apps // 10)

    def _numbers(self) -> range:
        """Numbers of apps."""
        return range(self.start, self.apps)

    def _moments(self) -> range:
        """Numbers of connections, and of events."""
        return range(10 * self.start, 10 * self.apps)

    def _email(self, number: int) -> str:
        return f"person-{number}@example.test" if number else CROWDED

    def _names(self) -> Iterator[tuple[Any, ...]]:
        for number in self._people():
            yield INSTANCE, "email", self._email(number), self.person(number)
        for number in self._numbers():
            yield INSTANCE, "client_id", self.client_id(number), self.org
        if not self.start:
            yield INSTANCE, "client_id", BIG, self.org

    def _apps(self) -> Iterator[tuple[Any, ...]]:
        made = self.now - SPAN
        known = ("oauth21", "authorization_code refresh_token", "read write", 0)
        for number in self._numbers():
            disabled_at = self.now if number % 50 == 49 else None
            kind = KINDS[number % len(KINDS)]
            yield self.org, self.client_id(number), f"App {number}", kind, *known, disabled_at, made
        if not self.start:
            yield self.org, BIG, "The big one", "web", *known, None, made

    def _redirects(self) -> Iterator[tuple[Any, ...]]:
        for number in self._numbers():
            client_id = self.client_id(number)
            yield self.org, client_id, f"https://{client_id}.test/cb", self.now

    def _whose(self, number: int) -> tuple[str, bytes]:
        """The app and the person of a connection or an event. The big app and the crowded person have none together."""
        client_id = BIG if number % 10 == 9 else self.client_id(number // 10)
        is_crowded = number % 7 == 3 and client_id != BIG
        return client_id, self.person(0 if is_crowded else 1 + number % max(1, self.apps // 10 - 1))

    def _grants(self) -> Iterator[tuple[Any, ...]]:
        for number in self._moments():
            (at, id), (client_id, user_id) = self.moment(number), self._whose(number)
            revoked_at = self.now if number % 11 == 5 else None
            life = (at, at, self.now - number % DAY, 7, 30 * DAY, self.now + 90 * DAY, revoked_at)
            yield self.org, id, client_id, user_id, "read", 7, id, 0, *life

    def _events(self) -> Iterator[tuple[Any, ...]]:
        for number in self._moments():
            (at, id), (client_id, user_id) = self.moment(number), self._whose(number)
            type = RARE if number == 5 * self.start else TYPES[number % len(TYPES)]
            result = "refused" if type == "request.refused" else "ok"
            whose = (render_id("usr", user_id), client_id, user_id, id)
            yield self.org, id, at, type, result, *whose, "192.0.2.7", '{"path":"/token","why":"unknown"}'

    def _counts(self) -> Iterator[tuple[Any, ...]]:
        """What was counted in each hour and day: of each fiftieth app, of the big one, of all, and how long routes took."""
        at_work = [self.client_id(number) for number in self._numbers() if number % 50 == 0]
        for width, seconds in ((HOUR, 10 * DAY), (DAY, SPAN)):
            for at in range(self.now - self.now % width - seconds, self.now, width):
                for client_id in (*at_work, *(() if self.start else (BIG, ALL))):
                    for kind, name in USED:
                        yield self.org, width, client_id, kind, at, name, 7
                for route, step in product(() if self.start else TIMED, range(30, 60)):
                    yield INSTANCE, width, ALL, took(route), at, str(step), 7


def multitude(org: bytes, apps: int) -> Multitude:
    return Multitude(org, apps, int(time.time()))


def write(url: str, multitude: Multitude) -> None:
    """Write all of it into a database where the organization is, and let the database look at what it has got."""
    if url.startswith("sqlite"):
        _write_file(Path(url.removeprefix("sqlite:///")), multitude)
    else:
        _write_server(url, multitude)


def _write_file(path: Path, multitude: Multitude) -> None:
    with closing(connect(path)) as connection, connection:
        for table, rows in multitude.tables():
            marks = ", ".join("?" * len(COLUMNS[table].split(",")))
            connection.executemany(f"insert into {table} ({COLUMNS[table]}) values ({marks})", rows)


def _write_server(url: str, multitude: Multitude) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for table, rows in multitude.tables():
            names = sql.SQL(", ").join(sql.Identifier(name.strip()) for name in COLUMNS[table].split(","))
            into = sql.SQL("copy {} ({}) from stdin").format(sql.Identifier(table), names)
            with connection.cursor() as cursor, cursor.copy(into) as copy:
                for row in rows:
                    copy.write_row(row)
        connection.execute("vacuum analyze")
