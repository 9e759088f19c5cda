"""Where an instance is and how it is opened: its database, its key, the directory of both, and its way out for mails."""

import time
from collections.abc import Callable
from pathlib import Path

from gatepost.errors import GatepostError
from gatepost.files import whole_file
from gatepost.flows.client_documents import ClientDocuments
from gatepost.flows.counting import Counts
from gatepost.flows.instance import Instance, wall_clock
from gatepost.flows.policy import Policy
from gatepost.flows.remote_keys import RemoteKeys
from gatepost.flows.signing import SigningRing
from gatepost.flows.upkeep.restore import Place, finish_restore
from gatepost.mail import Box, Smtp, Transport
from gatepost.outbound import Fetcher
from gatepost.pages.mails import Postman
from gatepost.secrets import Keyring
from gatepost.settings import MailSettings, Settings
from gatepost.store.engines import Database, find_database
from gatepost.store.migrations import NEWEST, UNFINISHED
from gatepost.store.question import Store

KEY_FILE = "instance.key"
BOX = "box:"
"""The mail.url of a development server: mails are kept where its developer sees them."""


def open_instance(
    settings: Settings, issuer: str, *, migrate: bool = False, clock: Callable[[], int] = wall_clock
) -> Instance:
    """Everything the verbs stand on. Close its store when done.

    The key comes first, so that a database is never found without its key, not even by a process that starts at the same
    moment. Raises `invalid_configuration`, `not_allowed`, `temporarily_unavailable`.
    """
    finish_restores(settings)
    keyring = open_keyring(settings, make=not database_of(settings).exists())
    transport = mail_transport(settings.mail)
    store = open_store(settings, migrate=migrate)
    signing = SigningRing(store, keyring, clock)
    policy = Policy(store)
    fetcher = Fetcher(allow_loopback=settings.outbound.allow_loopback)
    remote_keys = RemoteKeys(fetcher, clock)
    return Instance(
        store,
        keyring,
        signing,
        policy,
        Counts(store, clock),
        fetcher,
        remote_keys,
        ClientDocuments(fetcher, clock),
        Postman(transport) if transport else None,
        issuer,
        settings.tokens,
        settings.dpop,
        settings.passwords,
        settings.sessions,
        settings.sign_up,
        settings.registration.mode,
        clock,
    )


def database_of(settings: Settings) -> Database:
    """The database that the settings name. Raises `invalid_configuration`."""
    given = settings.database
    return find_database(given.reveal() if given else f"sqlite:///{settings.data_dir / 'gatepost.db'}")


def database_path(settings: Settings) -> Path:
    """The database file that the settings name. Raises `invalid_configuration` for a database on a server."""
    database = database_of(settings)
    if database.file is None:
        raise GatepostError(
            "invalid_configuration",
            f"{database.shown} is on a server; this command is for a database that is a file.",
            fix="use the server's own means: pg_dump and pg_restore, or its point-in-time recovery",
        )
    return database.file


def open_keyring(settings: Settings, *, make: bool) -> Keyring:
    """The instance key: from the settings, else from the data directory, where `make` makes a missing one, 0600.

    Raises `invalid_configuration`.
    """
    path = settings.data_dir / KEY_FILE
    text = settings.instance.key.reveal() if settings.instance.key else _key_text(path, make)
    try:
        return Keyring.parse(text)
    except ValueError as fault:
        raise GatepostError(
            "invalid_configuration",
            f"The instance key cannot be read: {str(fault).rstrip('.')}.",
            fix=f"restore {KEY_FILE} from a backup",
        ) from None


def _key_text(path: Path, make: bool) -> str:
    make_directory(path.parent)
    if make and not path.exists():
        _make_key(path)
    try:
        return path.read_text()
    except FileNotFoundError:
        raise GatepostError(
            "invalid_configuration",
            f"The database has no instance key: {path} is missing. A new one would not open what the old one sealed.",
            fix=f"restore {KEY_FILE} from a backup, or give it as GATEPOST_INSTANCE__KEY_FILE",
        ) from None
    except (OSError, UnicodeDecodeError) as fault:
        raise unusable(path, fault) from None


def _make_key(path: Path) -> None:
    """Make a key file, on the disk before anything is sealed with it. Of two processes at once both end with one key."""
    try:
        with whole_file(path, replace=False) as file:
            file.write(Keyring.fresh_text().encode())
    except GatepostError as error:
        if error.code != "conflict":
            raise


def make_directory(path: Path) -> None:
    """Make a directory that only its owner may look into; one that exists stays as it is.

    Raises `not_allowed`, `invalid_configuration`.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as fault:
        raise unusable(path, fault) from None


def unusable(path: Path, fault: OSError | UnicodeDecodeError) -> GatepostError:
    """The refusal for a path that the operating system or its content keeps from being used."""
    code = "not_allowed" if isinstance(fault, PermissionError) else "invalid_configuration"
    why = fault.strerror if isinstance(fault, OSError) else "it is not text"
    return GatepostError(code, f"{path} cannot be used: {why}.", fix="check the path, its owner and its mode")


def place_of(settings: Settings) -> Place:
    """Where the database and its instance key stand. Raises `invalid_configuration`."""
    return Place(database_path(settings), settings.data_dir / KEY_FILE, settings.instance.key)


def finish_restores(settings: Settings) -> None:
    """Put a restored database in its place, if a restore was cut short before that."""
    if database_of(settings).file:
        finish_restore(place_of(settings))


def open_store(settings: Settings, *, migrate: bool) -> Store:
    """The store that the settings name, with the newest schema.

    A database without a schema gets it. One with an older schema is migrated only if `migrate` says so; a newer one
    belongs to a newer Gatepost. Raises `invalid_configuration`.
    """
    database = database_of(settings)
    if database.file:
        make_file(database.file)
    version = database.upgrade(int(time.time()), migrate=migrate)
    if version != NEWEST:
        raise _not_ours(database, version)
    return database.open()


def _not_ours(database: Database, version: int) -> GatepostError:
    """The refusal for a schema that is not this version's."""
    if version == UNFINISHED:
        return GatepostError(
            "invalid_configuration",
            f"{database.shown} is a copy that is not finished.",
            fix="run `gatepost copy` again; it goes on where it was cut short",
        )
    if version > NEWEST:
        return GatepostError(
            "invalid_configuration",
            f"The schema of {database.shown} is of a newer Gatepost.",
            fix="use the newer Gatepost, or restore a backup from before it",
        )
    return GatepostError(
        "invalid_configuration",
        f"The schema of {database.shown} is older than this version's; run `gatepost migrate`.",
        fix="gatepost migrate --dry-run shows what is missing",
    )


def make_file(path: Path) -> None:
    """Make an empty file for a database, 0600; one that exists stays as it is. Raises `not_allowed`, `invalid_configuration`."""
    make_directory(path.parent)
    try:
        path.touch(0o600)
    except OSError as fault:
        raise unusable(path, fault) from None


def open_bare_store(settings: Settings) -> Store:
    """The store as it is, with whatever schema it has."""
    return database_of(settings).open_patiently()


def mail_transport(settings: MailSettings) -> Transport | None:
    """The way out for mails; None without one. Raises `invalid_configuration`."""
    if settings.url in ("", BOX):
        return Box() if settings.url else None
    try:
        return Smtp(settings.url, settings.sender, settings.password)
    except ValueError as fault:
        raise GatepostError(
            "invalid_configuration",
            f"Mails cannot be sent: {fault}.",
            fix='mail.url = "smtp+starttls://mailer@smtp.example.com:587", mail.sender = "auth@example.com"',
        ) from None
