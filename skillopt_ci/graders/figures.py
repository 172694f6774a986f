"""Numbers with units in short answers, read as OfficeQA's evaluation reads them.

Source: databricks/officeqa, `reward.py` (rules, not code). A unit word near a number is a label, not a factor: `543`
and `543 million` are the same figure, `543 million` and `543 billion` are not.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_CURRENCY = "$£€¥₹¢₩₽"
_IN_BRACKETS = re.compile(rf"\(\s*([{_CURRENCY}])?\s*(\d{{1,3}}(?:,\d{{3}})*(?:\.\d+)?|\d+(?:\.\d+)?)\s*\)")
_GROUPED = re.compile(r"(?<![\d.])\d{1,3}(?:,\d{3})+(?:\.\d+)?(?!\d)")
_NUMBER = re.compile(r"-?\d+\.?\d*%?")
_LISTED = re.compile(r"-?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?%?")
_LIST = re.compile(r"\[([^\[\]]+)\]")
_NEAR = 20  # characters before and after a number in which its unit may stand
_UNITS = tuple(
    (name, re.compile(pattern))
    for name, pattern in (
        ("trillion", r"\btrillions?\b"),
        ("billion", r"\bbillions?\b|\bb\b"),
        ("million", r"\bmillions?\b|\bm\b"),
        ("thousand", r"\bthousands?\b|\bk\b"),
    )
)
_UNIT_WORDS = re.compile(r"\b(?:trillions?|billions?|millions?|thousands?|hundreds?|percent|percentage)\b")


@dataclass(frozen=True, slots=True)
class Figure:
    """A number and the unit that stands near it."""

    value: float
    unit: str | None = None

    @property
    def is_year(self) -> bool:
        """Whether it looks like a year."""
        return 1900 <= self.value <= 2100 and self.value == int(self.value)

    def near(self, wanted: "Figure", tolerance: float) -> bool:
        """Whether it is the wanted one up to a share of it; a unit that is not said fits any."""
        if self.unit and wanted.unit and self.unit != wanted.unit:
            return False
        if wanted.value == 0:
            return self.value == 0
        return abs(wanted.value - self.value) / abs(wanted.value) <= tolerance


def plain(text: str) -> str:
    """Single spaces, and an ASCII minus."""
    return " ".join(text.replace("\u2212", "-").split())


def figures(text: str) -> list[Figure]:
    """The numbers of a text in order: thousands separators, currency, percent, `(5)` for -5."""
    bare = _GROUPED.sub(lambda m: m.group().replace(",", ""), _without_forms(plain(text)))
    found = []
    for match in _NUMBER.finditer(bare):
        around = bare[max(0, match.start() - _NEAR) : match.end() + _NEAR].lower()
        unit = next((name for name, pattern in _UNITS if pattern.search(around)), None)
        found.append(Figure(float(match.group().rstrip("%")), unit))
    return found


def _without_forms(text: str) -> str:
    """Numbers in round brackets are negative, except a bare year; currency signs go."""

    def negative(match: re.Match[str]) -> str:
        year = match[1] is None and Figure(float(match[2].replace(",", ""))).is_year
        return match.group() if year else f"-{match[2]}"

    return re.sub(f"[{_CURRENCY}]", "", _IN_BRACKETS.sub(negative, text))


def words(text: str) -> str:
    """What is left of a text without numbers, unit words and punctuation; empty when it is a single letter."""
    left = _UNIT_WORDS.sub("", _NUMBER.sub("", plain(text).lower()).replace(",", ""))
    left = " ".join(re.sub(r"[^\w\s]", " ", left).split())
    return left if len(left) > 1 else ""


def listed(expected: str) -> list[Figure] | None:
    """The figures of an expected answer that is one list in square brackets, two or more numbers; None otherwise."""
    body, wanted = _body(expected), figures(expected)
    exact = [Figure(w.value) for w in wanted]
    return wanted if body is not None and len(wanted) > 1 and fits_list(body, exact, 0.0) else None


def fits_list(answer: str, wanted: Sequence[Figure], tolerance: float | None) -> bool:
    """Whether the answer, cut at some of its commas, is these numbers in order; any numbers when tolerance is None.

    `8,152,260` can be 8 and 152,260: a comma may separate thousands or items.
    """
    body = _body(answer) or plain(answer)
    chunks = body.split(",")
    # ends[j]: chunk numbers at which the first j numbers can end
    ends = {0}
    for number in wanted:
        reached = set()
        for start in ends:
            for end in range(start + 1, len(chunks) + 1):
                value = _item(",".join(chunks[start:end]))
                if value is not None and (tolerance is None or Figure(value).near(number, tolerance)):
                    reached.add(end)
        ends = reached
    return len(chunks) in ends


def _body(text: str) -> str | None:
    """What stands in the one pair of square brackets of a text, when no digit stands outside."""
    found = list(_LIST.finditer(plain(text)))
    if len(found) != 1:
        return None
    outside = found[0].string[: found[0].start()] + found[0].string[found[0].end() :]
    return None if re.search(r"\d", outside) else found[0][1]


def _item(text: str) -> float | None:
    """An item of a list as a number; None when it is none, or has a space beside a comma."""
    item = text.strip()
    if not item or re.search(r"\s,|,\s", item):
        return None
    item = _without_forms(plain(item))
    return float(item.rstrip("%").replace(",", "")) if _LISTED.fullmatch(item) else None
