"""Usage: whoever counts adds to the same rows, and what is old goes away a little at a time."""

from gatepost.secrets import new_id
from gatepost.store.browsing import uses_of_apps
from gatepost.store.question import SQL, Steps, Store, question
from gatepost.store.usage import HOUR, KEPT, MINUTE, Count, Point, Share, add_usage, usage_by_app, usage_series

from .conftest import Database
from .test_races import race

ORG, OTHER = new_id(), new_id()
AT = 1_800_000_000


def count(times: int = 1, *, org: bytes = ORG, app: str = "shop", name: str = "refresh_token") -> Count:
    return Count(org, app, "issued", name, times)


@question
def rows() -> Steps[int]:
    found = yield SQL("select count(*) from usage")
    return int(found[0][0])


async def test_counts_add_up_by_step(store: Store) -> None:
    for at, times in ((AT, 2), (AT + 59, 3), (AT + 60, 4), (AT + HOUR, 5)):
        await store.ask(add_usage((count(times),), at))
    assert await store.read(usage_series(ORG, MINUTE, AT, AT + 2 * HOUR, MINUTE)) == [
        Point(AT, "issued", "refresh_token", 5),
        Point(AT + 60, "issued", "refresh_token", 4),
        Point(AT + HOUR, "issued", "refresh_token", 5),
    ]
    for width in (MINUTE, HOUR):
        assert [each.times for each in await store.read(usage_series(ORG, width, AT, AT + 2 * HOUR, HOUR))] == [9, 5]
    assert [each.times for each in await store.read(usage_series(ORG, HOUR, AT + HOUR, AT + 2 * HOUR, HOUR))] == [5]


async def test_apps_and_organizations_are_counted_apart(store: Store) -> None:
    counts = (count(1), count(2, app="desk"), count(4, name="verify"), count(8, org=OTHER), count(16, app=""))
    await store.ask(add_usage(counts, AT))
    assert await store.read(usage_by_app(ORG, HOUR, AT, AT + 1)) == [
        Share("", "issued", "refresh_token", 16),
        Share("desk", "issued", "refresh_token", 2),
        Share("shop", "issued", "refresh_token", 1),
        Share("shop", "issued", "verify", 4),
    ]
    assert [each.times for each in await store.read(usage_series(ORG, HOUR, AT, AT + 1, HOUR, "shop"))] == [1, 4]


async def test_nodes_that_count_the_same_at_once_lose_nothing(database: Database) -> None:
    counts = tuple(count(app=f"app-{number}") for number in range(100))
    await race(database, [add_usage(counts[::step], AT) for step in (1, -1) * 8], threads=4)
    shares = await database.open().read(usage_by_app(ORG, HOUR, AT, AT + 1))
    assert [each.times for each in shares] == [16] * 100


async def test_old_rows_are_swept_by_those_that_write(store: Store) -> None:
    apps = [count(app=f"app-{number}") for number in range(10)]
    await store.ask(add_usage(tuple(apps), AT))
    await store.ask(add_usage((count(org=OTHER),), AT + KEPT[MINUTE] + MINUTE))
    assert await store.read(rows()) == 20 - 2 + 2, "twice as many as were written"
    for _ in range(4):
        await store.ask(add_usage((count(org=OTHER),), AT + KEPT[MINUTE] + MINUTE))
    assert await store.read(rows()) == 10 + 2, "the hours are still there"
    for _ in range(6):
        await store.ask(add_usage((count(org=OTHER),), AT + KEPT[HOUR] + HOUR))
    assert await store.read(usage_by_app(ORG, HOUR, 0, AT + 1)) == []


async def test_an_app_was_last_used_when_it_was_last_counted(store: Store) -> None:
    await store.ask(add_usage((count(1), count(2, name="verify"), count(8, org=OTHER), count(16, app="")), AT))
    await store.ask(add_usage((count(1),), AT + 70))
    await store.ask(add_usage((count(1),), AT + 30))
    uses = await store.read(uses_of_apps(ORG, ("shop", "desk", ""), AT, 1))
    assert [uses[each].used_at for each in ("shop", "desk", "")] == [AT + 70, None, None], "a clock may fall back"
    assert (await store.read(uses_of_apps(OTHER, ("shop",), AT, 1)))["shop"].used_at == AT
