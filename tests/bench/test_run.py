"""A whole run, small: real servers, and a report that says what happened."""

import asyncio
import json
from pathlib import Path

import psycopg
import pytest

import postgres
from gatepost.bench.data import prepare
from gatepost.bench.load import Answer, drive
from gatepost.bench.machine import cpu_seconds, is_in_memory, resident_mb
from gatepost.bench.report import render_bar, render_document, render_report
from gatepost.bench.run import Database, Figures, Measured, Plan, Report, run_bench
from gatepost.bench.servers import bare_server
from gatepost.bench.work import OPERATIONS, Workload
from gatepost.cli.main import run
from gatepost.errors import GatepostError
from gatepost.settings import Settings

SMALL = ["--seconds", "0.1", "--rounds", "1", "--connections", "2", "--grants", "12"]


def test_every_operation_is_measured_on_every_database(tmp_path: Path) -> None:
    plan = Plan(
        (Database("first", 24, 1), Database("two", 24, 2, asking=2)),
        tuple(OPERATIONS),
        connections=4,
        seconds=0.4,
        rounds=1,
    )
    report = run_bench(plan, tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert report.errors == 0
    assert [each.database for each in report.measured] == list(plan.databases)
    for measured in report.measured:
        assert 0 < measured.start_seconds < 60
        assert [each.operation for each in measured.figures] == list(OPERATIONS)
        for figures in measured.figures:
            assert figures.rate > 0
            assert 0 < figures.p50_ms <= figures.p99_ms
            assert figures.bare_rate > 0
            assert figures.ratio > 0
    assert [each.to_first for each in report.measured[0].figures] == [1.0] * len(OPERATIONS)


def test_the_command_prints_one_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", *SMALL, "--only", "refresh,jwks", "--data", str(tmp_path), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["errors"] == 0
    assert document["connections"] == 2
    assert document["machine"]["sqlite"]
    [database] = document["databases"]
    assert database["grants"] == 12
    assert list(database["operations"]) == ["refresh", "jwks"]
    assert database["operations"]["refresh"]["requests_per_second"] > 0


def test_several_nodes_on_a_database_server_leave_nothing_there(tmp_path: Path) -> None:
    url = postgres.databases().new()
    plan = Plan(
        (Database("first", 24, 2),), ("refresh", "code"), connections=4, seconds=0.2, rounds=1, nodes=2, url=url
    )
    report = run_bench(plan, tmp_path)
    assert report.errors == 0
    assert all(figures.rate > 0 for figures in report.measured[0].figures)
    assert "4 connections to 2 nodes" in render_report(report)
    with psycopg.connect(url) as connection:
        assert connection.execute("select nspname from pg_namespace where nspname like 'gatepost%'").fetchall() == []


@pytest.mark.parametrize(
    "arguments",
    [["--only", "logout"], ["--seconds", "0"], ["--connections", "-1"], ["--connections", "8"], ["--nodes", "2"]],
    ids=["unknown operation", "no time", "no connections", "too few grants", "nodes on a file"],
)
def test_a_plan_that_cannot_be_is_refused(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["bench", *SMALL, *arguments, "--data", str(tmp_path)]) == 2
    assert "error[invalid_request]" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("status", "body"),
    [(401, b'{"success":true,"active":true,"keys":[{'), (200, b'{"success":false}'), (200, b"")],
    ids=["refused", "another body", "empty"],
)
def test_a_server_that_answers_wrongly_is_found_out(status: int, body: bytes, tmp_path: Path) -> None:
    workload = Workload(asyncio.run(prepare(Settings(data=str(tmp_path)), orgs=1, grants=12)), connections=2)
    answer = Answer(b"%d" % status, b"HTTP/1.1 %d -\r\ncontent-length: %d" % (status, len(body)), body)
    paths = ("/refresh", "/verify", "/introspect", "/jwks.json", "/token")
    with bare_server(dict.fromkeys(paths, answer), None) as running:
        for name in ("refresh", "verify", "jwks", "code", "rotate", "service"):
            sample = drive([running.port], workload.of(name, running.port), connections=2, seconds=0.02, warm_up=0.0)
            assert sample.errors >= 2
            assert sample.answered == 0
        with pytest.raises(GatepostError, match="refresh"):
            workload.of("introspect", running.port)


