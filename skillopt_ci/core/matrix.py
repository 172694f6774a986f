"""Versions of a skill over targets and harnesses, each with and without: does what helps here help there?"""

from dataclasses import dataclass, field
from typing import Literal

from skillopt_ci.core.compare import Comparison
from skillopt_ci.core.rollout import Evaluation
from skillopt_ci.core.spend import Spend

Word = Literal["helps", "harms", "not-shown"]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One version on one target and harness.

    Attributes:
        version: `configured`, the path of a file, or a git ref.
        sha: the commit of a git ref.
        tokens: rough size of the body.
        effect: without a skill as base, with this version as head.
        against: the first version as base, this one as head; None for the first version itself.
    """

    name: str
    path: str
    version: str
    sha: str | None
    target: str
    harness: str
    digest: str
    tokens: int
    without: Evaluation
    having: Evaluation
    effect: Comparison
    against: Comparison | None

    @property
    def word(self) -> Word | None:
        """What the interval of the effect shows; None when too much is missing."""
        effect = self.effect.effect
        if effect is None or self.effect.too_much_missing:
            return None
        return "helps" if effect.low > 0 else "harms" if effect.high < 0 else "not-shown"


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """A whole `eval --matrix`; `opened` counts how often the test split was looked at, None for another split."""

    exit_code: int
    split: str
    runs: int
    cells: tuple[Cell, ...] = ()
    opened: int | None = None
    paid: Spend = field(default_factory=Spend)
    replayed: Spend = field(default_factory=Spend)
    message: str = ""
