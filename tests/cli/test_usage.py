"""`gatepost usage`: what the servers counted, over time, by grant type, by reason, by app."""

from cli.conftest import Gatepost, Shop
from gatepost.flows.instance import Instance


def count(gatepost: Gatepost, shop: Shop, org: bytes) -> None:
    async def work(instance: Instance) -> None:
        for kind, name, times in (
            ("issued", "refresh_token", 5),
            ("issued", "verify", 1),
            ("refused", "invalid_grant", 2),
            ("passed", "check", 7),
        ):
            for _ in range(times):
                instance.counts.count(org, shop.client_id, kind, name)
        instance.counts.time("/token", 0.002)
        await instance.counts.flush()

    gatepost.serve(work)


def test_usage_is_shown_in_each_way(gatepost: Gatepost, shop: Shop) -> None:
    count(gatepost, shop, bytes.fromhex(shop.org.removeprefix("org_")))
    over_time = gatepost.json("usage", "--org", "Acme", "--since", "7d")
    assert (over_time["step"], len(over_time["rows"])) == (6 * 3600, 28)
    assert [sum(row[kind] for row in over_time["rows"]) for kind in ("issued", "refused", "passed")] == [6, 2, 7]
    assert over_time["token_ms"]["requests"] == 1
    assert 2 <= over_time["token_ms"]["p95"] < 2.4
    by = {way: gatepost.json("usage", "--by", way)["rows"] for way in ("grant", "reason", "app")}
    assert by["grant"] == [{"name": "refresh_token", "times": 5}, {"name": "verify", "times": 1}]
    assert by["reason"] == [{"name": "invalid_grant", "times": 2}]
    assert by["app"] == [{"client_id": shop.client_id, "issued": 6, "refused": 2, "passed": 7}]
    assert gatepost.json("usage", "--app", shop.client_id, "--by", "app")["rows"] == by["app"]
    assert "refresh_token  5" in gatepost("usage", "--by", "grant").out


def test_what_was_not_counted_is_nothing(gatepost: Gatepost, shop: Shop) -> None:
    found = gatepost.json("usage", "--since", "1h")
    assert [row["issued"] for row in found["rows"]] == [0] * 12
    assert found["token_ms"] is None
    assert gatepost("usage", "--by", "app").out == "Nothing was counted.\n"
    assert gatepost.json("usage", "--org", "Acme", "--by", "grant")["rows"] == []


def test_what_is_not_there_is_refused(gatepost: Gatepost, shop: Shop) -> None:
    gatepost.refused(4, "usage", "--org", "Nobody")
    gatepost.refused(4, "usage", "--app", "nobody")
    for since in ("91d", "5s", "soon"):
        gatepost.refused(2, "usage", "--since", since)
