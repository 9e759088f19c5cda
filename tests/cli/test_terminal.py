"""At a terminal: questions before what cannot be undone, secrets without an echo, tables that fit, Ctrl-C."""

import fcntl
import os
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator

import pytest

from cli.conftest import Gatepost, Shop

WAIT_SECONDS = 60


class Terminal:
    """A command at a terminal of its own, so many columns wide."""

    def __init__(self, *arguments: str, columns: int = 80) -> None:
        self._ours, theirs = os.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "gatepost", *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(theirs)
        self.seen = ""

    def until(self, text: str) -> None:
        """Read until the terminal shows this."""
        while text not in self.seen:
            self._read()

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def end(self) -> int:
        """Read to the end, and answer the exit code."""
        try:
            while True:
                self._read()
        except OSError:
            return self._process.wait(WAIT_SECONDS)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._ours)

    def _read(self) -> None:
        part = os.read(self._ours, 65_536)
        if not part:
            raise OSError("the terminal is closed")
        self.seen += part.decode(errors="replace").replace("\r\n", "\n")


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    opened: list[Terminal] = []
    yield opened
    for terminal in opened:
        terminal.close()


def at_terminal(terminals: list[Terminal], *arguments: str, columns: int = 80) -> Terminal:
    terminals.append(Terminal(*arguments, columns=columns))
    return terminals[-1]


@pytest.mark.parametrize(("answer", "code"), [("n\n", 6), ("\n", 6), ("yes\n", 0), ("Y\n", 0)])
def test_a_person_is_asked_before_what_cannot_be_undone(
    gatepost: Gatepost, shop: Shop, terminals: list[Terminal], answer: str, code: int
) -> None:
    terminal = at_terminal(terminals, "app", "delete", shop.client_id)
    terminal.until(f"Delete {shop.client_id} and end its grants, for good? [y/N] ")
    terminal.type(answer)
    assert terminal.end() == code
    assert ("Nothing was changed." in terminal.seen) is bool(code)
    assert len(gatepost.json("app", "list")) == bool(code)


def test_yes_answers_the_question(gatepost: Gatepost, shop: Shop, terminals: list[Terminal]) -> None:
    terminal = at_terminal(terminals, "grant", "revoke", "--org", "Acme", "--yes")
    assert terminal.end() == 0
    assert "[y/N]" not in terminal.seen


def test_ctrl_c_ends_a_question_and_changes_nothing(gatepost: Gatepost, shop: Shop, terminals: list[Terminal]) -> None:
    terminal = at_terminal(terminals, "grant", "revoke", "--org", "Acme")
    terminal.until("[y/N] ")
    terminal.type("\x03")
    assert terminal.end() == 130
    assert "Traceback" not in terminal.seen
    gatepost.refresh(shop.tokens.refresh_token)


def test_a_secret_is_asked_for_without_an_echo(gatepost: Gatepost, shop: Shop, terminals: list[Terminal]) -> None:
    gatepost.json("user", "create", "ana@acme.dev", "--org", "Acme")
    for arguments, prompt, secret in (
        (("user", "reset", "ana@acme.dev"), "New password: ", "correct horse battery"),
        (("token", "inspect"), "Token: ", shop.tokens.refresh_token),
    ):
        terminal = at_terminal(terminals, *arguments)
        terminal.until(prompt)
        terminal.type(f"{secret}\n")
        assert terminal.end() == 0
        assert secret not in terminal.seen


@pytest.mark.parametrize("columns", [100, 140])
def test_a_table_fits_the_terminal_and_keeps_its_ids(
    gatepost: Gatepost, shop: Shop, terminals: list[Terminal], columns: int
) -> None:
    terminal = at_terminal(terminals, "key", "list", columns=columns)
    assert terminal.end() == 0
    lines = terminal.seen.splitlines()
    assert max(map(len, lines)) <= columns
    assert any(shop.key_id in line for line in lines)


def test_nothing_is_coloured(gatepost: Gatepost, shop: Shop, terminals: list[Terminal]) -> None:
    terminal = at_terminal(terminals, "app", "show", shop.client_id)
    assert terminal.end() == 0
    assert not re.search(r"\x1b\[", terminal.seen)