FIGURES = Figures("refresh", 9000.4, 6.912, 11.08, 0, 108.26, 40_000.2, 0.2251, 1.0)
PLAN = Plan((Database("first", 1000, 1),), ("refresh",), 64, 6, 3)
REPORT = Report(PLAN, [Measured(PLAN.databases[0], 0.3512, 55.25, [FIGURES])], ["slow disk"])


def with_errors(report: Report, errors: int) -> Report:
    measured = report.measured[0]
    return report._replace(measured=[measured._replace(figures=[FIGURES._replace(errors=errors)])])


class TestReport:
    """What programs and people read."""

    def test_document(self) -> None:
        document = render_document(with_errors(REPORT, 3))
        assert document["errors"] == 3
        assert document["warnings"] == ["slow disk"]
        assert document["databases"] == [
            {
                "name": "first",
                "grants": 1000,
                "organizations": 1,
                "organizations_asking": 1,
                "start_seconds": 0.351,
                "resident_mb": 55.2,
                "operations": {
                    "refresh": {
                        "label": "/refresh",
                        "requests_per_second": 9000,
                        "p50_ms": 6.91,
                        "p99_ms": 11.08,
                        "errors": 3,
                        "cpu_us": 108.3,
                        "bare_requests_per_second": 40000,
                        "ratio": 0.2251,
                        "ratio_to_first": 1.0,
                    }
                },
            }
        ]

    def test_table(self) -> None:
        assert render_report(REPORT).splitlines() == [
            "first: 1,000 grants, 1 organizations, 1 asking, 64 connections; first answer 0.35 s after the start, 55 MB resident",
            "                    requests/s   p50 ms   p99 ms  errors  cpu µs   bare/s  of bare",
            "/refresh                 9,000     6.91    11.08       0     108   40,000   22.5 %",
        ]

    def test_growth_is_told_when_there_are_two(self) -> None:
        grown = REPORT.measured[0]._replace(figures=[FIGURES._replace(to_first=0.93)])
        lines = render_report(REPORT._replace(measured=[*REPORT.measured, grown])).splitlines()
        assert lines[2].endswith("100 %   22.5 %")
        assert lines[6].endswith("93 %   22.5 %")

    def test_chart(self) -> None:
        line = render_report(REPORT, chart=True).splitlines()[-1]
        assert line.endswith("22.5 %  ██████▊·······················")

    @pytest.mark.parametrize(
        ("share", "bar"), [(0.0, "·" * 30), (0.5, "█" * 15 + "·" * 15), (1.0, "█" * 30), (1.4, "█" * 30)]
    )
    def test_bar(self, share: float, bar: str) -> None:
        assert render_bar(share) == bar

    def test_what_the_system_does_not_tell_is_null(self) -> None:
        measured = REPORT.measured[0]._replace(resident_mb=None, figures=[FIGURES._replace(cpu_us=None)])
        report = REPORT._replace(measured=[measured])
        [database] = render_document(report)["databases"]
        assert database["resident_mb"] is None
        assert database["operations"]["refresh"]["cpu_us"] is None
        assert "resident" not in render_report(report)


def test_memory_is_told_from_disk_by_the_mount_that_is_nearest(tmp_path: Path) -> None:
    mounted = tmp_path / "mounts"
    mounted.write_text("/dev/sda1 / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n/dev/sdb1 /tmp/disk ext4 rw 0 0\n")
    assert is_in_memory(Path("/tmp/anything"), mounted)
    assert not is_in_memory(Path("/tmp/disk/anything"), mounted)
    assert not is_in_memory(Path("/var/lib"), mounted)
    assert not is_in_memory(Path("/tmp"), tmp_path / "missing")


def test_a_process_that_is_gone_has_no_figures() -> None:
    nobody = 2**22 + 1
    assert resident_mb(nobody) is None
    assert cpu_seconds(nobody) is None
