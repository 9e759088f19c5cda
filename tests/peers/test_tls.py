"""What the built-in listener speaks: TLS 1.2 and 1.3, with ciphers that authenticate. MD-10; RFC 9325 §4.2."""

import socket
import ssl

import pytest

from servers import Server

from .tls import Tls

pytestmark = pytest.mark.xdist_group("peers")

OLDEST = ssl.TLSVersion.TLSv1


def spoken(server: Server, tls: Tls, newest: ssl.TLSVersion, ciphers: str) -> tuple[str | None, str]:
    """The version and the cipher that a client with these gets; it would take anything."""
    context = ssl.create_default_context(cafile=tls.authority)
    context.set_ciphers(f"{ciphers}:@SECLEVEL=0")
    context.minimum_version, context.maximum_version = min(OLDEST, newest), newest
    with (
        socket.create_connection(("127.0.0.1", server.port), 10) as line,
        context.wrap_socket(line, server_hostname="127.0.0.1") as wrapped,
    ):
        cipher = wrapped.cipher()
        assert cipher
        return wrapped.version(), cipher[0]


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_old_versions_are_not_spoken(server: Server, tls: Tls, newest: ssl.TLSVersion) -> None:
    with pytest.raises((ssl.SSLError, ConnectionError)):
        spoken(server, tls, newest, "ALL")


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_new_versions_are_spoken_with_ciphers_that_authenticate(server: Server, tls: Tls) -> None:
    assert spoken(server, tls, ssl.TLSVersion.TLSv1_3, "ALL")[0] == "TLSv1.3"
    version, cipher = spoken(server, tls, ssl.TLSVersion.TLSv1_2, "ALL")
    assert version == "TLSv1.2"
    assert cipher.startswith("ECDHE-")
    assert "GCM" in cipher or "CHACHA20" in cipher


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize("ciphers", ["ECDHE-ECDSA-AES256-SHA", "ECDHE-ECDSA-AES128-SHA256"])
def test_older_ciphers_are_not_spoken(server: Server, tls: Tls, ciphers: str) -> None:
    with pytest.raises((ssl.SSLError, ConnectionError)):
        spoken(server, tls, ssl.TLSVersion.TLSv1_2, ciphers)
