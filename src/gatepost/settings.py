"""Settings: flag > environment `GATEPOST_SECTION__KEY` > `gatepost.toml` > default. `docs/settings.md` lists them.

Each has a default, a unit and a meaning, here and nowhere else. A name nobody knows is an error that suggests the
nearest one, and a secret may come from a file: `GATEPOST_SECTION__KEY_FILE`.
"""

import difflib
import ipaddress
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from gatepost.errors import GatepostError
from gatepost.records import MAX_ACCESS_TTL, UNTIL_USED
from gatepost.secrets import Secret

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

_CENTURY = 36_500 * 86_400

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}


def parse_duration(text: str) -> int:
    """Seconds of `3s`, `30m`, `12h`, `90d` or plain seconds. Raises ValueError."""
    match = re.fullmatch(r"([0-9]{1,10})([smhd]?)", text)
    if not match:
        raise ValueError("a duration is a number with s, m, h or d behind it, as in 10m or 30d")
    return int(match[1]) * _UNITS[match[2]]


def parse_retry_window(text: str) -> int | None:
    """Seconds, `until_used`, or `by_kind` for the default of the app's kind. Raises ValueError."""
    special = {"until_used": UNTIL_USED, "by_kind": None}
    return special[text] if text in special else parse_duration(text)


def parse_boolean(text: str) -> bool:
    """`true` or `false`. Raises ValueError."""
    if text.lower() not in ("true", "false"):
        raise ValueError("it is true or false")
    return text.lower() == "true"


def parse_number(text: str) -> int:
    """A whole number that is not negative. Raises ValueError."""
    if not re.fullmatch(r"[0-9]{1,10}", text):
        raise ValueError("it is a whole number, not negative")
    return int(text)


def parse_networks(text: str) -> tuple[Network, ...]:
    """Addresses and networks, separated by commas or spaces. Raises ValueError."""
    return tuple(ipaddress.ip_network(part) for part in text.replace(",", " ").split())


def parse_level(text: str) -> str:
    """The name of a log level. Raises ValueError."""
    if text not in ("debug", "info", "warning", "error"):
        raise ValueError("it is debug, info, warning or error")
    return text


def _setting(
    default: str, parse: Callable[[str], Any], unit: str, meaning: str, *, bounds: tuple[int, int] | None = None
) -> Any:
    about = {"default": default, "parse": parse, "unit": unit, "meaning": meaning, "bounds": bounds}
    return field(default=parse(default), metadata=about)


def _secret(text: str) -> Secret | None:
    return Secret(text) if text else None


@dataclass(frozen=True, slots=True)
class InstanceSettings:
    """What makes this instance itself."""

    key: Secret | None = _setting(
        "", _secret, "key text", "The instance key, instead of the file in the data directory."
    )


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Where the server listens, and whom it believes about where requests come from."""

    host: str = _setting("127.0.0.1", str, "address", "The address to listen on.")
    port: int = _setting("8710", parse_number, "port", "The port to listen on.", bounds=(0, 65_535))
    workers: int = _setting("1", parse_number, "processes", "Server processes. SQLite serves one.", bounds=(1, 1024))
    tls_cert: str = _setting("", str, "path", "A certificate chain in PEM, to serve TLS without a proxy.")
    tls_key: str = _setting("", str, "path", "The key of that certificate.")
    stop_delay: int = _setting(
        "0s",
        parse_duration,
        "duration",
        "How long /readyz says no before a stopping server stops listening; at most 5m.",
        bounds=(0, 300),
    )
    trusted_proxies: tuple[Network, ...] = _setting(
        "", parse_networks, "networks", "The proxies whose X-Forwarded-For counts; nobody else's does."
    )


@dataclass(frozen=True, slots=True)
class TokenSettings:
    """How long tokens and grants live, for apps that say nothing of their own."""

    access_ttl: int = _setting(
        "10m", parse_duration, "duration", "How long an access token lives; at most 1d.", bounds=(1, MAX_ACCESS_TTL)
    )
    grant_idle_ttl: int = _setting(
        "30d", parse_duration, "duration", "How long a grant lives without being used.", bounds=(1, _CENTURY)
    )
    grant_ttl: int = _setting(
        "90d", parse_duration, "duration", "How long a grant lives at most.", bounds=(1, _CENTURY)
    )
    retry_window: int | None = _setting(
        "by_kind",
        parse_retry_window,
        "duration",
        "How long the previous refresh token still answers with the current one: a duration, `until_used`, or `by_kind`"
        " (60s for public apps, until_used for the others).",
    )
    jwks_max_age: int = _setting(
        "5m", parse_duration, "duration", "How long verifiers may keep the JWKS; at most 1h.", bounds=(0, 3600)
    )


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """How much anyone may ask for; 0 is no limit."""

    enabled: bool = _setting("true", parse_boolean, "true or false", "Whether there are rate limits at all.")
    key_rate: int = _setting(
        "1000", parse_number, "requests per second", "For each API key; bursts of ten seconds' worth."
    )
    app_rate: int = _setting("1000", parse_number, "requests per second", "For each app; bursts of ten seconds' worth.")
    address_rate: int = _setting(
        "200", parse_number, "requests per second", "For each address (IPv6: each /64) before anyone is authenticated."
    )
    wrong_secrets: int = _setting("100", parse_number, "per minute", "Wrong client secrets for each app and address.")


@dataclass(frozen=True, slots=True)
class OutboundSettings:
    """Where the server itself may send requests."""

    allow_loopback: bool = _setting(
        "false", parse_boolean, "true or false", "Whether outbound fetches may reach loopback; `dev` says true."
    )


@dataclass(frozen=True, slots=True)
class LogSettings:
    """What is logged."""

    level: str = _setting(
        "info", parse_level, "level", "The least level that is logged: debug, info, warning or error."
    )


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of one run."""

    issuer: str = _setting("", str, "URL", "The public URL of this server. Required by `serve`.")
    data: str = _setting("./gatepost-data", str, "path", "The data directory: database and instance key.")
    database: Secret | None = _setting(
        "", _secret, "URL", "sqlite:///path or postgresql://user@host/name; by default a file in the data directory."
    )
    instance: InstanceSettings = field(default_factory=InstanceSettings)
    server: ServerSettings = field(default_factory=ServerSettings)
    tokens: TokenSettings = field(default_factory=TokenSettings)
    limits: LimitSettings = field(default_factory=LimitSettings)
    outbound: OutboundSettings = field(default_factory=OutboundSettings)
    log: LogSettings = field(default_factory=LogSettings)

    @property
    def data_dir(self) -> Path:
        return Path(self.data)


