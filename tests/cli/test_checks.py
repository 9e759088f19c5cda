"""What the doctor makes of the facts, in a table: what is a problem, what is advice, and what is neither."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gatepost.flows.upkeep.deployment import Disk, Facts, File, Known, filesystem_of
from gatepost.flows.upkeep.doctor import CHECKS, LEAST_FREE, LITTLE_FREE, MUCH_WAL, OLD_KEY
from gatepost.records import SigningKeyRecord
from gatepost.settings import LimitSettings, ServerSettings, Settings, parse_networks
from gatepost.store.checkup import Expiring
from gatepost.store.migrations import NEWEST

NOW = 1_800_000_000
DAY = 86_400
DATA = Path("/srv/gatepost")
PUBLIC = Settings(issuer="https://auth.example.com")
OWNER = 1000


def signing_key(
    state: str, alg: str = "ES256", *, published_at: int = NOW - 9 * DAY, activated_at: int | None = None
) -> SigningKeyRecord:
    return SigningKeyRecord(f"{alg} {state}", alg, state, b"", published_at, published_at, activated_at, None, None)


RSA = (signing_key("active", "RS256", activated_at=NOW - DAY), signing_key("next", "RS256"))
KEYS = (signing_key("active", activated_at=NOW - DAY), signing_key("next"), *RSA)

DISK = Disk(
    directory=File(DATA, 0o700, OWNER),
    is_writable=True,
    is_locking=True,
    filesystem="ext4",
    free=10 << 30,
    wal=4 << 20,
    leftover=None,
)

HEALTHY = Facts(
    settings=PUBLIC,
    now=NOW,
    known=Known(schema=NEWEST, signing_keys=KEYS, newest=NOW),
    refusals=(),
    is_dev=False,
    files=(File(DATA / "gatepost.db", 0o600, OWNER), File(DATA / "instance.key", 0o600, OWNER)),
    disk=DISK,
    faults=(),
    key_fault="",
    certificate_fault="",
    certificate_ends_at=None,
)


def found(facts: Facts) -> list[tuple[str, str]]:
    return [(check.name, finding.status) for check in CHECKS for finding in check.judge(facts)]


def known(**changes: Any) -> Facts:
    return HEALTHY._replace(known=HEALTHY.known._replace(**changes))


def disk(**changes: Any) -> Facts:
    return HEALTHY._replace(disk=DISK._replace(**changes))


def settings(**changes: Any) -> Facts:
    return HEALTHY._replace(settings=replace(PUBLIC, **changes))


def proxies(text: str) -> Facts:
    return settings(server=ServerSettings(trusted_proxies=parse_networks(text)))


def files(*files: File) -> Facts:
    return HEALTHY._replace(files=files)


def at_home(facts: Facts) -> Facts:
    """The same where only this machine reaches it."""
    return facts._replace(settings=replace(facts.settings, issuer="http://127.0.0.1:8710"))


TABLE: dict[str, tuple[Facts, list[tuple[str, str]]]] = {
    "healthy": (HEALTHY, []),
    "on a server": (HEALTHY._replace(disk=None), []),
    "at home": (at_home(HEALTHY), []),
    "no issuer": (settings(issuer=""), [("settings", "advice")]),
    "no issuer in dev": (settings(issuer="")._replace(is_dev=True), []),
    "a refused setting": (HEALTHY._replace(refusals=(("why", "fix"),)), [("settings", "problem")]),
    "no limits": (settings(limits=LimitSettings(enabled=False)), [("limits", "problem")]),
    "no limits at home": (at_home(settings(limits=LimitSettings(enabled=False))), [("limits", "advice")]),
    "one limit off": (settings(limits=LimitSettings(address_rate=0)), [("limits", "problem")]),
    "a few proxies": (proxies("127.0.0.1, 10.0.0.0/8, ::1"), []),
    "all of IPv4": (proxies("0.0.0.0/0"), [("proxies", "problem")]),
    "all of IPv6": (proxies("::/0"), [("proxies", "problem")]),
    "all, in halves": (proxies("0.0.0.0/1 128.0.0.0/1"), [("proxies", "problem")]),
    "demo data in public": (HEALTHY._replace(is_dev=True), [("demo", "problem")]),
    "demo data at home": (at_home(HEALTHY._replace(is_dev=True)), []),
    "no certificate that can be read": (HEALTHY._replace(certificate_fault="why"), [("certificate", "problem")]),
    "a certificate for long": (HEALTHY._replace(certificate_ends_at=NOW + 15 * DAY), []),
    "a certificate for days": (HEALTHY._replace(certificate_ends_at=NOW + 14 * DAY), [("certificate", "advice")]),
    "a certificate that ended": (HEALTHY._replace(certificate_ends_at=NOW), [("certificate", "problem")]),
    "read-only": (disk(is_writable=False), [("directory", "problem")]),
    "a restore half done": (disk(leftover=DATA / "draft"), [("restore", "advice")]),
    "others may look in": (disk(directory=File(DATA, 0o755, OWNER)), []),
    "others may write": (disk(directory=File(DATA, 0o775, OWNER)), [("owners", "problem")]),
    "the group may read": (files(File(DATA / "instance.key", 0o640, OWNER)), [("files", "problem")]),
    "all may read": (files(File(DATA / "gatepost.db", 0o604, OWNER)), [("files", "problem")]),
    "another's file": (files(File(DATA / "gatepost.db", 0o600, 0)), [("owners", "problem")]),
    "another's file elsewhere": (files(File(Path("/etc/tls.key"), 0o600, 0)), []),
    "little room": (disk(free=LITTLE_FREE - 1), [("disk", "advice")]),
    "no room": (disk(free=LEAST_FREE - 1), [("disk", "problem")]),
    "in memory": (disk(filesystem="tmpfs"), [("filesystem", "problem")]),
    "in memory at home": (at_home(disk(filesystem="tmpfs")), [("filesystem", "advice")]),
    "over the network": (at_home(disk(filesystem="nfs4")), [("filesystem", "problem")]),
    "an unknown file system": (disk(filesystem=""), []),
    "no locks": (disk(is_locking=False), [("locking", "problem")]),
    "damage": (HEALTHY._replace(faults=("one", "two")), [("database", "problem")] * 2),
    "damage, so no schema": (
        known(schema=0, signing_keys=())._replace(faults=("one",)),
        [("database", "problem")],
    ),
    "a long log": (disk(wal=MUCH_WAL + 1), [("wal", "advice")]),
    "an older schema": (known(schema=NEWEST - 1, signing_keys=()), [("schema", "problem")]),
    "a newer schema": (known(schema=NEWEST + 1, signing_keys=()), [("schema", "problem")]),
    "a key that does not open it": (HEALTHY._replace(key_fault="why"), [("instance key", "problem")]),
    "no signing keys": (known(signing_keys=()), [("signing keys", "advice")]),
    "no next key": (known(signing_keys=(KEYS[0], *RSA)), [("signing keys", "problem")]),
    "no active key": (known(signing_keys=KEYS[1:]), [("signing keys", "problem")]),
    "two active keys": (known(signing_keys=(*KEYS, KEYS[0])), [("signing keys", "problem")]),
    "an old key": (
        known(signing_keys=(signing_key("active", activated_at=NOW - OLD_KEY - 1), *KEYS[1:])),
        [("signing keys", "advice")],
    ),
    "a minute ahead": (known(newest=NOW + 60), []),
    "an event ahead": (known(newest=NOW + 61), [("clock", "problem")]),
    "a key ahead": (
        known(signing_keys=(KEYS[0], signing_key("next", published_at=NOW + 61), *RSA)),
        [("clock", "problem")],
    ),
    "a credential that ends": (known(expiring=(Expiring("key_1", NOW + 1),)), [("credentials", "advice")]),
    "one that ended": (known(expiring=(Expiring("key_1", NOW),)), [("credentials", "advice")]),
}


@pytest.mark.parametrize("name", TABLE)
def test_a_finding_for_each_fact(name: str) -> None:
    facts, expected = TABLE[name]
    assert found(facts) == expected


def test_every_check_is_in_the_table() -> None:
    assert {check.name for check in CHECKS} == {name for _, expected in TABLE.values() for name, _ in expected}


def test_every_finding_says_why_and_how_to_mend_it() -> None:
    for facts, _ in TABLE.values():
        for check in CHECKS:
            for finding in check.judge(facts):
                assert finding.why
                assert finding.fix


MOUNTS = r"""
22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 22 0:26 / /run rw - tmpfs tmpfs rw
31 22 0:27 / /srv rw shared:5 - nfs4 nas:/srv rw
32 31 0:28 / /srv/local rw master:1 - xfs /dev/vdb rw
33 22 0:29 / /with\040space rw - tmpfs tmpfs rw
34 30 0:30 / /run rw - ramfs ramfs rw
""".strip()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/var/lib/gatepost", "ext4"),
        ("/srv/gatepost", "nfs4"),
        ("/srv/local/gatepost", "xfs"),
        ("/srv/localhost", "nfs4"),
        ("/with space/gatepost", "tmpfs"),
        ("/run/gatepost", "ramfs"),
    ],
)
def test_the_file_system_of_a_path_is_that_of_the_last_mount_over_it(path: str, expected: str) -> None:
    assert filesystem_of(Path(path), MOUNTS) == expected
    assert filesystem_of(Path(path), "") == ""
