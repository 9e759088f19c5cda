"""Settings: flag > environment `GATEPOST_SECTION__KEY` > `gatepost.toml` > default. `docs/settings.md` lists them.

Each has a default, a unit and a meaning, here and nowhere else. A name nobody knows is an error that suggests the
nearest one, and a secret may come from a file: `GATEPOST_SECTION__KEY_FILE`.
"""

import difflib
import ipaddress
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from gatepost.errors import GatepostError
from gatepost.records import UNTIL_USED
from gatepost.secrets import Secret

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

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


def _setting(default: str, parse: Callable[[str], Any], unit: str, meaning: str) -> Any:
    about = {"default": default, "parse": parse, "unit": unit, "meaning": meaning}
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
    port: int = _setting("8710", parse_number, "port", "The port to listen on.")
    workers: int = _setting("1", parse_number, "processes", "Server processes. SQLite serves one.")
    tls_cert: str = _setting("", str, "path", "A certificate chain in PEM, to serve TLS without a proxy.")
    tls_key: str = _setting("", str, "path", "The key of that certificate.")
    stop_delay: int = _setting(
        "0s",
        parse_duration,
        "duration",
        "How long /readyz says no before a stopping server stops listening; at most 5m.",
    )
    trusted_proxies: tuple[Network, ...] = _setting(
        "", parse_networks, "networks", "The proxies whose X-Forwarded-For counts; nobody else's does."
    )


@dataclass(frozen=True, slots=True)
class TokenSettings:
    """How long tokens and grants live, for apps that say nothing of their own."""

    access_ttl: int = _setting("10m", parse_duration, "duration", "How long an access token lives; at most 1d.")
    grant_idle_ttl: int = _setting("30d", parse_duration, "duration", "How long a grant lives without being used.")
    grant_ttl: int = _setting("90d", parse_duration, "duration", "How long a grant lives at most.")
    retry_window: int | None = _setting(
        "by_kind",
        parse_retry_window,
        "duration",
        "How long the previous refresh token still answers with the current one: a duration, `until_used`, or `by_kind`"
        " (60s for public apps, until_used for the others).",
    )
    jwks_max_age: int = _setting("5m", parse_duration, "duration", "How long verifiers may keep the JWKS; at most 1h.")


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


def load_settings(
    flags: Mapping[str, str | None], environ: Mapping[str, str], config: Path | None, defaults: Mapping[str, str]
) -> Settings:
    """Settings from every source. `flags` and `defaults` are by dotted name; `config` None looks for ./gatepost.toml.

    Raises `invalid_configuration`, naming the source, the value's place and the mend.
    """
    known = {setting.name: setting for setting in known_settings()}
    texts = dict(defaults)
    places = dict.fromkeys(defaults, "default")
    for place, source in (_from_file(config), ("environment", _from_environ(environ, known))):
        for name, text in source.items():
            if name not in known:
                raise _unknown(name, place, known)
            texts[name], places[name] = text, f"{place} ({known[name].env})" if place == "environment" else place
    given = {name: text for name, text in flags.items() if text is not None}
    texts |= given
    places |= {name: f"--{name.split('.')[-1].replace('_', '-')}" for name in given}
    values = {name: _parse(known[name], text, places[name]) for name, text in texts.items()}
    return _bounded(_build(values))


def _build(values: Mapping[str, Any]) -> Settings:
    sections: dict[str, Any] = {name: value for name, value in values.items() if "." not in name}
    for outer in fields(Settings):
        if not outer.metadata:
            section: Any = outer.default_factory
            prefix = outer.name + "."
            inner = {name.removeprefix(prefix): value for name, value in values.items() if name.startswith(prefix)}
            sections[outer.name] = section(**inner)
    return Settings(**sections)


def _bounded(settings: Settings) -> Settings:
    tokens = settings.tokens
    for name, value, least, most in (
        ("tokens.access_ttl", tokens.access_ttl, 1, 86_400),
        ("tokens.jwks_max_age", tokens.jwks_max_age, 0, 3600),
        ("tokens.grant_ttl", tokens.grant_ttl, 1, 36_500 * 86_400),
        ("tokens.grant_idle_ttl", tokens.grant_idle_ttl, 1, 36_500 * 86_400),
        ("server.port", settings.server.port, 0, 65_535),
        ("server.stop_delay", settings.server.stop_delay, 0, 300),
        ("server.workers", settings.server.workers, 1, 1024),
    ):
        if not least <= value <= most:
            raise GatepostError(
                "invalid_configuration", f"{name} is {value}; it must be from {least} to {most}.", fix=f"change {name}"
            )
    return settings


def _parse(setting: Known, text: str, place: str) -> Any:
    try:
        return setting.parse(text)
    except ValueError as fault:
        shown = "" if setting.parse is _secret else f" = {text!r}"
        raise GatepostError(
            "invalid_request" if place.startswith("--") else "invalid_configuration",
            f"{setting.name}{shown} from {place} is not valid: {fault}.",
            fix=f"set {setting.name} to {setting.unit}, for example {setting.default or 'see docs/settings.md'}",
        ) from None


def _from_file(config: Path | None) -> tuple[str, dict[str, str]]:
    path = config or Path("gatepost.toml")
    try:
        document = tomllib.loads(path.read_text())
    except FileNotFoundError:
        if config:
            raise GatepostError(
                "invalid_configuration", f"There is no file {path}.", fix="mend the path behind --config"
            ) from None
        return str(path), {}
    except OSError as fault:
        raise GatepostError(
            "invalid_configuration", f"{path} cannot be read: {fault.strerror}.", fix="check the path and its mode"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise GatepostError("invalid_configuration", f"{path} is not TOML: {fault}.", fix=f"mend {path}") from None
    texts: dict[str, str] = {}
    for name, value in document.items():
        inner = {f"{name}.{key}": each for key, each in value.items()} if isinstance(value, dict) else {name: value}
        texts |= {key: _text(each) for key, each in inner.items()}
    return str(path), texts


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _from_environ(environ: Mapping[str, str], known: Mapping[str, Known]) -> dict[str, str]:
    texts = {}
    for variable, value in environ.items():
        if not variable.startswith("GATEPOST_"):
            continue
        name = variable.removeprefix("GATEPOST_").lower().replace("__", ".")
        plain = name.removesuffix("_file")
        if name not in known and plain in known and known[plain].parse is _secret:
            try:
                value, name = Path(value).read_text().strip(), plain
            except (OSError, UnicodeDecodeError) as fault:
                why = fault.strerror if isinstance(fault, OSError) else "it is not text"
                raise GatepostError(
                    "invalid_configuration",
                    f"{variable} names a file that cannot be read: {why}.",
                    fix="mend the path",
                ) from None
        texts[name] = value
    return texts


def _unknown(name: str, place: str, known: Iterable[str]) -> GatepostError:
    near = difflib.get_close_matches(name, list(known), 1, 0.5)
    hint = f"Did you mean {near[0]}?" if near else "docs/settings.md lists what there is."
    return GatepostError(
        "invalid_configuration", f"There is no setting {name} (from {place}). {hint}", fix=f"remove {name}"
    )