class Known(NamedTuple):
    """One setting as the documentation and the loader see it. `section` is empty at the top."""

    section: str
    key: str
    default: str
    parse: Callable[[str], Any]
    unit: str
    meaning: str
    bounds: tuple[int, int] | None

    @property
    def name(self) -> str:
        return f"{self.section}.{self.key}" if self.section else self.key

    @property
    def env(self) -> str:
        return "GATEPOST_" + self.name.replace(".", "__").upper()


def known_settings() -> Iterator[Known]:
    """Every setting there is, in the order of the documentation."""
    for outer in fields(Settings):
        if outer.metadata:
            yield Known("", outer.name, **outer.metadata)
        else:
            section: Any = outer.default_factory
            yield from (Known(outer.name, inner.name, **inner.metadata) for inner in fields(section))


class _Given(NamedTuple):
    """A value that somebody gave a setting, and where: a file and line, a variable, an option."""

    text: str
    place: str


def load_settings(
    flags: Mapping[str, str | None], environ: Mapping[str, str], config: Path | None, defaults: Mapping[str, str]
) -> Settings:
    """Settings from every source. `flags` and `defaults` are by dotted name; `config` None looks for ./gatepost.toml.

    Raises `invalid_configuration`, or for a flag `invalid_request`, naming the value, its place and the mend.
    """
    known = {setting.name: setting for setting in known_settings()}
    given = {
        **{name: _Given(text, "default") for name, text in defaults.items()},
        **_from_file(config, known),
        **_from_environ(environ, known),
        **{name: _Given(text, _option(name)) for name, text in flags.items() if text is not None},
    }
    return _build({name: _parse(known[name], each) for name, each in given.items()})


def _option(name: str) -> str:
    return f"--{name.split('.')[-1].replace('_', '-')}"


def _build(values: Mapping[str, Any]) -> Settings:
    sections: dict[str, Any] = {name: value for name, value in values.items() if "." not in name}
    for outer in fields(Settings):
        if not outer.metadata:
            section: Any = outer.default_factory
            prefix = outer.name + "."
            inner = {name.removeprefix(prefix): value for name, value in values.items() if name.startswith(prefix)}
            sections[outer.name] = section(**inner)
    return Settings(**sections)


def _parse(setting: Known, given: _Given) -> Any:
    try:
        value = setting.parse(given.text)
        if setting.bounds and value is not None and not setting.bounds[0] <= value <= setting.bounds[1]:
            raise ValueError(f"it must be from {setting.bounds[0]} to {setting.bounds[1]}")
    except ValueError as fault:
        shown = "" if setting.parse is _secret else f" = {given.text!r}"
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
    secret_files = {f"{variable}_FILE": each for variable, each in by_variable.items() if each.parse is _secret}
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
