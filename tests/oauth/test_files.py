"""Files written whole: there or not there, and never in the place of another."""

import contextlib
import stat
from pathlib import Path

import pytest

from gatepost.errors import GatepostError
from gatepost.files import whole_file


def names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


@pytest.mark.parametrize("replace", [False, True], ids=["new", "replace"])
def test_a_file_is_there_when_it_is_whole_and_its_owners_alone(tmp_path: Path, replace: bool) -> None:
    path = tmp_path / "file"
    with whole_file(path, replace=replace) as file:
        file.write(b"whole")
        assert not path.exists()
        assert {stat.S_IMODE(draft.stat().st_mode) for draft in tmp_path.iterdir()} == {0o600}
    assert path.read_bytes() == b"whole"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert names(tmp_path) == {"file"}


def test_a_file_that_is_not_finished_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"before")
    with contextlib.suppress(LookupError), whole_file(path, replace=True) as file:
        file.write(b"half")
        raise LookupError
    assert path.read_bytes() == b"before"
    assert names(tmp_path) == {"file"}


def test_a_file_that_came_meanwhile_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with pytest.raises(GatepostError, match="exists already"), whole_file(path, replace=False):
        path.write_bytes(b"another's")
    assert path.read_bytes() == b"another's"
    assert names(tmp_path) == {"file"}


@pytest.mark.parametrize(
    ("path", "code"), [("missing/file", "not_found"), ("file/below", "not_allowed")], ids=["missing", "a file"]
)
def test_where_nothing_can_be_written_is_said(tmp_path: Path, path: str, code: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(GatepostError) as refused, whole_file(tmp_path / path, replace=False):
        pytest.fail("it cannot be written")
    assert refused.value.code == code


def test_a_full_disk_is_no_fault_of_ours(tmp_path: Path) -> None:
    with pytest.raises(GatepostError) as refused, whole_file(tmp_path / "file", replace=False):
        raise OSError(28, "No space left on device")
    assert refused.value.code == "temporarily_unavailable"
    assert names(tmp_path) == set()
