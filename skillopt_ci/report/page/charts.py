"""Charts as inline SVG: positions in percent and sizes in pixels, so that lines stretch and text never shrinks.

Every chart is a figure with a text alternative; colours and sizes are in the style sheet, shapes tell kinds apart
without colour.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from skillopt_ci.core.stats import Effect
from skillopt_ci.report.page.markup import Child, Html, join, tag

Kind = Literal["start", "accepted", "rejected", "bound", "removed"]
_SHAPES: dict[str, Html] = {
    "start": tag("circle", r="4", class_="mark start"),
    "accepted": tag("circle", r="5", class_="mark accepted"),
    "removed": tag("path", d="M-5 -4H5L0 5Z", class_="mark accepted"),
    "rejected": tag("path", d="M-4 -4L4 4M-4 4L4 -4", class_="mark rejected"),
    "bound": tag("path", d="M-5 -3H5M0 -3V5M-3 2L0 5L3 2", class_="mark rejected"),
}
MAX_LABELS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A candidate on the chart of scores: where, what became of it, its interval (scores in [0, 1])."""

    at: int
    score: float
    kind: Kind
    low: float | None = None
    high: float | None = None
    told: str = ""


def score_chart(points: Sequence[Point], kept: Sequence[tuple[int, float]], last: int, told: str) -> Html:
    """Scores over steps.

    Args:
        points: the start and the candidates.
        kept: (step, score) of the skill that was kept from that step on, in order.
        last: the last step.
        told: the chart in words.
    """
    width = max(1, last) + 0.6

    def x(step: float) -> str:
        return f"{100 * (step + 0.3) / width:.2f}%"

    line: list[Child] = []
    for (at, score), (until, after) in zip(kept, [*kept[1:], (last, kept[-1][1])] if kept else [], strict=True):
        line.append(tag("line", x1=x(at), x2=x(until), y1=_y(score), y2=_y(score), class_="kept"))
        line.append(tag("line", x1=x(until), x2=x(until), y1=_y(score), y2=_y(after), class_="kept"))
    marks = [_mark(point, x(point.at)) for point in points]
    labels = [tag("text", str(n), x=x(n), y="100%", dy="18", class_="tick") for n in _labels(last)]
    plot = tag("svg", _grid(), line, marks, labels, class_="plot", role="img", aria_label=told)
    side = [tag("span", str(v), class_=f"at{v}") for v in (100, 75, 50, 25, 0)]
    return join(tag("div", tag("div", side, class_="axis", aria_hidden="true"), plot, class_="chart"))


def interval_chart(effect: Effect, margin: float | None, told: str) -> Html:
    """An effect with its interval on a line with zero, and the margin where there is one."""
    reach = max(abs(effect.low), abs(effect.high), abs(effect.mean), margin or 0.0, 0.05) * 1.12

    def x(value: float) -> str:
        return f"{50 + 50 * value / reach:.2f}%"

    parts: list[Child] = [tag("line", x1="0", x2="100%", y1="24", y2="24", class_="rail")]
    if margin is not None:
        parts.append(tag("line", x1=x(-margin), x2=x(-margin), y1="8", y2="40", class_="margin"))
    parts.append(tag("line", x1="50%", x2="50%", y1="8", y2="40", class_="zero"))
    parts.append(tag("line", x1=x(effect.low), x2=x(effect.high), y1="24", y2="24", class_="reach"))
    ends = [tag("line", x1=x(v), x2=x(v), y1="18", y2="30", class_="reach") for v in (effect.low, effect.high)]
    parts += [*ends, tag("svg", _SHAPES["accepted"], x=x(effect.mean), y="24", overflow="visible")]
    return tag("svg", parts, class_="effect", role="img", aria_label=told)


def bar(share: float) -> Html:
    """A bar beside a number: of the width `share` in [0, 1]; the number says it all, so it is hidden from readers."""
    share = min(1.0, max(0.0, share))
    return tag("svg", tag("rect", width=f"{100 * share:.1f}%", height="100%"), class_="bar", aria_hidden="true")


def legend(kinds: Sequence[tuple[Kind, str]]) -> Html:
    """Which shape is what."""
    entries = [
        tag("li", tag("svg", tag("svg", _SHAPES[kind], x="8", y="8", overflow="visible"), aria_hidden="true"), words)
        for kind, words in kinds
    ]
    return tag("ul", entries, class_="legend")


def _mark(point: Point, x: str) -> Html:
    whisker: Child = None
    if point.low is not None and point.high is not None:
        low, high = _clamped(point.low), _clamped(point.high)
        whisker = tag("line", x1=x, x2=x, y1=_y(low), y2=_y(high), class_=f"whisker {point.kind}")
    shape = tag("svg", _SHAPES[point.kind], x=x, y=_y(_clamped(point.score)), overflow="visible")
    return tag("g", tag("title", point.told) if point.told else None, whisker, shape)


def _grid() -> list[Html]:
    return [tag("line", x1="0", x2="100%", y1=_y(v), y2=_y(v), class_="grid") for v in (0.0, 0.25, 0.5, 0.75, 1.0)]


def _labels(last: int) -> list[int]:
    """Steps that get a label: at most eight, evenly, so that they never touch on a narrow page."""
    every = max(1, -(-last // (MAX_LABELS - 1)))
    return list(range(0, last + 1, every))


def _y(score: float) -> str:
    return f"{100 * (1 - score):.2f}%"


def _clamped(score: float) -> float:
    return min(1.0, max(0.0, score))
