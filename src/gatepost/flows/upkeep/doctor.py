"""What is wrong with a deployment: one literal table of checks, each a pure judgement of the facts, with a fix for each finding.

A problem is what is broken or unsafe. Advice is what may be meant so, or becomes a problem later. A deployment whose issuer
is a public https URL is held to more than one that only this machine reaches.
"""

import ipaddress
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import NamedTuple, TypeAlias
from urllib.parse import urlsplit

from gatepost.flows.upkeep.deployment import SOON, Disk, Facts
from gatepost.jose import ALGORITHMS
from gatepost.store.migrations import NEWEST

LEAST_FREE = 100 << 20
LITTLE_FREE = 1 << 30
MUCH_WAL = 256 << 20

SKEW = 60
OLD_KEY = 365 * 86_400

IN_MEMORY = frozenset({"tmpfs", "ramfs"})
OVER_NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "glusterfs", "fuse.glusterfs", "fuse.sshfs", "9p"}
)


class Finding(NamedTuple):
    """`status` is problem or advice; `why` says what was found, `fix` what to do."""

    status: str
    why: str
    fix: str


Findings: TypeAlias = Iterator[Finding]


class Check(NamedTuple):
    """A thing that is looked at, what holds when all is well, and the judgement."""

    name: str
    what: str
    judge: Callable[[Facts], Findings]


def _of_disk(judge: Callable[[Disk, Facts], Findings]) -> Callable[[Facts], Findings]:
    """A judgement of a database that is a file; there is nothing to judge of one on a server."""
    return lambda facts: judge(facts.disk, facts) if facts.disk else iter(())


def _problem(why: str, fix: str) -> Finding:
    return Finding("problem", why, fix)


def _advice(why: str, fix: str) -> Finding:
    return Finding("advice", why, fix)


def is_public(facts: Facts) -> bool:
    """Whether others than this machine reach the server, by its issuer."""
    return facts.settings.issuer.startswith("https:") and not _is_loopback(facts.settings.issuer)


def _is_loopback(issuer: str) -> bool:
    host = urlsplit(issuer).hostname or ""
    return host == "localhost" or host.startswith("127.") or host == "::1"


def _unless_public(facts: Facts, why: str, fix: str) -> Finding:
    return _problem(why, fix) if is_public(facts) else _advice(why, fix)


def _files(facts: Facts) -> Findings:
    for file in facts.files:
        if file.mode & 0o077:
            yield _problem(f"{file.path} can be read by others: its mode is {file.mode:04o}", f"chmod 600 {file.path}")


def _owners(disk: Disk, facts: Facts) -> Findings:
    place = disk.directory
    if place.mode & 0o022:
        yield _problem(
            f"{place.path} can be written by others, who can put another database there", f"chmod 700 {place.path}"
        )
    for file in facts.files:
        if file.owner != place.owner and file.path.parent == place.path:
            yield _problem(
                f"{file.path} belongs to user {file.owner}, its directory to user {place.owner}",
                f"chown --reference {place.path} {file.path}",
            )


def _directory(disk: Disk, facts: Facts) -> Findings:
    if not disk.is_writable:
        yield _problem(
            f"nothing can be written in {disk.directory.path}",
            "check the directory's owner and whether the disk is mounted read-only",
        )


def _unfinished(disk: Disk, facts: Facts) -> Findings:
    if disk.leftover:
        yield _advice(
            f"a restore is under way, or was cut short and left {disk.leftover}",
            "if none is under way, remove it, or restore again",
        )


def _instance_key(facts: Facts) -> Findings:
    if facts.key_fault:
        yield _problem(facts.key_fault, "put the instance key of this database back, from a backup")


def _integrity(facts: Facts) -> Findings:
    for fault in facts.faults:
        yield _problem(
            f"the database is damaged or cannot be used: {fault}",
            facts.known.fix or "check the disk, copy the data directory away, then gatepost restore BACKUP --force",
        )


def _schema(facts: Facts) -> Findings:
    if facts.faults:
        return
    if facts.known.schema < NEWEST:
        yield _problem(
            f"the schema has version {facts.known.schema}, this Gatepost needs {NEWEST}",
            "gatepost backup FILE, then gatepost migrate",
        )
    if facts.known.schema > NEWEST:
        yield _problem(f"the schema has version {facts.known.schema}, a newer Gatepost's", "use the newer Gatepost")


def _signing_keys(facts: Facts) -> Findings:
    if facts.faults or facts.known.schema != NEWEST:
        return
    if not facts.known.signing_keys:
        yield _advice("there are none yet", "they are made when the server starts")
        return
    states = [(key.alg, key.state) for key in facts.known.signing_keys]
    for alg in ALGORITHMS:
        for state in ("active", "next"):
            count = states.count((alg, state))
            if count != 1:
                yield _problem(
                    f"{count} {alg} keys are {state}; there must be one", "gatepost restore a backup, or report this"
                )
    for key in facts.known.signing_keys:
        age = facts.now - (key.activated_at or facts.now)
        if key.state == "active" and age > OLD_KEY:
            yield _advice(f"the active {key.alg} key is {age // 86_400} days old", "gatepost signing-key rotate")


def _clock(facts: Facts) -> Findings:
    latest = max([facts.known.newest, *(key.published_at for key in facts.known.signing_keys)])
    if latest > facts.now + SKEW:
        yield _problem(
            f"the clock says {shown_instant(facts.now)}, but something happened at {shown_instant(latest)}:"
            " it is behind now, or was ahead then",
            "set the clock, and keep it with NTP",
        )


