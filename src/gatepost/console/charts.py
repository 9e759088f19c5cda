"""Charts, drawn here as numbers: where each bar stands, in which colour. A template makes SVG of them, without a script.

Every chart has a sentence that says what it shows, and the table behind it. WCAG 2.2 1.1.1.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

WIDTH = 720
HEIGHT = 160
SERIES = 4
"""How many are told apart by colour; what is less goes together as the last."""

OTHER = "other"
_GAP = 0.2
_DAY = 86_400


class Segment(NamedTuple):
    """A part of a bar; `series` is the number of its colour."""

    series: int
    x: float
    y: float
    width: float
    height: float


class Label(NamedTuple):
    """A word under the bars."""

    x: float
    text: str


class Chart(NamedTuple):
    """Stacked bars over time. `rows` are the table: the label of each step, then a number for each of `names`."""

    names: list[str]
    segments: list[Segment]
    labels: list[Label]
    rows: list[tuple[str, list[int]]]
    total: int
    most: int
    most_at: str


def draw(starts: Sequence[int], step: int, points: Iterable[tuple[int, str, int]]) -> Chart:
    """The chart of points: when, of what, how often."""
    values: dict[int, Counter[str]] = {start: Counter() for start in starts}
    totals: Counter[str] = Counter()
    for at, name, times in points:
        values.setdefault(at, Counter())[name] += times
        totals[name] += times
    names = _named(totals)
    bars = [[_value(values[start], name, names) for name in names] for start in starts]
    most = max((sum(bar) for bar in bars), default=0)
    labels = [shown_instant(start, step) for start in starts]
    return Chart(
        names,
        list(_segments(bars, most)),
        _labels(labels),
        list(zip(labels, bars, strict=True)),
        totals.total(),
        most,
        next((label for label, bar in zip(labels, bars, strict=True) if most and sum(bar) == most), ""),
    )


def shown_instant(at: int, step: int) -> str:
    """An instant as a chart names it: by the hour within a day, else by the day."""
    return datetime.fromtimestamp(at, UTC).strftime("%m-%d" if step >= _DAY // 4 else "%m-%d %H:%M")


def _named(totals: Counter[str]) -> list[str]:
    """What is told apart, the most frequent first."""
    names = [name for name, _ in totals.most_common()]
    return names if len(names) <= SERIES else [*names[: SERIES - 1], OTHER]


def _value(counted: Mapping[str, int], name: str, names: list[str]) -> int:
    if name == OTHER:
        return sum(times for each, times in counted.items() if each not in names or each == OTHER)
    return counted.get(name, 0)


def _segments(bars: list[list[int]], most: int) -> Iterable[Segment]:
    width = WIDTH / max(len(bars), 1)
    for number, bar in enumerate(bars):
        top = float(HEIGHT)
        for series, value in enumerate(bar):
            height = HEIGHT * value / most if most else 0.0
            top -= height
            if value:
                x = (number + _GAP / 2) * width
                yield Segment(series, round(x, 1), round(top, 1), round(width * (1 - _GAP), 1), round(height, 1))


def _labels(labels: list[str]) -> list[Label]:
    """The first label and a few more, without the day where they have an hour: as many as can be read."""
    apart = max(len(labels) // 4, 1)
    width = WIDTH / max(len(labels), 1)
    return [Label(round(number * width, 1), labels[number].split()[-1]) for number in range(0, len(labels), apart)][:4]
