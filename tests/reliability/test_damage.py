"""A damaged database is found at the start or at the first touch, in words; after that nothing is answered from it."""

import contextlib
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from gatepost.store.sqlite import connect
from servers import command, running


class Known(NamedTuple):
    """A data directory that was used and left in order, and a refresh token of it."""

    data: Path
    refresh_token: str


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Known:
    data = tmp_path_factory.mktemp("used") / "data"
    with running("dev", data) as server, server.caller() as caller:
        tokens = [caller.post("/verify", server.pair).json()["refresh_token"] for _ in range(100)]
    return Known(data, tokens[0])


@pytest.fixture
def known(used: Known, tmp_path: Path) -> Known:
    """A copy to damage."""
    shutil.copytree(used.data, tmp_path / "data")
    return used._replace(data=tmp_path / "data")


def overwrite(data: Path, offset: int, content: bytes) -> None:
    with (data / "gatepost.db").open("r+b") as file:
        file.seek(offset)
        file.write(content)


def place_of(data: Path, table: str) -> tuple[int, int]:
    """Where the root page of a table begins, and how long it is."""
    with contextlib.closing(connect(data / "gatepost.db")) as connection:
        [(root,)] = connection.execute("select rootpage from sqlite_schema where name = ?", (table,))
        size = connection.pragma("page_size")
    return (root - 1) * size, size


@pytest.mark.parametrize(
    ("offset", "content"),
    [(0, b"not a database"), (16, b"\xff\xff"), (100, bytes(200)), (100, b"\xff" * 3000)],
    ids=["name", "page size", "schema emptied", "schema overwritten"],
)
def test_a_damaged_head_is_found_at_the_start(known: Known, offset: int, content: bytes) -> None:
    overwrite(known.data, offset, content)
    for arguments in (["dev", "--port", "0"], ["org", "list"]):
        check_said(known.data, *arguments)


def test_what_the_start_reads_is_found_at_the_start(known: Known) -> None:
    offset, size = place_of(known.data, "signing_keys")
    overwrite(known.data, offset, b"\xa5" * size)
    check_said(known.data, "dev", "--port", "0")


def check_said(data: Path, *arguments: str) -> None:
    """The command refuses, and says what is wrong and what mends it."""
    refused = command(data, *arguments)
    assert refused.returncode in (3, 7)
    assert refused.stderr.startswith("error[")
    assert "damaged" in refused.stderr
    assert "gatepost restore" in refused.stderr


@pytest.mark.parametrize("table", ["grants", "apps", "orgs", "api_keys", "events"])
def test_a_damaged_page_is_found_when_it_is_touched_and_nothing_is_answered_after_it(known: Known, table: str) -> None:
    offset, size = place_of(known.data, table)
    overwrite(known.data, offset, b"\xa5" * size)
    with running("dev", known.data) as server, server.caller() as caller:
        assert caller.get("/readyz").status == 200
        assert caller.post("/verify", server.pair).status == 503
        assert caller.post("/refresh", {"refresh_token": known.refresh_token}).status == 503
        refused = caller.get("/readyz")
        assert (refused.status, refused.json()["error"]) == (503, "temporarily_unavailable")
        assert caller.get("/healthz").status == 200
