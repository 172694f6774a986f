"""The grader `numeric`: the last number of the answer, compared with the expected one."""

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Context, Decimal

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
# A number does not begin inside a word or another number. A hyphen after a word, a number or a bracket is no sign.
_NUMBER = re.compile(
    rf"""
    (?: (?<![\w.,)\]]) (?P<sign>[-+{_DASHES}]) )?
    (?: (?<![A-Za-z]) [$€£¥₹] \s? (?P<inner>[-{_DASHES}])? )?
    (?<![^\W_])(?<![0-9]\.)
    (?P<body>
        (?<![0-9],) [1-9][0-9]{{0,2}} (?P<sep>[{_SEPARATORS}]) [0-9]{{3}} (?: (?P=sep) [0-9]{{3}} )* (?![0-9])
            (?: \.[0-9]+ | (?!(?P=sep)),[0-9]+ )?
      | [0-9]{{1,3}} (?: (?:\.[0-9]{{3}}){{2,}} (?![0-9.]) (?:,[0-9]+)? | \.[0-9]{{3}},[0-9]+ )
      | (?<![0-9],) [0-9]+,[0-9]+ (?!,?[0-9])
      | [0-9]+ (?:\.[0-9]+)?
      | (?<!\w)\.[0-9]+
    )
    (?: [eE](?P<exp>[-+]?[0-9]{{1,4}})(?![0-9]) | \s?[x×*·]\s?10\^\{{?(?P<power>[-+{_DASHES}]?[0-9]{{1,4}})\}}? )?
    (?P<percent>\s?%)?
    """,
    re.VERBOSE,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Number:
    """A number as written; `percent` when a percent sign follows it (the value is not divided)."""

    value: Decimal
    percent: bool = False

    def readings(self, other: "Number") -> tuple[Decimal, ...]:
        """What it can mean beside `other`: `50%` is 50 or 0.5 when the other one carries no percent sign."""
        if self.percent and not other.percent:
            return self.value, _CONTEXT.divide(self.value, Decimal(100))
        return (self.value,)


def numbers(text: str) -> list[Number]:
    """Every number in a text, in order: thousands separators, currency, percent, exponents, decimal commas.

    `1,234` and `1.234.567` have separators, `1.234` and `1,5` have decimals. Numbers of over 100 digits are left out.
    """
    found = (_read(m) for m in _NUMBER.finditer(text))
    return [n for n in found if n is not None]


def _read(match: re.Match[str]) -> Number | None:
    body = match["body"]
    if len(body) > _MAX_DIGITS:
        return None
    separator = match["sep"]
    if separator:
        body = body.replace(separator, "")
    if body.count(".") > 1 or ("." in body and "," in body):  # 1.234.567,89
        body = body.replace(".", "")
    exponent = (match["exp"] or match["power"] or "0").translate(_MINUS)
    sign = "-" if "-" in _signs(match) else ""
    value = _CONTEXT.create_decimal(f"{sign}{body.replace(',', '.')}E{exponent}")
    return Number(value, match["percent"] is not None) if value.is_finite() else None


def _signs(match: re.Match[str]) -> str:
    return f"{match['sign'] or ''}{match['inner'] or ''}".translate(_MINUS)


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
        said = f"{wording.clip(f'{given[-1].value:g}', 60)}{'%' if given[-1].percent else ''}"
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
        return any(self._near(a, b) for other in wanted for a in number.readings(other) for b in other.readings(number))

    def _near(self, number: Decimal, wanted: Decimal) -> bool:
        distance = _CONTEXT.abs(_CONTEXT.subtract(number, wanted))
        slack = _CONTEXT.multiply(self.relative, _CONTEXT.abs(wanted))
        return distance <= max(self.tolerance, slack)


def numeric(spec: GraderSpec, judge: JudgeModel | None, /) -> Grader:
    """The answer's last number is an expected one.

    Options: `tolerance` (absolute, 0) and `relative` (a share of the expected number, 0); the larger one counts.
    """
    del judge
    check_options(spec, {"tolerance": (int, float), "relative": (int, float)})
    return _Numeric(spec, _distance(spec, "tolerance"), _distance(spec, "relative"))


def _distance(spec: GraderSpec, key: str) -> Decimal:
    value = spec.options.get(key, 0)
    if not isinstance(value, (int, float)) or not 0 <= value <= sys.float_info.max:
        raise ConfigError(f"grader '{spec.type}': option '{key}' must be 0 or more, not {str(value)[:40]}")
    return Decimal(str(value))
