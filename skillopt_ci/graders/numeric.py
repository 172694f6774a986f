"""The grader `numeric`: the last number of the answer, compared with the expected one."""

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from types import MappingProxyType

from skillopt_ci.core.rollout import Score
from skillopt_ci.core.task import GraderSpec, Task
from skillopt_ci.core.trajectory import Trajectory
from skillopt_ci.errors import ConfigError
from skillopt_ci.graders import wording
from skillopt_ci.graders.base import Grader, JudgeModel, check_options

_MAX_DIGITS = 100
# Exact for every number that is read here; without traps an overflow is an infinity, not an exception.
_CONTEXT = Context(prec=2 * _MAX_DIGITS + 20, Emin=-9999, Emax=9999, traps=[])
_SEPARATORS = ",'’_ \u00a0\u202f"
_DASHES = "\u2010\u2011\u2012\u2013\u2212\ufe63\uff0d"  # what is written for a minus: hyphens, the en dash, minus signs
_MINUS = str.maketrans(dict.fromkeys(_DASHES, "-"))
_SCALES: Mapping[str, int] = MappingProxyType(
    {
        **{"thousand": 3, "million": 6, "billion": 9, "trillion": 12, "lakh": 5, "crore": 7},
        **{"tsd": 3, "mn": 6, "mln": 6, "mio": 6, "bn": 9, "mrd": 9, "tn": 12, "k": 3, "m": 6, "b": 9, "t": 12},
    }
)
"""Words that multiply a number, as powers of ten."""
# A number does not begin inside a word or another number. A hyphen after a word, a number or a bracket is no sign, nor
# is "minus" after a number. A letter multiplies where it can hardly be a unit: 5k, 5M, $5 m; not 5 m, 300 K.
_NUMBER = re.compile(
    rf"""
    (?: (?<![\w.,)\]]) (?P<sign>[-+{_DASHES}]) | (?<![\d)\]%$]\s) \b (?P<word>(?i:minus|negative)) \s{{1,3}} )?
    (?: (?<![A-Za-z]) \\? (?P<currency>[$€£¥₹]) \s? (?P<inner>[-{_DASHES}])? )?
    (?<![^\W_])(?<![0-9]\.)
    (?P<body>
        (?<!/) (?:(?P<whole>[0-9]{{1,3}})\s)? [0-9]{{1,30}} / 0{{0,9}}[1-9][0-9]{{0,30}} (?![\w/]|[.,][0-9])
      | (?<![0-9],) [1-9][0-9]{{0,2}} (?P<sep>[{_SEPARATORS}]) [0-9]{{3}} (?: (?P=sep) [0-9]{{3}} )* (?![0-9])
            (?: \.[0-9]+ | (?!(?P=sep)),[0-9]+ )?
      | (?<![0-9],) [1-9][0-9]? (?:,[0-9]{{2}}){{1,9}} ,[0-9]{{3}} (?!,?[0-9]) (?:\.[0-9]+)?
      | [0-9]{{1,3}} (?: (?:\.[0-9]{{3}}){{2,}} (?![0-9.]) (?:,[0-9]+)? | \.[0-9]{{3}},[0-9]+ )
      | (?<![0-9],) [0-9]+,[0-9]+ (?!,?[0-9])
      | [0-9]+ (?:\.[0-9]+)?
      | (?<!\w)\.[0-9]+
    )
    (?: [eE](?P<exp>[-+]?[0-9]{{1,4}})(?![0-9]) | \s?[x×*·]\s?10\^\{{?(?P<power>[-+{_DASHES}]?[0-9]{{1,4}})\}}? )?
    (?: (?P<percent>\s?\\?%|\s?(?i:percent)\b)
      | [\s~-]?(?P<scale>(?i:thousand|million|billion|trillion|lakh|crore|tsd|mn|mln|mio|bn|mrd|tn))s?(?![^\W_])
      | (?P<letter>(?(currency)\s?[kKmMbBtT]|[kKMB]))(?![\w^²³/]) )?
    """,
    re.VERBOSE,
)  # fmt: skip
# As LaTeX writes them: fractions, thousands, and the powers of units (25 cm^2), which are no numbers of their own.
_FRACTION = re.compile(r"([0-9])?\\[dt]?frac\s?(?:\{\s?([-+]?[0-9]+)\s?\}|([0-9]))\s?(?:\{\s?([0-9]+)\s?\}|([0-9]))")
_UNIT_POWER = re.compile(rf"(?<=[A-Za-z}}])\^(?:\{{[-{_DASHES}]?[0-9]+\}}|[-{_DASHES}]?[0-9]+)")
_TEN_TO = re.compile(rf"(?<![\d.^x×*·])(?<![x×*·]\s)10\^(?=\{{?[-{_DASHES}]?[0-9])")
_GLUED = re.compile(r"\b(?:EUR|USD|GBP|CHF|JPY|CAD|AUD|INR|CNY)(?=[0-9])")
_RAISED = re.compile("(?<=10)[⁻⁰¹²³⁴-⁹]+")
_LOWERED = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
_LATEX = (("{,}", ","), ("\\,", "\u202f"), ("\\!", ""), ("\\times", "×"), ("\\cdot", "·"))


@dataclass(frozen=True, slots=True)
class Number:
    """A number as written; `percent` when a percent sign follows it, `scale` for thousand (3), million (6), ...

    The value is neither divided nor multiplied.
    """

    value: Decimal
    percent: bool = False
    scale: int = 0

    def beside(self, wanted: "Number") -> tuple[Decimal, ...]:
        """What it can mean in the unit of `wanted`: `50%` is 50 or 0.5 when that one carries no percent sign.

        So is `5 million` 5 or 5,000,000, unless that one carries a word of that kind, too.
        """
        if self.percent != wanted.percent:
            return self.value, _CONTEXT.scaleb(self.value, -2 if self.percent else 2)
        if self.scale != wanted.scale:
            whole = _CONTEXT.scaleb(self.value, self.scale - wanted.scale)
            return (whole,) if self.scale and wanted.scale else (self.value, whole)
        return (self.value,)

    def __str__(self) -> str:
        scale = f" × 10^{self.scale}" if self.scale else ""
        return f"{wording.clip(f'{self.value:g}', 60)}{'%' if self.percent else ''}{scale}"


