"""The report of a bench: one JSON document for programs, a table and a chart for people."""

import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import apsw

from gatepost.bench.run import Figures, Measured, Report
from gatepost.bench.work import OPERATIONS
from gatepost.store.postgres.opening import shown

BAR = 30
"""Cells of the chart's whole: the rate of the bare server."""

_EIGHTHS = " ▏▎▍▌▋▊▉"


def render_document(report: Report) -> dict[str, Any]:
    """The report for programs. Figures that this system does not tell are null."""
    plan = report.plan
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "machine": describe_machine(),
        "connections": plan.connections,
        "seconds": plan.seconds,
        "rounds": plan.rounds,
        "nodes": plan.nodes,
        "database": shown(plan.url) if plan.url else "sqlite",
        "errors": report.errors,
        "warnings": report.warnings,
        "databases": [_document(each) for each in report.measured],
    }


def _document(measured: Measured) -> dict[str, Any]:
    return {
        "name": measured.database.name,
        "grants": measured.database.grants,
        "organizations": measured.database.orgs,
        "organizations_asking": measured.database.asking,
        "start_seconds": round(measured.start_seconds, 3),
        "resident_mb": None if measured.resident_mb is None else round(measured.resident_mb, 1),
        "operations": {each.operation: _operation(each) for each in measured.figures},
    }


def _operation(figures: Figures) -> dict[str, Any]:
    return {
        "label": OPERATIONS[figures.operation].label,
        "requests_per_second": round(figures.rate),
        "p50_ms": round(figures.p50_ms, 2),
        "p99_ms": round(figures.p99_ms, 2),
        "errors": figures.errors,
        "cpu_us": None if figures.cpu_us is None else round(figures.cpu_us, 1),
        "bare_requests_per_second": round(figures.bare_rate),
        "ratio": round(figures.ratio, 4),
        "ratio_to_first": round(figures.to_first, 4),
    }


def describe_machine() -> dict[str, Any]:
    """What the figures depend on and can be told from here."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "sqlite": apsw.sqlite_lib_version(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def render_report(report: Report, *, chart: bool = False) -> str:
    """The report for people; with bars beside the ratios if `chart`."""
    lines = []
    for each in report.measured:
        lines += [*_head(each, report), *(_line(figures, each, report, chart) for figures in each.figures), ""]
    return "\n".join(lines[:-1])


def _head(measured: Measured, report: Report) -> list[str]:
    database = measured.database
    memory = "" if measured.resident_mb is None else f", {measured.resident_mb:.0f} MB resident"
    nodes = f" to {report.plan.nodes} nodes" if report.plan.nodes > 1 else ""
    growth = f"{'of first':>10}" if len(report.measured) > 1 else ""
    return [
        f"{database.name}: {database.grants:,} grants, {database.orgs:,} organizations, {database.asking:,} asking, "
        f"{report.plan.connections} connections{nodes}; first answer {measured.start_seconds:.2f} s after the start{memory}",
        f"{'':<18}{'requests/s':>12}{'p50 ms':>9}{'p99 ms':>9}{'errors':>8}{'cpu µs':>8}{'bare/s':>9}{growth}"
        f"{'of bare':>9}",
    ]


def _line(figures: Figures, measured: Measured, report: Report, chart: bool) -> str:
    cpu = "–" if figures.cpu_us is None else f"{figures.cpu_us:.0f}"
    growth = f"{100 * figures.to_first:>8.0f} %" if len(report.measured) > 1 else ""
    return (
        f"{OPERATIONS[figures.operation].label:<18}{figures.rate:>12,.0f}{figures.p50_ms:>9.2f}{figures.p99_ms:>9.2f}"
        f"{figures.errors:>8,}{cpu:>8}{figures.bare_rate:>9,.0f}{growth}{100 * figures.ratio:>7.1f} %"
        + (f"  {render_bar(figures.ratio)}" if chart else "")
    )


def render_bar(share: float) -> str:
    """A bar as long as the share of the whole, to an eighth of a cell; the rest of the whole is dotted."""
    eighths = round(8 * BAR * min(max(share, 0.0), 1.0))
    bar = "█" * (eighths // 8) + (_EIGHTHS[eighths % 8] if eighths % 8 else "")
    return bar + "·" * (BAR - len(bar))
