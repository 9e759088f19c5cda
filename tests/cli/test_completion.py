"""Completion scripts: one for each shell, that parse, and complete what was begun."""

import shutil
import subprocess
from pathlib import Path

import pytest

from cli.conftest import Gatepost
from gatepost.cli.completion import SHELLS
from gatepost.cli.main import NOUNS

CHECKED = [shell for shell in ("bash", "zsh", "fish") if shutil.which(shell)]


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The script for bash, which is everywhere."""
    return tmp_path_factory.mktemp("completion") / "gatepost.bash"


def completed(gatepost: Gatepost, script: Path, *words: str) -> list[str]:
    """What bash offers for the last word."""
    if not script.exists():
        script.write_text(gatepost("completion", "bash").out)
    program = f'source {script}; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _shtab_gatepost; printf "%s\\n" "${{COMPREPLY[@]}}"'
    done = subprocess.run(["bash", "-c", program, "bash", "gatepost", *words], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


@pytest.mark.parametrize("shell", SHELLS)
def test_there_is_a_script_for_each_shell(gatepost: Gatepost, shell: str) -> None:
    document = gatepost.json("completion", shell)
    assert document["shell"] == shell
    assert "gatepost" in document["script"]


@pytest.mark.parametrize("shell", CHECKED)
def test_the_script_parses(gatepost: Gatepost, shell: str) -> None:
    Path("script").write_text(gatepost("completion", shell).out)
    done = subprocess.run([shell, "-n", "script"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["sig"], ["signing-key"]),
        (["app", "cre"], ["create"]),
        (["app", "secret", ""], ["add", "list", "delete"]),
        (["app", "create", "--kind", ""], ["web", "spa", "native", "device", "service"]),
        (["org", "list", "--js"], ["--json"]),
        (["completion", "fi"], ["fish"]),
    ],
)
def test_bash_completes_what_was_begun(gatepost: Gatepost, script: Path, words: list[str], offered: list[str]) -> None:
    assert completed(gatepost, script, *words) == offered


def test_bash_knows_every_command_and_completes_files(gatepost: Gatepost, script: Path) -> None:
    assert sorted(completed(gatepost, script, "")) == sorted(NOUNS)
    Path("apps.json").write_text("[]")
    Path("data").mkdir()
    assert completed(gatepost, script, "app", "import", "ap") == ["apps.json"]
    assert completed(gatepost, script, "dev", "--data", "da") == ["data"]


def test_another_shell_is_refused_with_what_there_is(gatepost: Gatepost) -> None:
    assert "did you mean `fish`?" in gatepost.refused(2, "completion", "fsh")["message"]
    assert "bash, zsh" in gatepost.refused(2, "completion", "cmd")["message"]
