"""Where settings come from: flag > environment `GATEPOST_SECTION__KEY` > `gatepost.toml` > default.

A name nobody knows is an error that suggests the nearest one, and a secret may come from a file:
`GATEPOST_SECTION__KEY_FILE`.
"""

import difflib
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from gatepost.errors import GatepostError
from gatepost.settings.values import (
    Known,
    Settings,
    build_settings,
    known_settings,
    parse_boolean,
    parse_duration,
    parse_networks,
    parse_number,
    parse_retry_window,
    parse_secret,
)


class _Given(NamedTuple):
    """A value that somebody gave a setting, and where: a file and line, a variable, an option."""

    text: str
    place: str


def load_settings(
    flags: Mapping[str, str | None], environ: Mapping[str, str], config: Path | None, defaults: Mapping[str, str]
) -> Settings:
    """Settings from every source. `flags` and `defaults` are by dotted name; `config` None looks for ./gatepost.toml.

    Raises `invalid_configuration`, or for a flag `invalid_request`, naming the value, its place and the fix.
    """
    known = {setting.name: setting for setting in known_settings()}
    given = {
        **{name: _Given(text, "default") for name, text in defaults.items()},
        **_from_file(config, known),
        **_from_environ(environ, known),
        **{name: _Given(text, _option(name)) for name, text in flags.items() if text is not None},
    }
    return build_settings({name: _parse(known[name], each) for name, each in given.items()})


def _option(name: str) -> str:
    return f"--{name.split('.')[-1].replace('_', '-')}"


def _parse(setting: Known, given: _Given) -> Any:
    try:
        value = setting.parse(given.text)
        if setting.bounds and value is not None and not setting.bounds[0] <= value <= setting.bounds[1]:
            raise ValueError(f"it must be from {setting.bounds[0]} to {setting.bounds[1]}")
    except ValueError as fault:
        shown = "" if setting.parse is parse_secret else f" = {given.text!r}"
        raise GatepostError(
            "invalid_request" if given.place.startswith("--") else "invalid_configuration",
            f"{setting.name}{shown} from {given.place} is not valid: {fault}.",
            fix=_example(setting, given.place),
        ) from None
    return value


def _example(setting: Known, place: str) -> str:
    if not setting.default:
        return f"docs/settings.md says what {setting.name} may be"
    if place.startswith("--"):
        return f"for example {place} {setting.default}"
    if place == setting.env:
        return f"for example {place}={setting.default}"
    value = setting.default if setting.parse in (parse_boolean, parse_number) else f'"{setting.default}"'
    return f"for example {setting.key} = {value}" + (f" under [{setting.section}]" if setting.section else "")


def _from_file(config: Path | None, known: Mapping[str, Known]) -> dict[str, _Given]:
    path = config or Path("gatepost.toml")
    try:
        text = path.read_text("utf-8")
        document = tomllib.loads(text)
    except FileNotFoundError:
        if config is None:
            return {}
        raise GatepostError(
            "invalid_configuration", f"There is no file {path}.", fix="mend the path behind --config"
        ) from None
    except OSError as fault:
        raise GatepostError(
            "invalid_configuration", f"{path} cannot be read: {fault.strerror}.", fix="check the path and its mode"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise GatepostError("invalid_configuration", f"{path} is not TOML: {fault}.", fix=f"mend {path}") from None
    given: dict[str, _Given] = {}
    for name, value in _flat(document):
        place = f"{path}{_line_of(text, name)}"
        if name not in known:
            raise _unknown(name, {each: each for each in known}, f"in {place}", f"remove it from {path}")
        given[name] = _Given(_text(known[name], value, place), place)
    return given


def _flat(document: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The values of a document by their dotted names; sections do not nest."""
    for name, value in document.items():
        if isinstance(value, dict):
            yield from ((f"{name}.{key}", inner) for key, inner in value.items())
        else:
            yield name, value


def _line_of(text: str, name: str) -> str:
    """Where in a TOML text a name gets its value, as in `:12`; empty when it is not written the usual way."""
    section, _, key = name.rpartition(".")
    current = ""
    for number, line in enumerate(text.splitlines(), 1):
        header = re.match(r"\s*\[([^\[\]]*)\]", line)
        if header:
            current = header[1].strip()
        elif current == section and re.match(rf"\s*{re.escape(key)}\s*=", line):
            return f":{number}"
    return ""


_TOML_TYPES: dict[Callable[[str], Any], type] = {
    parse_boolean: bool,
    parse_number: int,
    parse_duration: int,
    parse_retry_window: int,
    parse_networks: list,
}
"""What may stand in the file beside a text in quotes."""

_TOML_NAMES = {bool: "true or false", int: "a whole number", float: "a fraction", list: "an array", dict: "a table"}


def _text(setting: Known, value: object, place: str) -> str:
    """A value of the file as the other sources write it."""
    wanted = _TOML_TYPES.get(setting.parse)
    if isinstance(value, str):
        return value
    if type(value) is wanted and wanted is not list:
        return str(value).lower()
    if isinstance(value, list) and wanted is list and all(isinstance(each, str) for each in value):
        return ",".join(value)
    allowed = "a text in quotes" + ("" if wanted is None else f" or {_TOML_NAMES[wanted]}")
    raise GatepostError(
        "invalid_configuration",
        f"{setting.name} in {place} is {_TOML_NAMES.get(type(value), 'a date or time')}, where {allowed} belongs.",
        fix=_example(setting, place),
    )


def _from_environ(environ: Mapping[str, str], known: Mapping[str, Known]) -> dict[str, _Given]:
    by_variable = {setting.env: setting for setting in known.values()}
    secret_files = {f"{variable}_FILE": each for variable, each in by_variable.items() if each.parse is parse_secret}
    given: dict[str, _Given] = {}
    for variable in filter(lambda name: name.startswith("GATEPOST_"), environ):
        setting = by_variable.get(variable) or secret_files.get(variable)
        if setting is None:
            names = {name: f"{name} ({each.name})" for name, each in {**by_variable, **secret_files}.items()}
            raise _unknown(variable, names, "in the environment", f"unset {variable}")
        if setting.name in given:
            raise GatepostError(
                "invalid_configuration",
                f"{setting.name} is in the environment twice, as itself and as a file.",
                fix=f"unset {setting.env} or {setting.env}_FILE",
            )
        text = _read_secret(variable, environ[variable]) if variable in secret_files else environ[variable]
        given[setting.name] = _Given(text, variable)
    return given


def _read_secret(variable: str, path: str) -> str:
    try:
        return Path(path).read_text("utf-8").strip()
    except (OSError, ValueError) as fault:
        why = fault.strerror if isinstance(fault, OSError) else "it is not text"
        raise GatepostError(
            "invalid_configuration", f"{variable} names a file that cannot be read: {why}.", fix="mend the path"
        ) from None


def _unknown(name: str, known: Mapping[str, str], place: str, fix: str) -> GatepostError:
    """The refusal of a name; `known` says how each known one is shown."""
    near = difflib.get_close_matches(name, list(known), 1, 0.5)
    hint = f"Did you mean {known[near[0]]}?" if near else "docs/settings.md lists what there is."
    return GatepostError("invalid_configuration", f"There is no setting {name}, as {place}. {hint}", fix=fix)
