"""Charts, drawn here as numbers: where each bar stands, in which colour. A template makes SVG of them, without a script.

Every chart has a sentence that says what it shows, and the table behind it. WCAG 2.2 1.1.1.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
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
    """An instant under the bars."""

    x: float
    at: int


class Chart(NamedTuple):
    """Stacked bars over time. `rows` are the table: the instant of each step, then a number for each of `names`.

    An instant is told by its hour too where steps are shorter than a day; under the bars by it alone, where all is one day.
    """

    names: list[str]
    segments: list[Segment]
    labels: list[Label]
    rows: list[tuple[int, list[int]]]
    total: int
    most: int
    most_at: int
    has_hours: bool
    is_one_day: bool


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
    return Chart(
        names,
        list(_segments(bars, most)),
        _labels(starts),
        list(zip(starts, bars, strict=True)),
        totals.total(),
        most,
        next((start for start, bar in zip(starts, bars, strict=True) if most and sum(bar) == most), 0),
        has_hours=step < _DAY,
        is_one_day=step * len(starts) <= _DAY,
    )


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


def _labels(starts: Sequence[int]) -> list[Label]:
    """The first instant and a few more: as many as can be read."""
    apart = max(len(starts) // 4, 1)
    width = WIDTH / max(len(starts), 1)
    return [Label(round(number * width, 1), starts[number]) for number in range(0, len(starts), apart)][:4]
