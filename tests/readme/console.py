"""Console blocks of a document: the commands in them, what they show, and what is different on every run."""

import re
import subprocess
from pathlib import Path
from typing import NamedTuple

_BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)
_END = "\x1e"

_MASKS = (
    (re.compile(r"\b(gp_[a-z]+_|org_|app_|key_|gnt_|usr_|evt_)[\w-]*…?"), r"\1…"),
    (re.compile(r"eyJ[\w.-]*…?"), "eyJ…"),
    (re.compile(r'("auth_token":"|auth_token {6})[A-Za-z0-9]{14}'), r"\1…"),
    (re.compile(r'("(?:exp|iat)":)\d+'), r"\1…"),
    (re.compile(r'("jti":")[0-9a-f]*…?'), r"\1…"),
    (re.compile(r"(  password )\S+"), r"\1…"),
    (re.compile(r"^(curl .*?http://\S+).*", re.MULTILINE), r"\1 …"),
)
"""What no two runs share: ids, tokens, instants; and the long tail of a command that the banner offers."""


class Step(NamedTuple):
    """One command, and what it shows on standard output."""

    command: str
    shown: str


def steps_of(document: str) -> list[Step]:
    """Every command in the console blocks, in order. A backslash or a pipe at its end continues a command."""
    steps: list[Step] = []
    for block in _BLOCK.findall(document):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, shown = part.partition("\n")
            while command.endswith(("\\", "|")):
                line, _, shown = shown.partition("\n")
                command += "\n" + line
            steps.append(Step(command, shown))
    return steps


def masked(text: str) -> str:
    """The text without what is different on every run."""
    for pattern, mask in _MASKS:
        text = pattern.sub(mask, text)
    return text.strip()


def run_all(commands: list[str], directory: Path) -> list[str]:
    """What each command shows, when all are typed into one shell in this directory."""
    script = "\n".join(f"{command}\nprintf '{_END}'" for command in commands)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=directory, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split(_END)[:-1]
