"""Every setting there is: each has a default, a unit and a meaning, here and nowhere else. `docs/settings.md` lists them."""

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

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


def _one_of(*words: str) -> Callable[[str], str]:
    """A parser of a setting that is one of these words; it raises ValueError for any other."""

    def parse(text: str) -> str:
        if text not in words:
            raise ValueError(f"it is {', '.join(words[:-1])} or {words[-1]}")
        return text

    return parse


class Listen(NamedTuple):
    """An address of this machine, and a port."""

    host: str
    port: int


def parse_listen(text: str) -> Listen | None:
    """An address and a port, as in 127.0.0.1:9464 or [::1]:9464; None for an empty text. Raises ValueError."""
    if not text:
        return None
    match = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):([0-9]{1,5})", text)
    if not match or int(match[2]) > 65_535:
        raise ValueError("it is an address and a port, as in 127.0.0.1:9464")
    return Listen(match[1].strip("[]"), int(match[2]))


def _setting(
    default: str, parse: Callable[[str], Any], unit: str, meaning: str, *, bounds: tuple[int, int] | None = None
) -> Any:
    about = {"default": default, "parse": parse, "unit": unit, "meaning": meaning, "bounds": bounds}
    return field(default=parse(default), metadata=about)


def parse_secret(text: str) -> Secret | None:
    """A text that shows itself to nobody; None for an empty one."""
    return Secret(text) if text else None


@dataclass(frozen=True, slots=True)
class InstanceSettings:
    """What makes this instance itself."""

    key: Secret | None = _setting(
        "", parse_secret, "key text", "The instance key, instead of the file in the data directory."
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
        " (60s for public apps that prove no key, until_used for the others).",
    )
    exchange_depth: int = _setting(
        "4", parse_number, "apps", "How many apps may act one behind another in an exchanged token.", bounds=(1, 8)
    )
    jwks_max_age: int = _setting(
        "5m", parse_duration, "duration", "How long verifiers may keep the JWKS; at most 1h.", bounds=(0, 3600)
    )


@dataclass(frozen=True, slots=True)
class DpopSettings:
    """What proofs of possession have to be (RFC 9449)."""

    nonce: str = _setting(
        "off",
        _one_of("off", "required"),
        "word",
        "Whether a proof needs a nonce of this server (required), so that none can be made in advance; it costs clients"
        " a second request when the nonce changes, and some know none (off).",
    )