def numbers(text: str) -> list[Number]:
    """Every number in a text, in order: thousands separators, currency, percent, exponents, decimal commas, fractions.

    `1,234` and `1.234.567` have separators, `1.234` and `1,5` have decimals. Numbers of over 100 digits are left out.
    """
    found = (_read(m) for m in _NUMBER.finditer(_plain(text)))
    return [n for n in found if n is not None]


def _plain(text: str) -> str:
    for written, meant in _LATEX:
        text = text.replace(written, meant)
    text = _GLUED.sub(r"\g<0> ", text)
    text = _FRACTION.sub(lambda m: f"{f'{m[1]} ' if m[1] else ''}{m[2] or m[3]}/{m[4] or m[5]}", text)
    return _TEN_TO.sub("1·10^", _UNIT_POWER.sub("", _RAISED.sub(lambda m: f"^{m[0].translate(_LOWERED)}", text)))


def _read(match: re.Match[str]) -> Number | None:
    body = match["body"]
    if len(body) > _MAX_DIGITS:
        return None
    separator = match["sep"]
    if separator:
        body = body.replace(separator, "")
    if body.count(",") > 1:  # 12,34,567
        body = body.replace(",", "")
    if body.count(".") > 1 or ("." in body and "," in body):  # 1.234.567,89
        body = body.replace(".", "")
    top, _, bottom = body.replace(",", ".").partition("/")
    exponent = (match["exp"] or match["power"] or "0").translate(_MINUS)
    if bottom:  # 3 1/2 is 7/2
        top = str(int(match["whole"] or 0) * int(bottom) + int(top.split()[-1]))
    sign = "-" if "-" in _signs(match) else ""
    value = _CONTEXT.divide(_CONTEXT.create_decimal(f"{sign}{top}E{exponent}"), Decimal(bottom or 1))
    scale = _SCALES[(match["scale"] or match["letter"]).strip().lower()] if match["scale"] or match["letter"] else 0
    return Number(value, match["percent"] is not None, scale) if value.is_finite() else None


def _signs(match: re.Match[str]) -> str:
    word = "-" if match["word"] else ""
    return f"{word}{match['sign'] or ''}{match['inner'] or ''}".translate(_MINUS)


@dataclass(frozen=True, slots=True)
class _Numeric:
    spec: GraderSpec
    tolerance: Decimal
    relative: Decimal

    def problem(self, task: Task) -> str | None:
        bad = next((e for e in task.expected if not numbers(e)), None)
        if bad is not None:
            return f"grader '{self.spec.type}': the expected answer {wording.quoted(bad)} holds no number"
        return wording.no_expected(self.spec, task)

    def grade(self, task: Task, trajectory: Trajectory, /) -> Score:
        answer = wording.answer_of(trajectory, self.problem(task))
        wanted = [numbers(e)[-1] for e in task.expected]
        given = numbers(answer)
        if not given:
            why = f"no number found in {wording.quoted(answer)}; expected {wording.either(task.expected)}"
            hint = "no number found in the answer"
            return wording.scored(self.spec, 0.0, False, why=why, hint=hint, bare=hint)
        said = str(given[-1])
        if self._near_any(given[-1], wanted):
            return wording.right(self.spec, answer, f"right: {said}")
        why = f"expected {wording.either(task.expected)}, got {said}"
        return wording.scored(self.spec, 0.0, False, why=why, hint=self._hint(given, wanted), bare="wrong number")

    def _hint(self, given: Sequence[Number], wanted: Sequence[Number]) -> str:
        if len(given) == 1:
            return "off by more than the tolerance"
        several = f"several numbers found ({len(given)}), the last one counts"
        if any(self._near_any(n, wanted) for n in given[:-1]):
            return f"{several}; an accepted number stands before it: end with the answer"
        return f"{several}; it is off by more than the tolerance"

    def _near_any(self, number: Number, wanted: Sequence[Number]) -> bool:
        return any(self._near(value, other.value) for other in wanted for value in number.beside(other))

    def _near(self, number: Decimal, wanted: Decimal) -> bool:
        distance = _CONTEXT.abs(_CONTEXT.subtract(number, wanted))
        slack = _CONTEXT.multiply(self.relative, _CONTEXT.abs(wanted))
        return distance <= max(self.tolerance, slack)


def numeric(spec: GraderSpec, judge: JudgeModel | None, /) -> Grader:
    """The answer's last number is an expected one.

    Options: `tolerance` (absolute, in the unit of the expected number; 0) and `relative` (a share of the expected
    number, 0); the larger one counts. `50%` may be 50 or 0.5, and `5 million` 5 or 5,000,000, unless the other number
    has such a sign or word, too.
    """
    del judge
    check_options(spec, {"tolerance": (int, float), "relative": (int, float)})
    return _Numeric(spec, _distance(spec, "tolerance"), _distance(spec, "relative"))


def _distance(spec: GraderSpec, key: str) -> Decimal:
    value = spec.options.get(key, 0)
    if not isinstance(value, (int, float)) or not 0 <= value <= sys.float_info.max:
        raise ConfigError(f"grader '{spec.type}': option '{key}' must be 0 or more, not {str(value)[:40]}")
    return Decimal(str(value))
