"""Methods of training compared on one suite: a row each, and a duel for each two of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Literal

from skillopt_ci.core.compare import Comparison, compare
from skillopt_ci.core.history import TrainResult
from skillopt_ci.core.rollout import Evaluation
from skillopt_ci.core.spend import Spend
from skillopt_ci.core.task import Task

Winner = Literal["a", "b"]


@dataclass(frozen=True, kw_only=True)
class MethodRow:
    """What one method made of the skill; None is not measured.

    Attributes:
        result: None when the method ended before it had one; `message` says why.
        test: the final skill on the test split.
        comparison: start against final skill there; None when the skill is the start, unchanged.
        rollouts: that its search took, of the ration.
        recorded: what its search used at recorded prices, whoever bought it: equal for equal work.
        paid: of that, what this command bought.
        run_dir: its run folder, as a user would type it; empty when there is none.
    """

    method: str
    result: TrainResult | None
    test: Evaluation | None = None
    comparison: Comparison | None = None
    rollouts: int = 0
    recorded: Spend = field(default_factory=Spend)
    paid: Spend = field(default_factory=Spend)
    run_dir: str = ""
    exit_code: int = 0
    message: str = ""


@dataclass(frozen=True, kw_only=True)
class Duel:
    """Two methods' final skills on the same tasks: `comparison` is b against a as its base, so positive means b."""

    a: str
    b: str
    same_skill: bool
    comparison: Comparison | None

    @property
    def better(self) -> Winner | None:
        """The one whose advantage the interval shows; None when it shows none."""
        effect = self.comparison.effect if self.comparison else None
        if effect is None or self.same_skill or (self.comparison and self.comparison.too_much_missing):
            return None
        return "b" if effect.low > 0 else "a" if effect.high < 0 else None

    def wins(self, side: Winner) -> int:
        """Tasks on which a side is better."""
        outcome = "improved" if side == "b" else "regressed"
        return sum(p.outcome == outcome for p in self.comparison.pairs) if self.comparison else 0


@dataclass(frozen=True, kw_only=True)
class Contest:
    """The methods on one skill.

    Attributes:
        rollouts: the ration: target rollouts that every search may take.
        runs: per test task and skill.
        sizes: tasks per split.
        closing: cost of the closing measurement of all final skills together, at recorded prices.
        opened: how many times the test split was opened for this suite, these runs included.
    """

    name: str
    path: str
    target: str
    harness: str
    seed: int
    generation: int
    rollouts: int
    runs: int
    sizes: Mapping[str, int]
    rows: tuple[MethodRow, ...]
    duels: tuple[Duel, ...]
    closing: Spend
    opened: int


@dataclass(frozen=True, kw_only=True)
class ContestReport:
    """A whole `compare`."""

    exit_code: int
    contests: tuple[Contest, ...] = ()
    paid: Spend = field(default_factory=Spend)
    replayed: Spend = field(default_factory=Spend)
    message: str = ""


def duels(rows: Sequence[MethodRow], tasks: Sequence[Task]) -> tuple[Duel, ...]:
    """Every two methods whose final skills were measured, in the order of the rows."""
    found = []
    for first, second in combinations([r for r in rows if r.test is not None and r.result is not None], 2):
        assert first.test and second.test and first.result and second.result  # noqa: S101, PT018 - just looked
        same = first.result.best.digest == second.result.best.digest
        comparison = None if same else compare(first.test, second.test, tasks)
        found.append(Duel(a=first.method, b=second.method, same_skill=same, comparison=comparison))
    return tuple(found)
