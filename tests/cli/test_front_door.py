"""Finding the command that was meant, and saying so when there is none."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from cli.conftest import Gatepost, spelled
from gatepost import __version__
from gatepost.cli.main import FIRST_FIVE, NOUNS, noun_parser, whole_parser

COMMAND = [sys.executable, "-m", "gatepost"]


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"], ["help"]])
def test_the_five_commands_most_people_need_come_first(gatepost: Gatepost, arguments: list[str]) -> None:
    ran = gatepost(*arguments)
    assert ran.code == 0
    named = [line.split()[1] for line in ran.out.splitlines() if line.startswith("  gatepost ")]
    assert tuple(named[:5]) == FIRST_FIVE
    assert sorted(named) == sorted(NOUNS)


def test_the_version_is_told(gatepost: Gatepost) -> None:
    assert gatepost("--version") == (0, f"gatepost {__version__}\n", "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["ap"], "did you mean `app`?"),
        (["aps", "list"], "did you mean `app`?"),
        (["singing-key"], "did you mean `signing-key`?"),
        (["zebra"], "There is no command `zebra`"),
        (["--jsn"], "`gatepost --jsn` is not a command"),
        (["--versoin"], "did you mean `--version`?"),
        (["--data"], "`gatepost --data` is not a command"),
        (
            ["app"],
            "`gatepost app` needs a verb: create, list, edit, show, use, disable, enable, delete, import, limit, secret",
        ),
        (["app", "creat"], "`gatepost app` has no verb `creat`; did you mean `create`?"),
        (["app", "zebra"], "`gatepost app` has no verb `zebra`; choose from create, list"),
        (["app", "secret"], "`gatepost app secret` needs a verb: add, list, delete"),
        (["app", "secret", "ad"], "`gatepost app secret` has no verb `ad`; did you mean `add`?"),
        (["org", "list", "--jso"], "`gatepost org list` has no option --jso; did you mean `--json`?"),
        (["app", "list", "--ogr=Acme"], "`gatepost app list` has no option --ogr; did you mean `--org`?"),
        (["app", "limit", "x", "9/m", "--rate"], "`gatepost app limit` has no option --rate."),
        (["app", "create", "--redirect"], "--redirect needs a value behind it."),
        (["--dat=x", "org", "list"], "has no option --dat; did you mean `--data`?"),
        (["serve", "--issure", "x"], "`gatepost serve` has no option --issure; did you mean `--issuer`?"),
        (["org", "list", "--zebra"], "`gatepost org list` has no option --zebra."),
        (["org", "show", "Acme", "Inc"], "`Inc` is one argument too many; a value with spaces in it goes in quotes"),
        (["org", "create"], "The following arguments are required: NAME"),
        (["grant", "revoke", "--app", "x", "--org", ""], "Argument --org: it is empty"),
        (["grant", "list", "--user", ""], "Argument --user: it is empty"),
        (["key", "list", "--org="], "Argument --org: it is empty"),
        (["link", "--org", ""], "Argument --org: it is empty"),
        (["events", "list", "--app", ""], "Argument --app: it is empty"),
        (["org", "list", "--data"], "--data needs a value behind it"),
        (["app", "create", "A", "--org", "B", "--kind", "wbe"], "--kind cannot be `wbe`; did you mean `web`?"),
        (["user", "create", "a@b.c", "--org", "B", "--role", "boss"], "choose from owner, admin, developer"),
        (["org", "list", "--dat", "x"], "no option --dat"),
    ],
    ids=spelled,
)
def test_what_is_not_there_is_refused_with_what_was_meant(gatepost: Gatepost, arguments: list[str], said: str) -> None:
    ran = gatepost(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error[invalid_request]: ")
    assert said in ran.err
    assert "\n  fix: gatepost" in ran.err


@pytest.mark.parametrize("arguments", [["zebra"], ["app"], ["org", "create"], ["org", "list", "--zebra"], []])
def test_programs_are_told_of_a_usage_error_in_json(gatepost: Gatepost, arguments: list[str]) -> None:
    document = gatepost.refused(2, *arguments)
    assert document["error"] == "invalid_request"
    assert document["fix"].startswith("gatepost")


@pytest.mark.parametrize("arguments", [["help", "app", "create"], ["app", "create", "--help"], ["app", "create", "-h"]])
def test_help_comes_before_or_behind(gatepost: Gatepost, arguments: list[str]) -> None:
    ran = gatepost(*arguments)
    assert ran.code == 0
    assert ran.out.startswith("usage: gatepost app create ")
    assert ran.out.index("example:") < ran.out.index("--client-id ID")


def test_usage_shows_what_is_needed_alone(gatepost: Gatepost) -> None:
    assert (
        gatepost("grant", "revoke", "--help").out.splitlines()[0] == "usage: gatepost grant revoke [GRANT_ID] [options]"
    )


@pytest.mark.parametrize("noun", NOUNS)
def test_every_command_explains_itself(gatepost: Gatepost, noun: str) -> None:
    ran = gatepost(noun, "--help")
    assert ran.code == 0
    assert ran.out.startswith(f"usage: gatepost {noun} ")
    assert "--json" in ran.out


def test_common_options_stand_before_or_after_the_verb(
    gatepost: Gatepost, acme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = ["--data", str(gatepost.data)]
    monkeypatch.chdir("/")
    for arguments in (
        [*place, "--json", "org", "list"],
        ["org", *place, "--json", "list"],
        ["org", "list", *place, "--json"],
        [f"--data={gatepost.data}", "org", "--json", "list"],
        ["--json", "org", *place, "list"],
    ):
        ran = gatepost(*arguments)
        assert ran.code == 0
        assert [org["id"] for org in ran.json] == [acme]


@pytest.mark.parametrize(
    "secret",
    [
        "gp_key_AaIQyzKpdnOv4srhpXQ1MwGiEMsz6XFwtoyJ5btN383y",
        "gp_rt_AaIQyzKpdnOv4srhpXQ1MwGiEMsz6XFwtoyJ5btN383y",
        "--token=gp_sec_AaIQyzKpdnOv4srhpXQ1MwGiEMsz6XFw",
        "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJ4In0.c2lnbmF0dXJl",
    ],
    ids=["key", "refresh", "option", "access"],
)
def test_a_secret_among_the_arguments_is_refused_and_not_repeated(gatepost: Gatepost, secret: str) -> None:
    ran = gatepost("token", "inspect", secret, "--json")
    assert ran.code == 2
    assert "standard input" in ran.json["fix"]
    assert secret[-20:] not in ran.out + ran.err


def test_an_argument_that_is_no_utf8_is_refused(gatepost: Gatepost) -> None:
    assert gatepost.refused(2, "org", "show", os.fsdecode(b"\xff"))["message"] == "An argument is not valid UTF-8."


def test_control_characters_in_an_answer_do_not_reach_the_terminal(gatepost: Gatepost, acme: str) -> None:
    ran = gatepost("org", "show", "\x1b[31mred\u202e")
    assert ran.code == 4
    assert r"\x1b[31mred\u202e" in ran.err


HEAVY = ("apsw", "uvicorn", "uvloop", "cryptography", "asyncio", "orjson", "ssl", "tomllib", "gatepost.settings")


@pytest.mark.parametrize(("arguments", "most"), [(["--help"], 60), (["--version"], 60), (["zebra"], 100)])
def test_help_imports_next_to_nothing(arguments: list[str], most: int) -> None:
    """Imports are counted rather than timed: they are where the start goes, on every machine."""
    program = (
        "import sys; before = set(sys.modules)\n"
        f"from gatepost.cli.main import run; run({arguments})\n"
        "print(*sorted(set(sys.modules) - before), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    imported = done.stderr.splitlines()[-1].split()
    assert not [name for name in HEAVY if name in imported]
    assert len(imported) < most, imported


def test_a_noun_imports_its_own_file_alone() -> None:
    program = "import sys; from gatepost.cli.main import run; run(['org', '--help']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    imported = done.stdout.splitlines()[-1].split()
    assert "gatepost.cli.org" in imported
    assert not {"gatepost.cli.app", "gatepost.cli.dev", "gatepost.cli.serve", "uvicorn", "uvloop"} & set(imported)


def test_whoever_has_read_enough_ends_nothing_badly(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [*COMMAND, "--help"], stdout=write, stderr=subprocess.PIPE, text=True, cwd=tmp_path, check=False
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (0, "")


def test_output_that_cannot_be_written_is_a_failure(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([*COMMAND, "--help"], stdout=full, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


def test_any_terminal_encoding_will_do(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    for arguments in (["org", "create", "Zoë"], ["org", "list"]):
        done = subprocess.run([*COMMAND, *arguments], capture_output=True, env=environment, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert rb"Zo\xeb" in done.stdout


LEAVES = {parser.prog: parser for parser in whole_parser().each_parser() if not parser.verbs}


@pytest.mark.parametrize("command", LEAVES)
def test_every_command_has_an_example_that_it_understands(gatepost: Gatepost, command: str) -> None:
    heading, *lines = (LEAVES[command].epilog or "").splitlines()
    assert heading in ("example:", "examples:")
    examples = [
        words for line in lines for words in re.findall(r"(?<![/_])gatepost ((?:[^|&>()\"]|\"[^\"]*\")*)", line)
    ]
    assert f"gatepost {examples[-1]}".startswith(command)
    for example in examples:
        arguments = shlex.split(example)
        _, unknown = noun_parser(arguments[0]).parse_known_args(arguments)
        assert unknown == []
