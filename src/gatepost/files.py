"""Files written whole: in place only when they are complete and on the disk, and for their owner's eyes alone."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from gatepost.errors import GatepostError


@contextlib.contextmanager
def whole_file(path: Path, *, replace: bool) -> Iterator[BinaryIO]:
    """A file that is at `path`, mode 0600, once the block has ended; if it raises, nothing is there that was not before.

    Raises `conflict` when there is a file already and it is not to be replaced, `not_found` without its directory,
    `not_allowed` where nothing may be written, `temporarily_unavailable` when the disk is full or fails.
    """
    if not replace and path.exists():
        raise _exists(path)
    try:
        # mkstemp makes the file 0600 from its first byte.
        number, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except FileNotFoundError:
        raise GatepostError("not_found", f"There is no directory {path.parent}.", fix="make it first") from None
    except OSError as fault:
        raise GatepostError("not_allowed", f"{path} cannot be written: {fault.strerror}.") from None
    draft = Path(name)
    try:
        with os.fdopen(number, "w+b") as file:
            yield file
            file.flush()
            os.fsync(number)
        _place(draft, path, replace)
        sync_directory(path.parent)
    except OSError as fault:
        raise GatepostError(
            "temporarily_unavailable", f"{path} could not be written: {fault.strerror}.", fix="make room, and try again"
        ) from None
    finally:
        draft.unlink(missing_ok=True)


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _place(draft: Path, path: Path, replace: bool) -> None:
    """Give the draft its name; unlike renaming, linking never takes the place of a file that came meanwhile."""
    if replace:
        os.replace(draft, path)
        return
    try:
        os.link(draft, path)
    except FileExistsError:
        raise _exists(path) from None


def _exists(path: Path) -> GatepostError:
    return GatepostError("conflict", f"{path} exists already.", fix="choose another name, or add --force to replace it")
