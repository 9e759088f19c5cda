"""Settings: what there is stands in `values`, where it comes from in `sources`."""

from gatepost.settings.sources import load_settings
from gatepost.settings.values import (
    DpopSettings,
    InstanceSettings,
    Known,
    LimitSettings,
    MailSettings,
    PasswordSettings,
    RegistrationSettings,
    ServerSettings,
    SessionSettings,
    Settings,
    TokenSettings,
    known_settings,
    parse_boolean,
    parse_duration,
    parse_networks,
    parse_number,
    parse_retry_window,
)

__all__ = [
    "DpopSettings",
    "InstanceSettings",
    "Known",
    "LimitSettings",
    "MailSettings",
    "PasswordSettings",
    "RegistrationSettings",
    "ServerSettings",
    "SessionSettings",
    "Settings",
    "TokenSettings",
    "known_settings",
    "load_settings",
    "parse_boolean",
    "parse_duration",
    "parse_networks",
    "parse_number",
    "parse_retry_window",
]
