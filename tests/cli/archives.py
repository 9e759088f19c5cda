"""What the tests of backups share: a backup, and looks at what is in a data directory."""

from pathlib import Path

from gatepost.secrets import Keyring
from gatepost.store.sqlite import connect

from .conftest import Gatepost

OTHER_KEY = Keyring.fresh_text()


def make_archive(gatepost: Gatepost) -> Path:
    """A backup of what there is."""
    file = gatepost.data.parent / "acme.tar"
    gatepost.json("backup", str(file))
    return file


def orgs(gatepost: Gatepost, data: Path) -> list[str]:
    return [org["name"] for org in gatepost.json("org", "list", "--data", str(data))]


def contents(directory: Path) -> dict[str, bytes]:
    """Every file below a directory, but the lock that stays from one server to the next."""
    files = [path for path in directory.rglob("*") if path.is_file() and path.suffix != ".lock"]
    return {str(path.relative_to(directory)): path.read_bytes() for path in files}


def change(path: Path, *statements: str) -> None:
    connection = connect(path)
    for statement in statements:
        connection.execute(statement).fetchall()
    connection.pragma("journal_mode", "delete")
    connection.close()