def _room(disk: Disk, facts: Facts) -> Findings:
    if disk.free < LITTLE_FREE:
        told = _problem if disk.free < LEAST_FREE else _advice
        yield told(
            f"{disk.free >> 20} MiB are free where {disk.directory.path} is; a full disk stops every write",
            "make room, or move the data directory",
        )


def _filesystem(disk: Disk, facts: Facts) -> Findings:
    if disk.filesystem in IN_MEMORY:
        yield _unless_public(
            facts,
            f"{disk.directory.path} is in memory ({disk.filesystem}): everything is lost when the machine stops",
            "--data on a disk",
        )
    if disk.filesystem in OVER_NETWORK:
        yield _problem(
            f"{disk.directory.path} is on a network file system ({disk.filesystem}), where SQLite's locks do not hold",
            "--data on a local disk",
        )


def _locking(disk: Disk, facts: Facts) -> Findings:
    if not disk.is_locking:
        yield _problem(
            f"locks do not hold in {disk.directory.path}: two processes could damage the database",
            "--data on a local disk",
        )


def _wal(disk: Disk, facts: Facts) -> Findings:
    if disk.wal > MUCH_WAL:
        yield _advice(
            f"the write-ahead log has {disk.wal >> 20} MiB: something has been reading the database for long",
            "look for a backup or a program that holds gatepost.db open, and end it",
        )


def _settings(facts: Facts) -> Findings:
    if not facts.settings.issuer and not facts.is_dev:
        yield _advice(
            "the issuer is not set here; `gatepost serve` needs it", "GATEPOST_ISSUER=https://auth.example.com"
        )
    for why, fix in facts.refusals:
        yield _problem(why, fix)


def _proxies(facts: Facts) -> Findings:
    trusted = facts.settings.server.trusted_proxies
    old = ipaddress.collapse_addresses(each for each in trusted if isinstance(each, ipaddress.IPv4Network))
    new = ipaddress.collapse_addresses(each for each in trusted if isinstance(each, ipaddress.IPv6Network))
    if 0 in ([each.prefixlen for each in old] + [each.prefixlen for each in new]):
        yield _problem(
            "server.trusted_proxies trusts every address, so anybody can say who they are in X-Forwarded-For",
            "name the addresses of your proxies alone",
        )


def _limits(facts: Facts) -> Findings:
    limits = facts.settings.limits
    rates = ("key_rate", "app_rate", "address_rate", "wrong_secrets")
    off = (
        ["limits.enabled = false"]
        if not limits.enabled
        else [f"limits.{name} = 0" for name in rates if not getattr(limits, name)]
    )
    if off:
        yield _unless_public(facts, f"rate limits are switched off: {', '.join(off)}", "leave these settings out")


def _dev_data(facts: Facts) -> Findings:
    if facts.is_dev and is_public(facts):
        yield _problem(
            "the data was made by `gatepost dev`: its demo owner, API key and app are written down in dev.json",
            "start with an empty --data, or delete the demo organization's key and app, then dev.json",
        )


def _credentials(facts: Facts) -> Findings:
    for each in facts.known.expiring:
        if each.expires_at <= facts.now:
            yield _advice(f"{each.name} expired at {shown_instant(each.expires_at)}", "delete it, or make another")
        else:
            yield _advice(
                f"{each.name} expires at {shown_instant(each.expires_at)}", "make another and roll it out before"
            )


def _certificate(facts: Facts) -> Findings:
    if facts.certificate_fault:
        yield _problem(f"the certificate cannot be read: {facts.certificate_fault}", "server.tls_cert = a chain in PEM")
    end = facts.certificate_ends_at
    if end is not None and end <= facts.now:
        yield _problem(f"the certificate expired at {shown_instant(end)}", "renew it, and restart the server")
    elif end is not None and end <= facts.now + SOON:
        yield _advice(f"the certificate expires at {shown_instant(end)}", "renew it, and restart the server")


CHECKS = (
    Check("settings", "`gatepost serve` would accept the settings", _settings),
    Check("limits", "rate limits are on", _limits),
    Check("proxies", "X-Forwarded-For counts from your proxies alone", _proxies),
    Check("certificate", "the TLS certificate is in force, if there is one", _certificate),
    Check("directory", "the data directory can be written", _of_disk(_directory)),
    Check("restore", "no restore is half done", _of_disk(_unfinished)),
    Check("files", "nobody else can read the data", _files),
    Check("owners", "nobody else can replace the data, and one user owns all of it", _of_disk(_owners)),
    Check("disk", "there is room on the disk", _of_disk(_room)),
    Check("filesystem", "the data is on a local disk", _of_disk(_filesystem)),
    Check("locking", "file locks hold", _of_disk(_locking)),
    Check("database", "the database is whole", _integrity),
    Check("wal", "the write-ahead log is kept short", _of_disk(_wal)),
    Check("schema", "the schema is this version's", _schema),
    Check("instance key", "the instance key opens the database", _instance_key),
    Check("signing keys", "one key signs, the next is published", _signing_keys),
    Check("clock", "the clock is not behind what has happened", _clock),
    Check("credentials", "no API key or app secret ends soon", _credentials),
    Check("demo", "no demo data faces the world", _dev_data),
)
"""Everything that is looked at, in the order it is told."""


def shown_instant(seconds: int) -> str:
    """An instant as findings tell it: to the second, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
