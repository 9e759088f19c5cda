"""When an issuer is asked for its keys: once for all who wait, as its headers say, and what holds when it cannot be reached."""

import asyncio
import threading
import time
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from gatepost_sdk import TokenError, Verifier
from gatepost_sdk.jws import RS256, encode_segment
from gatepost_sdk.testing import Issuer

from .conftest import AUDIENCE
from .network import JWKS, METADATA, Clock, Network


def refusal(verifier: Verifier, raw: str) -> str:
    with pytest.raises(TokenError) as caught:
        verifier.verify(raw)
    return caught.value.code


def with_kid(issuer: Issuer, kid: str) -> str:
    kept, issuer.kid = issuer.kid, kid
    try:
        return issuer.mint()
    finally:
        issuer.kid = kept


def settled(network: Network, path: str, count: int) -> None:
    """Wait until a refresh that nobody waits for has asked."""
    end = time.monotonic() + 5
    while network.asked[path] < count:
        assert time.monotonic() < end
        time.sleep(0.001)


def test_threads_that_come_at_once_ask_once(verifier: Verifier, issuer: Issuer, network: Network) -> None:
    network.open.clear()
    outcomes: list[str] = []
    threads = [
        threading.Thread(target=lambda n=number: outcomes.append(verifier.verify(issuer.mint(sub=f"usr_{n}")).sub))
        for number in range(8)
    ]
    for thread in threads:
        thread.start()
    settled(network, METADATA, 1)
    network.open.set()
    for thread in threads:
        thread.join()
    assert len(set(outcomes)) == 8
    assert network.asked == {METADATA: 1, JWKS: 1}