@dataclass(frozen=True, slots=True)
class PasswordSettings:
    """What people may have as a password, beside its length."""

    allow_common: bool = _setting(
        "false", parse_boolean, "true or false", "Whether it may be one that everybody tries first; `dev` says true."
    )


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """How long people stay signed in."""

    idle_ttl: int = _setting(
        "12h",
        parse_duration,
        "duration",
        "How long a browser stays signed in without being used.",
        bounds=(60, _CENTURY),
    )
    ttl: int = _setting(
        "14d", parse_duration, "duration", "How long a browser stays signed in at most.", bounds=(60, _CENTURY)
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
    wrong_passwords: int = _setting(
        "20", parse_number, "per five minutes", "Wrong passwords for each account and address."
    )
    mail_orders: int = _setting("20", parse_number, "per five minutes", "Mails asked for from each address.")
    code_tries: int = _setting(
        "5", parse_number, "per five minutes", "Codes of the second step tried for each account."
    )
    wrong_sign_ins: int = _setting("100", parse_number, "per five minutes", "Wrong passwords from each address.")
    wrong_user_codes: int = _setting(
        "10", parse_number, "per five minutes", "Wrong codes of devices from each address."
    )
    wrong_user_codes_in_all: int = _setting(
        "1000", parse_number, "per five minutes", "Wrong codes of devices from everybody; then nobody's is looked at."
    )
    device_requests: int = _setting(
        "100", parse_number, "per minute", "Devices that ask to be connected, for each app and address."
    )
    registrations: int = _setting(
        "20", parse_number, "per minute", "Apps that register themselves or change that, for each address."
    )


@dataclass(frozen=True, slots=True)
class MailSettings:
    """How mails leave. Without a URL there are none: no resets, no sign-in by mail; invitations are handed on by hand."""

    url: str = _setting(
        "",
        str,
        "URL",
        "smtps://user@host, smtp+starttls://user@host:587, or smtp://127.0.0.1; `dev` keeps mails at /dev/outbox.",
    )
    password: Secret | None = _setting("", parse_secret, "text", "The password of that user.")
    sender: str = _setting("", str, "e-mail", "The address that mails come from. Required with a URL.")


@dataclass(frozen=True, slots=True)
class OutboundSettings:
    """Where the server itself may send requests."""

    allow_loopback: bool = _setting(
        "false", parse_boolean, "true or false", "Whether outbound fetches may reach loopback; `dev` says true."
    )


@dataclass(frozen=True, slots=True)
class RegistrationSettings:
    """Whether apps may register themselves (RFC 7591)."""

    mode: str = _setting(
        "off",
        _one_of("open", "token", "off"),
        "word",
        "Who may register an app at /register: everybody (open; `dev` says so), who has an initial access token (token),"
        " or nobody (off).",
    )


@dataclass(frozen=True, slots=True)
class LogSettings:
    """What is logged."""

    level: str = _setting(
        "info",
        _one_of("debug", "info", "warning", "error"),
        "level",
        "The least level that is logged: debug, info, warning or error.",
    )


@dataclass(frozen=True, slots=True)
class MetricsSettings:
    """Where Prometheus finds the figures of this process; without both, nowhere."""

    listen: Listen | None = _setting(
        "",
        parse_listen,
        "address:port",
        "A listener of its own for /metrics, as in 127.0.0.1:9464; with --workers, each process takes the next port.",
    )
    token: Secret | None = _setting(
        "",
        parse_secret,
        "text",
        "The bearer token for /metrics, which is then at the server's own port too. Required where others reach it.",
    )


@dataclass(frozen=True, slots=True)
class TelemetrySettings:
    """Where OpenTelemetry's spans and figures are sent. Needs `gatepost[otel]`."""

    otlp: str = _setting("", str, "URL", "A collector that takes OTLP over HTTP, as in http://127.0.0.1:4318.")


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of one run."""

    issuer: str = _setting("", str, "URL", "The public URL of this server. Required by `serve`.")
    data: str = _setting("./gatepost-data", str, "path", "The data directory: database and instance key.")
    database: Secret | None = _setting(
        "",
        parse_secret,
        "URL",
        "sqlite:///path or postgresql://user@host/name; by default a file in the data directory.",
    )
    sign_up: str = _setting(
        "invited",
        _one_of("closed", "invited", "open"),
        "word",
        "Who may join: nobody (closed), who is invited (invited), or everybody (open).",
    )
    instance: InstanceSettings = field(default_factory=InstanceSettings)
    server: ServerSettings = field(default_factory=ServerSettings)
    tokens: TokenSettings = field(default_factory=TokenSettings)
    dpop: DpopSettings = field(default_factory=DpopSettings)
    passwords: PasswordSettings = field(default_factory=PasswordSettings)
    sessions: SessionSettings = field(default_factory=SessionSettings)
    limits: LimitSettings = field(default_factory=LimitSettings)
    mail: MailSettings = field(default_factory=MailSettings)
    outbound: OutboundSettings = field(default_factory=OutboundSettings)
    registration: RegistrationSettings = field(default_factory=RegistrationSettings)
    log: LogSettings = field(default_factory=LogSettings)
    metrics: MetricsSettings = field(default_factory=MetricsSettings)
    telemetry: TelemetrySettings = field(default_factory=TelemetrySettings)

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


def build_settings(values: Mapping[str, Any]) -> Settings:
    """The settings with these values, by dotted name; the others have their defaults."""
    sections: dict[str, Any] = {name: value for name, value in values.items() if "." not in name}
    for outer in fields(Settings):
        if not outer.metadata:
            section: Any = outer.default_factory
            prefix = outer.name + "."
            inner = {name.removeprefix(prefix): value for name, value in values.items() if name.startswith(prefix)}
            sections[outer.name] = section(**inner)
    return Settings(**sections)
