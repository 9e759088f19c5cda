"""A revocation is refused by a verifier in another process, soon; `--feed-entries 100000` is the full size."""

import json
from pathlib import Path

import pytest

from gatepost.bench.revocations import measure_revocations, render_latency
from gatepost.cli.main import run

BOUND_MS = 1000
REVOCATIONS = 100


def test_a_revocation_is_refused_in_another_process_within_a_second(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    entries: int = request.config.getoption("--feed-entries")
    latency = measure_revocations(entries, REVOCATIONS, tmp_path)
    assert 0 < latency.p50_ms <= latency.p99_ms <= latency.max_ms
    assert latency.p99_ms < BOUND_MS, render_latency(latency)
    assert latency.bytes_per_entry is not None
    assert latency.bytes_per_entry < 1000
    assert list(tmp_path.iterdir()) == []


def test_the_command_prints_one_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "--revocations", "0", "--data", str(tmp_path), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["entries"], document["bytes_per_entry"]) == (0, None)
    assert document["p99_ms"] < BOUND_MS
    assert run(["bench", "--revocations", "-1"]) == 2