def test_who_comes_when_a_refresh_has_just_ended_asks_no_more(
    verifier: Verifier, issuer: Issuer, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Meanwhile:
        """A lock that is entered when the refresh of somebody else is over."""

        def __enter__(self) -> None:
            verifier.keys._refresh()

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr(verifier.keys, "_lock", Meanwhile())
    verifier.verify(issuer.mint())
    assert network.asked == {METADATA: 1, JWKS: 1}


async def test_tasks_that_come_at_once_ask_once_and_let_others_run(
    verifier: Verifier, issuer: Issuer, network: Network
) -> None:
    network.open.clear()
    tasks = [asyncio.create_task(verifier.averify(issuer.mint())) for _ in range(8)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    network.open.set()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(outcomes[0], asyncio.CancelledError)
    assert all(not isinstance(each, BaseException) for each in outcomes[1:])
    assert network.asked == {METADATA: 1, JWKS: 1}


def test_keys_are_kept_as_long_as_their_headers_say(
    verifier: Verifier, issuer: Issuer, network: Network, clock: Clock
) -> None:
    network.headers = {"cache-control": "public, max-age=1000", "etag": '"1"'}
    verifier.verify(issuer.mint())
    clock.now += 799
    verifier.verify(issuer.mint(expires_in=1000))
    assert network.asked[JWKS] == 1
    clock.now += 2
    network.open.clear()
    verifier.verify(issuer.mint(expires_in=2000))
    settled(network, JWKS, 2)
    network.open.set()
    verifier.keys._flight._future.result(10)
    clock.now += 1000
    verifier.verify(issuer.mint(expires_in=3000))
    assert network.asked[JWKS] == 3


def test_an_unknown_key_is_asked_for_once_a_minute(
    verifier: Verifier, issuer: Issuer, network: Network, clock: Clock
) -> None:
    verifier.verify(issuer.mint())
    for seconds, asked in ((0, 1), (59, 1), (1, 2), (59, 2), (1, 3)):
        clock.now += seconds
        for kid in ("unknown", "another"):
            assert refusal(verifier, with_kid(issuer, kid)) == "unknown_key"
        assert network.asked[JWKS] == asked


def test_a_new_key_is_found_at_its_first_token(
    verifier: Verifier, issuer: Issuer, network: Network, clock: Clock
) -> None:
    verifier.verify(issuer.mint())
    clock.now += 60
    issuer.kid = "next"
    verifier.verify(issuer.mint())
    assert network.asked == {METADATA: 1, JWKS: 2}


def test_an_outage_of_the_issuer_is_none_of_the_api(
    verifier: Verifier, issuer: Issuer, network: Network, clock: Clock
) -> None:
    verifier.verify(issuer.mint())
    network.down = True
    clock.now += 86_400
    verifier.verify(issuer.mint(expires_in=100_000))
    clock.now += 301
    assert refusal(verifier, issuer.mint(expires_in=100_000)) == "unavailable"
    network.down = False
    assert refusal(verifier, issuer.mint(expires_in=100_000)) == "unavailable", "it is not asked again at once"
    clock.now += 5
    verifier.verify(issuer.mint(expires_in=100_000))


def test_an_issuer_that_was_never_reached_is_unavailable_and_not_stormed(
    verifier: Verifier, issuer: Issuer, network: Network
) -> None:
    network.down = True
    for _ in range(3):
        with pytest.raises(TokenError, match="no route to host") as caught:
            verifier.verify(issuer.mint())
        assert caught.value.status == 503
    assert network.asked == {METADATA: 1}


@pytest.mark.parametrize(
    ("path", "change"),
    [
        (METADATA, {"issuer": "https://evil.test"}),
        (METADATA, {"issuer": "https://auth.test/"}),
        (METADATA, {"jwks_uri": None}),
        (JWKS, {"keys": []}),
        (JWKS, {"keys": "none"}),
        (JWKS, {"keys": [{"kty": "EC", "crv": "P-256", "kid": "test", "x": "AA", "y": "AA"}]}),
        (JWKS, {"keys": [{"kty": "oct", "kid": "test", "k": "AAAA"}]}),
    ],
)
def test_documents_that_are_wrong_give_no_keys(
    verifier: Verifier, issuer: Issuer, network: Network, path: str, change: dict[str, Any]
) -> None:
    network.changes[path] = change
    assert refusal(verifier, issuer.mint()) == "unavailable"


def _rsa_key(bits: int) -> dict[str, str]:
    numbers = rsa.generate_private_key(public_exponent=65537, key_size=bits).public_key().public_numbers()
    n, e = (encode_segment(x.to_bytes((x.bit_length() + 7) // 8, "big")).decode() for x in (numbers.n, numbers.e))
    return {"kty": "RSA", "kid": "rsa", "n": n, "e": e}


@pytest.mark.parametrize(("said", "bits", "known"), [([RS256], 2048, True), ([], 2048, False), ([RS256], 1024, False)])
def test_rs256_counts_only_if_the_issuer_says_so_and_the_key_is_strong(
    verifier: Verifier, issuer: Issuer, network: Network, said: list[str], bits: int, known: bool
) -> None:
    verifier.verify(issuer.mint())
    jwks = verifier.keys._jwks
    assert jwks
    network.changes = {
        METADATA: {"id_token_signing_alg_values_supported": said},
        JWKS: {"keys": [*jwks.content["keys"], _rsa_key(bits)]},
    }
    other = Verifier("https://auth.test", audience=AUDIENCE, fetch=network)
    other.verify(issuer.mint())
    assert (other.keys.find("rsa") is not None) is known


def test_an_issuer_with_a_path_is_found_where_either_standard_puts_it(issuer: Issuer) -> None:
    asked: list[str] = []
    tenant = Issuer("https://auth.test/tenant", audience=AUDIENCE)

    def fetch(ask: Any) -> Any:
        asked.append(ask.url)
        answer = tenant.fetch(ask)
        return answer._replace(status=404) if "oauth-authorization-server" in ask.url else answer

    Verifier("https://auth.test/tenant", audience=AUDIENCE, fetch=fetch).verify(tenant.mint())
    assert asked == [
        "https://auth.test/.well-known/oauth-authorization-server/tenant",
        "https://auth.test/tenant/.well-known/openid-configuration",
        "https://auth.test/tenant/jwks.json",
    ]
