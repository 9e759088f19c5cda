"""Where a client keeps its tokens: in memory, in a file, in the system's keyring. Each can be locked across processes.

Whoever refreshes holds the lock: a refresh token that two processes spend at once looks like a stolen one.
"""

import contextlib
import hashlib
import json
import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True, repr=False)
class Tokens:
    """What a client was given. `expires_at` and `renew_at` are seconds since the epoch; `renew_at` comes first.

    >>> Tokens("an access token", None, expires_at=600, renew_at=480)
    <Tokens>
    """

    access_token: str
    refresh_token: str | None
    expires_at: float
    renew_at: float
    key: str | None = None
    """The key that they are bound to, as `ProofKey.text`; None for bearer tokens."""

    def __repr__(self) -> str:
        return "<Tokens>"


class Store(Protocol):
    """What keeps the tokens of one login. `lock` is held while they are renewed, so it lasts across processes."""

    def load(self) -> Tokens | None:
        """What was saved last, if anything was."""

    def save(self, tokens: Tokens | None) -> None:
        """Keep these, or nothing any more."""

    def lock(self) -> AbstractContextManager[None]:
        """Keep everybody else from renewing meanwhile."""


class MemoryStore:
    """Tokens that end with the process.

    >>> store = MemoryStore()
    >>> store.save(Tokens("an access token", None, expires_at=600, renew_at=480))
    """

    def __init__(self) -> None:
        self._tokens: Tokens | None = None
        self._lock = threading.Lock()

    def load(self) -> Tokens | None:
        """What was saved last.

        >>> MemoryStore().load() is None
        True
        """
        return self._tokens

    def save(self, tokens: Tokens | None) -> None:
        """Keep these, or nothing any more.

        >>> MemoryStore().save(None)
        """
        self._tokens = tokens

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other threads from renewing.

        >>> with MemoryStore().lock(): pass
        """
        with self._lock:
            yield


class FileStore:
    """Tokens in a file that nobody else may read (0600), written whole or not at all. The lock is a file beside it.

    >>> store = FileStore(directory / "token")
    >>> store.load() is None
    True
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path).expanduser()

    def load(self) -> Tokens | None:
        """What was saved last, by whichever process. Raises ValueError if the file holds something else.

        >>> FileStore(directory / "token").load() is None
        True
        """
        try:
            return _parse(self._path.read_text())
        except FileNotFoundError:
            return None

    def save(self, tokens: Tokens | None) -> None:
        """Keep these, or remove the file.

        >>> FileStore(directory / "token").save(None)
        """
        if tokens is None:
            self._path.unlink(missing_ok=True)
            return
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # A temporary file is made 0600.
        descriptor, name = tempfile.mkstemp(dir=self._path.parent, prefix=f".{self._path.name}.")
        try:
            with open(descriptor, "w") as file:
                file.write(_render(tokens))
                file.flush()
                os.fsync(descriptor)
            Path(name).replace(self._path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other threads and processes from renewing.

        >>> with FileStore(directory / "token").lock(): pass
        """
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _locked(self._path.with_name(f"{self._path.name}.lock")):
            yield


class KeyringStore:
    """Tokens in the system's keyring, for which the package `keyring` is needed.

    >>> store = KeyringStore("acme-cli")
    """

    def __init__(self, service: str, user: str = "tokens") -> None:
        self._service = service
        self._user = user

    def load(self) -> Tokens | None:
        """What was saved last, by whichever process.

        >>> KeyringStore("acme-cli").load() is None
        True
        """
        import keyring

        kept = keyring.get_password(self._service, self._user)
        return _parse(kept) if kept else None

    def save(self, tokens: Tokens | None) -> None:
        """Keep these, or nothing any more.

        >>> KeyringStore("acme-cli").save(Tokens("an access token", None, expires_at=600, renew_at=480))
        """
        import keyring

        if tokens is not None:
            keyring.set_password(self._service, self._user, _render(tokens))
        elif keyring.get_password(self._service, self._user):
            keyring.delete_password(self._service, self._user)

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other threads and processes of this person from renewing.

        >>> with KeyringStore("acme-cli").lock(): pass
        """
        name = hashlib.sha256(f"{self._service}\0{self._user}".encode()).hexdigest()[:16]
        # Not where everybody may put files: whoever had made this one first could hold it for ever.
        folder = Path.home() / ".cache" / "gatepost"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _locked(folder / f"{name}.lock"):
            yield


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock that ends with its holder, however that ends."""
    import fcntl  # only POSIX has it, and a MemoryStore works everywhere

    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _render(tokens: Tokens) -> str:
    return json.dumps(asdict(tokens))


def _parse(kept: str) -> Tokens:
    try:
        return Tokens(**json.loads(kept))
    except TypeError as fault:
        raise ValueError("what the store holds is not a set of tokens") from fault
