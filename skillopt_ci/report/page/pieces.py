"""What sections are made of: tables that fold on a narrow page, lists of facts, numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

from skillopt_ci.core.spend import Spend, format_usd
from skillopt_ci.core.stats import Effect
from skillopt_ci.report.page.markup import Child, Html, tag
from skillopt_ci.report.parts import bounds, gain, points

NOT_MEASURED = "not measured"


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its heading, and whether it holds numbers (then they are aligned)."""

    head: str
    number: bool = False


def table(caption: str, columns: Sequence[Column], rows: Sequence[Sequence[Child]], *, compact: bool = False) -> Html:
    """A table with a caption; the first cell of a row is its heading.

    On a narrow page a row becomes a block of named values, unless it is `compact` (a few short columns). The roles are
    spelled out, as such a layout takes them away from tables.
    """
    heads = [tag("th", c.head, scope="col", role="columnheader", class_=_class(c)) for c in columns]
    body = []
    for row in rows:
        first = tag("th", row[0], scope="row", role="rowheader", class_=_class(columns[0]), data_label=columns[0].head)
        cells = [
            tag("td", cell, role="cell", class_=_class(column), data_label=column.head)
            for column, cell in zip(columns[1:], row[1:], strict=True)
        ]
        body.append(tag("tr", first, cells, role="row"))
    return tag(
        "table",
        tag("caption", caption),
        tag("thead", tag("tr", heads, role="row"), role="rowgroup"),
        tag("tbody", body, role="rowgroup"),
        role="table",
        class_="compact" if compact else "folding",
    )


def facts(pairs: Sequence[tuple[str, Child]], class_: str = "facts") -> Html:
    """Names and values."""
    return tag("dl", [tag("div", tag("dt", name), tag("dd", value)) for name, value in pairs], class_=class_)


def shut(summary: Child, *inner: Child, class_: str | None = None, id_: str | None = None, shown: bool = False) -> Html:
    """Something that opens when it is wanted; `shown` is open from the start."""
    return tag("details", tag("summary", summary), inner, class_=class_, id=id_, open=shown)


def score(value: float | None) -> str:
    """Points with one decimal."""
    return NOT_MEASURED if value is None else points(value)


def effect_words(effect: Effect | None) -> str:
    """An effect with its interval: `+9.5 [+1.2, +17.6]`."""
    return NOT_MEASURED if effect is None else f"{gain(effect.mean)} {bounds(effect)}"


def money(spend: Spend) -> str:
    """USD as people read them; an unknown price is said."""
    return "price unknown" if spend.usd is None else f"${format_usd(spend.usd)}"


def counted(number: int, word: str, many: str = "") -> str:
    """`1 task`, `2 tasks`."""
    return f"{number:,} {word if number == 1 else many or word + 's'}"


def _class(column: Column) -> str | None:
    return "number" if column.number else None
