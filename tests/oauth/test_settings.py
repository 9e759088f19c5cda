"""Settings: precedence, bounds, and refusals that say where and how to mend."""

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost.errors import GatepostError
from gatepost.records import UNTIL_USED
from gatepost.settings import (
    Settings,
    known_settings,
    load_settings,
    parse_boolean,
    parse_duration,
    parse_networks,
    parse_number,
    parse_retry_window,
)

CANARY = "canary-77ab"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No gatepost.toml lies about where the tests run."""
    monkeypatch.chdir(tmp_path)


def load(
    flags: dict[str, str | None] | None = None, environ: dict[str, str] | None = None, toml: str | None = None
) -> Settings:
    config = Path("gatepost.toml")
    if toml is not None:
        config.write_text(toml)
    return load_settings(flags or {}, environ or {}, config if toml is not None else None, {})


def refusal(**sources: Any) -> GatepostError:
    with pytest.raises(GatepostError) as refused:
        load(**sources)
    assert refused.value.code == "invalid_configuration"
    assert refused.value.exit == 3
    return refused.value


def test_defaults() -> None:
    settings = load()
    assert settings == Settings()
    assert (settings.server.port, settings.tokens.access_ttl, settings.tokens.grant_ttl) == (8710, 600, 90 * 86_400)
    assert settings.data_dir == Path("gatepost-data")


@pytest.mark.parametrize(
    ("flag", "environ", "toml", "default", "port"),
    [
        ("1", "2", "3", "4", 1),
        (None, "2", "3", "4", 2),
        (None, None, "3", "4", 3),
        (None, None, None, "4", 4),
        (None, None, None, None, 8710),
    ],
)
def test_flag_over_environment_over_file_over_default(
    flag: str | None, environ: str | None, toml: str | None, default: str | None, port: int
) -> None:
    if toml:
        Path("gatepost.toml").write_text(f"[server]\nport = {toml}\n")
    settings = load_settings(
        {"server.port": flag},
        {"GATEPOST_SERVER__PORT": environ} if environ else {},
        None,
        {"server.port": default} if default else {},
    )
    assert settings.server.port == port


def test_every_setting_can_be_set_in_the_environment_and_in_the_file() -> None:
    for setting in known_settings():
        assert setting.env.startswith("GATEPOST_")
        value = setting.default or ("1:x" if setting.name == "instance.key" else "")
        section = f"[{setting.section}]\n" if setting.section else ""
        Path("gatepost.toml").unlink(missing_ok=True)
        from_environment = load(environ={setting.env: value})
        assert from_environment == load(toml=f"{section}{setting.key} = {value!r}\n"), setting.name


def test_the_file_speaks_toml() -> None:
    settings = load(
        toml="""
        issuer = "https://id.example"
        [server]
        port = 9000
        trusted_proxies = ["10.0.0.0/8", "::1"]
        [tokens]
        access_ttl = "5m"
        grant_ttl = 3600
        [limits]
        enabled = false
        """
    )
    assert settings.issuer == "https://id.example"
    assert settings.server.trusted_proxies == parse_networks("10.0.0.0/8 ::1")
    assert (settings.server.port, settings.tokens.access_ttl, settings.tokens.grant_ttl) == (9000, 300, 3600)
    assert settings.limits.enabled is False


@pytest.mark.parametrize(
    ("environ", "toml", "said"),
    [
        ({"GATEPOST_SERVER__PROT": "1"}, None, "server.port"),
        ({"GATEPOST_TOKENS__ACCES_TTL": "1"}, None, "tokens.access_ttl"),
        ({"GATEPOST_SERVER_PORT": "1"}, None, "server.port"),
        ({"GATEPOST_ISUER": "x"}, None, "issuer"),
        ({}, "[server]\nprot = 1", "server.port"),
        ({}, "prot = 1", "There is no setting prot"),
        ({}, "server = 1", "There is no setting server"),
        ({}, "[[server]]\nport = 1", "There is no setting server"),
        ({}, "[server.port]\nx = 1", "port"),
        ({}, "[zebra]\nquagga = 1", "docs/settings.md"),
        ({"GATEPOST_SERVER__PORT_FILE": "/dev/null"}, None, "server.port"),
    ],
)
def test_an_unknown_key_is_refused_with_a_suggestion(environ: dict[str, str], toml: str | None, said: str) -> None:
    assert said in refusal(environ=environ, toml=toml).description


def test_other_programs_variables_are_left_alone() -> None:
    assert load(environ={"GATE": "x", "gatepost_port": "x", "PATH": "/bin", "XGATEPOST_PORT": "x"}) == Settings()


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"GATEPOST_SERVER__PORT": "many"}, "server.port = 'many' from GATEPOST_SERVER__PORT"),
        ({"GATEPOST_SERVER__PORT": "-1"}, "whole number"),
        ({"GATEPOST_SERVER__PORT": "65536"}, "0 to 65535"),
        ({"GATEPOST_SERVER__WORKERS": "0"}, "1 to 1024"),
        ({"GATEPOST_TOKENS__ACCESS_TTL": "0"}, "1 to 86400"),
        ({"GATEPOST_TOKENS__ACCESS_TTL": "2d"}, "1 to 86400"),
        ({"GATEPOST_TOKENS__ACCESS_TTL": "10.5"}, "duration"),
        ({"GATEPOST_TOKENS__GRANT_TTL": "0s"}, "tokens.grant_ttl"),
        ({"GATEPOST_TOKENS__GRANT_IDLE_TTL": "9999999999d"}, "tokens.grant_idle_ttl"),
        ({"GATEPOST_TOKENS__JWKS_MAX_AGE": "3601"}, "0 to 3600"),
        ({"GATEPOST_TOKENS__RETRY_WINDOW": "for ever"}, "duration"),
        ({"GATEPOST_LIMITS__ENABLED": "yes"}, "true or false"),
        ({"GATEPOST_LOG__LEVEL": "loud"}, "debug, info, warning or error"),
        ({"GATEPOST_SERVER__TRUSTED_PROXIES": "10.0.0.1/8"}, "host bits"),
        ({"GATEPOST_SERVER__TRUSTED_PROXIES": "proxy.example"}, "server.trusted_proxies"),
    ],
)
def test_a_bad_value_is_refused_with_its_place(environ: dict[str, str], said: str) -> None:
    error = refusal(environ=environ)
    assert said in error.description
    assert error.fix


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("issuer = 5", "issuer in gatepost.toml:1 is a whole number, where a text in quotes belongs"),
        ("issuer = true", "issuer in gatepost.toml:1 is true or false"),
        ("issuer = ['a']", "is an array"),
        ("issuer = 2020-01-01", "is a date or time"),
        ("database = 5", "database in gatepost.toml:1"),
        ("[server]\n# port = 1\n  host = ['::1']", "server.host in gatepost.toml:3 is an array"),
        ("[log]\nport = 1\n[server]\nport = true", "There is no setting log.port, as in gatepost.toml:2"),
        (
            "[server]\nport = true",
            "server.port in gatepost.toml:2 is true or false, where a text in quotes or a whole number",
        ),
        ("[server]\nport = 1.5", "is a fraction"),
        ("[server.port]\nx = 1", "server.port in gatepost.toml is a table"),
        ("server = {port = {}}", "server.port in gatepost.toml is a table"),
        ("[server]\ntrusted_proxies = [1]", "is an array"),
        ("[server]\ntrusted_proxies = [['::1']]", "is an array"),
        ("[server]\ntrusted_proxies = 1", "where a text in quotes or an array belongs"),
        ("[tokens]\naccess_ttl = ['10m']", "tokens.access_ttl in gatepost.toml:2 is an array"),
        ("[tokens]\naccess_ttl = 'soon'", "tokens.access_ttl = 'soon' from gatepost.toml:2 is not valid"),
        ("[tokens]\naccess_ttl = 86401", "from gatepost.toml:2 is not valid: it must be from 1 to 86400"),
        ("[limits]\nenabled = 1", "limits.enabled in gatepost.toml:2 is a whole number"),
        ("server.port = 'x'", "server.port = 'x' from gatepost.toml is not valid"),
    ],
)
def test_a_value_of_another_type_is_refused_with_its_line(toml: str, said: str) -> None:
    error = refusal(toml=toml)
    assert said in error.description
    assert error.fix


@pytest.mark.parametrize(
    ("place", "fix"),
    [
        ({"flags": {"tokens.access_ttl": "x"}}, "for example --access-ttl 10m"),
        ({"environ": {"GATEPOST_TOKENS__ACCESS_TTL": "x"}}, "for example GATEPOST_TOKENS__ACCESS_TTL=10m"),
        ({"toml": "[tokens]\naccess_ttl = 'x'"}, 'for example access_ttl = "10m" under [tokens]'),
        ({"toml": "[server]\nport = 'x'"}, "for example port = 8710 under [server]"),
        ({"toml": "issuer = 5"}, "docs/settings.md says what issuer may be"),
    ],
)
def test_the_mend_is_written_as_its_place_wants_it(place: dict[str, Any], fix: str) -> None:
    with pytest.raises(GatepostError) as refused:
        load(**place)
    assert refused.value.fix == fix


def test_an_option_that_is_wrong_is_a_usage_error() -> None:
    for flags in ({"server.port": "many"}, {"server.port": "70000"}, {"server.workers": "0"}):
        with pytest.raises(GatepostError) as refused:
            load(flags=dict(flags))
        assert (refused.value.code, refused.value.exit) == ("invalid_request", 2)


def test_a_secret_is_given_once() -> None:
    Path("key").write_text("1:x")
    both = {"GATEPOST_INSTANCE__KEY": f"1:{CANARY}", "GATEPOST_INSTANCE__KEY_FILE": "key"}
    for environ in (both, dict(reversed(both.items()))):
        error = refusal(environ=environ)
        assert "twice" in error.description
        assert CANARY not in error.description + error.fix


@pytest.mark.parametrize("toml", ["[server", "port = ", "port = 1\nport = 2", "\x00", "[server]\nport = 1\n[server]\n"])
def test_a_file_that_is_not_toml_is_refused_by_name(toml: str) -> None:
    assert "gatepost.toml is not TOML" in refusal(toml=toml).description


def test_a_file_that_is_not_utf8_is_refused_by_name() -> None:
    Path("gatepost.toml").write_bytes(b"issuer = '\xff'")
    assert "gatepost.toml is not TOML" in refusal().description


def test_a_named_file_must_be_there(tmp_path: Path) -> None:
    for config in (tmp_path / "missing.toml", tmp_path):
        with pytest.raises(GatepostError, match=str(config)) as refused:
            load_settings({}, {}, config, {})
        assert refused.value.code == "invalid_configuration"


def test_a_secret_may_come_from_a_file() -> None:
    Path("key").write_text(f"1:{CANARY}\n")
    settings = load(environ={"GATEPOST_INSTANCE__KEY_FILE": "key"})
    assert settings.instance.key is not None
    assert settings.instance.key.reveal() == f"1:{CANARY}"
    assert CANARY not in repr(settings)


@pytest.mark.parametrize("name", ["missing", ".", "binary"])
def test_a_secrets_file_that_cannot_be_read_is_refused(name: str) -> None:
    Path("binary").write_bytes(b"\xff\xfe" + CANARY.encode())
    error = refusal(environ={"GATEPOST_INSTANCE__KEY_FILE": name})
    assert "GATEPOST_INSTANCE__KEY_FILE" in error.description
    assert CANARY not in f"{error.description}{error.detail}{error.fix}"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("3s", 3), ("30m", 1800), ("12h", 43_200), ("90d", 7_776_000), ("15", 15), ("0", 0), ("007", 7)],
)
def test_durations(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    ["", " 10", "10 ", "1.5h", "-1", "+1", "1e3", "10w", "s", "1h30m", "1H", "\u0661\u0660", "99999999999", "1\n"],
)
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)


def test_retry_windows() -> None:
    windows = [parse_retry_window(text) for text in ("until_used", "by_kind", "60", "1m", "0")]
    assert windows == [UNTIL_USED, None, 60, 60, 0]


@given(st.text(max_size=20))
def test_any_text_is_a_value_or_a_value_error(text: str) -> None:
    for parse in (parse_duration, parse_retry_window, parse_boolean, parse_number, parse_networks):
        try:
            parse(text)
        except ValueError:
            continue


NAMES = [setting.env for setting in known_settings()]


@given(
    st.dictionaries(
        st.sampled_from(NAMES) | st.text(max_size=9).map("GATEPOST_".__add__), st.text(max_size=12), max_size=4
    )
)
def test_any_environment_is_read_or_refused(environ: dict[str, str]) -> None:
    try:
        settings = load_settings({}, environ, Path(os.devnull), {})
    except GatepostError:
        return
    assert isinstance(settings, Settings)
