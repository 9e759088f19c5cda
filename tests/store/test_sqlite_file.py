"""A database as a file: copied as it is at one moment, looked over, held for oneself."""

from pathlib import Path

import apsw
import pytest

from gatepost.errors import GatepostError, StoreUnavailableError
from gatepost.store.sqlite import connect
from gatepost.store.sqlite_file import PAGES, copy, find_faults, leave_wal, sole_use


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database of several steps' worth of pages, whose two numbers are always equal outside a transaction."""
    path = tmp_path / "numbers.db"
    connection = connect(path)
    connection.execute("create table numbers (a integer, b integer)")
    connection.execute("insert into numbers values (0, 0)")
    connection.execute("create table bulk (content blob)")
    connection.execute(
        """with recursive n(i) as (select 1 union all select i + 1 from n where i < ?)
            insert into bulk select zeroblob(4000) from n""",
        (4 * PAGES,),
    )
    connection.close()
    return path


def move_on(connection: apsw.Connection) -> None:
    """Move both numbers, and so much else that pages all over the file change."""
    connection.execute("begin immediate")
    connection.execute("update numbers set a = a + 1")
    connection.execute("update bulk set content = randomblob(4000) where rowid % 97 = 0")
    connection.execute("update numbers set b = b + 1")
    connection.execute("commit")


def test_a_copy_is_of_one_moment_and_ends_however_much_is_written_meanwhile(path: Path, tmp_path: Path) -> None:
    writer = connect(path)
    told: list[tuple[int, int | None]] = []

    def write(done: int, total: int | None) -> None:
        told.append((done, total))
        assert len(told) < 100, "a write starts it afresh, without end"
        move_on(writer)

    copy(path, tmp_path / "copy.db", write)
    assert [done for done, _ in told] == sorted({done for done, _ in told}), "it never starts afresh"
    assert len(told) > 3
    assert told[-1][0] == told[-1][1]
    copied = apsw.Connection(str(tmp_path / "copy.db"))
    assert copied.execute("select a, b from numbers").fetchall() == [(0, 0)]
    copied.close()
    assert find_faults(tmp_path / "copy.db", deep=True) == []
    assert {each.name for each in tmp_path.glob("copy.db*")} == {"copy.db"}, "all of it is in one file"
    assert writer.execute("select a = b and a > 3 from numbers").fetchall() == [(1,)]
    writer.close()


def test_what_cannot_be_copied_is_said(tmp_path: Path) -> None:
    (tmp_path / "none.db").write_bytes(b"no database" * 1000)
    with pytest.raises(StoreUnavailableError):
        copy(tmp_path / "none.db", tmp_path / "copy.db", lambda done, total: None)


def test_faults_are_found_in_what_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "none.db").write_bytes(b"no database" * 1000)
    assert "NotADB" in find_faults(tmp_path / "none.db", deep=False)[0]
    assert find_faults(tmp_path / "missing.db", deep=False) != []
    assert not (tmp_path / "missing.db").exists()


def test_who_holds_a_database_holds_it_alone_and_all_of_it(path: Path) -> None:
    other = connect(path)
    move_on(other)
    with pytest.raises(GatepostError, match="in use"), sole_use(path):
        pytest.fail("another connection is open")
    other.close()
    with sole_use(path):
        assert {each.name for each in path.parent.iterdir()} == {path.name}
        with pytest.raises(StoreUnavailableError):
            connect(path)
    again = connect(path)
    assert again.execute("select a, b from numbers").fetchall() == [(1, 1)]
    assert again.pragma("journal_mode") == "wal"
    again.close()


def test_a_database_that_is_not_there_or_broken_is_nobodys(tmp_path: Path) -> None:
    with sole_use(tmp_path / "missing.db"):
        assert not (tmp_path / "missing.db").exists()
    (tmp_path / "none.db").write_bytes(b"no database" * 1000)
    with sole_use(tmp_path / "none.db"):
        pass


def test_out_of_the_log_everything_is_in_the_file(path: Path) -> None:
    connection = connect(path)
    move_on(connection)
    connection.close()
    leave_wal(path)
    alone = path.with_name("alone.db")
    alone.write_bytes(path.read_bytes())
    copied = apsw.Connection(str(alone))
    assert copied.execute("select a, b from numbers").fetchall() == [(1, 1)]
    copied.close()
