"""What the code itself knows best, written into the documents: settings, errors, commands. `make docs` runs it.

Each document is prose by hand around one part between two marks, which is written here and compared by a test.
"""

import argparse
import re
from collections.abc import Callable, Iterator

from gatepost.cli.main import NOUNS, whole_parser
from gatepost.cli.options import Parser, add_common
from gatepost.errors import CATALOGUE
from gatepost.settings import known_settings

from .source import ROOT

BEGIN = "<!-- from here to the end mark: written by `make docs` -->"
END = "<!-- end -->"

_WRITTEN = re.compile(re.escape(BEGIN) + ".*" + re.escape(END), re.DOTALL)


def render_settings() -> str:
    """Every setting, by section."""
    return "\n".join(
        [
            "| setting | environment | default | unit | meaning |",
            "| --- | --- | --- | --- | --- |",
            *(
                f"| `{each.name}` | `{each.env}` | {f'`{each.default}`' if each.default else ''} | {each.unit} | {each.meaning} |"
                for each in known_settings()
            ),
        ]
    )


def render_errors() -> str:
    """The catalogue of refusals."""
    return "\n".join(
        [
            "| code | HTTP status | exit code | meaning |",
            "| --- | --- | --- | --- |",
            *(f"| `{name}` | {code.status} | {code.exit} | {code.meaning} |" for name, code in CATALOGUE.items()),
        ]
    )


def render_commands() -> str:
    """Every noun, verb and option of the command line."""
    common = Parser(prog="gatepost", add_help=False)
    add_common(common)
    parts = ["## Common options", "They stand before or after the verb.", *_options(common, ())]
    shared = tuple(action.dest for action in common._actions)
    for noun, parser in verbs_of(whole_parser()):
        parts += [
            f"## gatepost {noun}",
            parser.description or NOUNS[noun],
            *_render(f"gatepost {noun}", parser, shared),
        ]
    return "\n\n".join(parts)


def _render(command: str, parser: argparse.ArgumentParser, shared: tuple[str, ...]) -> Iterator[str]:
    """A command's options and example, or its verbs each with theirs."""
    verbs = list(verbs_of(parser))
    if not verbs:
        yield from _options(parser, shared)
        if parser.epilog:
            yield "```\n" + "\n".join(line.strip() for line in parser.epilog.splitlines()[1:]) + "\n```"
    for name, verb in verbs:
        places = [_shown(action) for action in verb._actions if not action.option_strings and not _is_verb(action)]
        yield f"### {' '.join([command, name, *places])}"
        yield verb.description or ""
        yield from _render(f"{command} {name}", verb, shared)


def verbs_of(parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """The verbs of a command, each with its parser; none for one that has no verbs."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.items()


def _options(parser: argparse.ArgumentParser, shared: tuple[str, ...]) -> Iterator[str]:
    rows = [
        f"| {_names(action)}{' (required)' if action.required and action.option_strings else ''} | {_meaning(parser, action)} |"
        for action in parser._actions
        if action.dest not in (*shared, "help") and not _is_verb(action) and (action.option_strings or action.help)
    ]
    if rows:
        yield "\n".join(["| option | meaning |", "| --- | --- |", *rows])


def _names(action: argparse.Action) -> str:
    """An argument as a cell of a table has it: a switch by both its names, the one that says yes first."""
    if isinstance(action, argparse.BooleanOptionalAction):
        return ", ".join(f"`{name}`" for name in action.option_strings)
    return f"`{_shown(action)}`".replace("|", "\\|")


def _meaning(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    """Its help, with the default filled in."""
    return parser._get_formatter()._expand_help(action) if action.help else ""


def _shown(action: argparse.Action) -> str:
    """An argument as one would write it."""
    value = "|".join(map(str, action.choices)) if action.choices else action.metavar or action.dest
    if not action.option_strings:
        return f"[{value}]" if action.nargs == "?" else str(value)
    many = "…" if isinstance(action, argparse._AppendAction) else ""
    return " ".join([action.option_strings[-1], *([] if action.nargs == 0 else [f"{value}{many}"])])


def _is_verb(action: argparse.Action) -> bool:
    return isinstance(action, argparse._SubParsersAction)


DOCUMENTS: dict[str, Callable[[], str]] = {
    "docs/settings.md": render_settings,
    "docs/errors.md": render_errors,
    "docs/commands.md": render_commands,
}


def written(name: str) -> str:
    """The document with its part written anew."""
    part = f"{BEGIN}\n\n{DOCUMENTS[name]()}\n\n{END}"
    text, count = _WRITTEN.subn(lambda _: part, (ROOT / name).read_text())
    assert count == 1, f"{name} lacks its marks"
    return text


if __name__ == "__main__":
    for document in DOCUMENTS:
        (ROOT / document).write_text(written(document))
