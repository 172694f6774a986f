"""What a report page says, as one frozen value: built from a run folder or from return values, rendered by `document`.

Scores are in [0, 1] (1.0 is 100 points); None is not measured.
"""

from dataclasses import dataclass
from typing import Literal

from skillopt_ci.core.history import Step
from skillopt_ci.core.spend import Spend, StageCost
from skillopt_ci.core.stats import Effect

Tone = Literal["good", "bad", "unsure", "plain"]
Outcome = Literal["won", "lost", "same", "not measured"]
Values = tuple[float | None, ...]
_SAME = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One version of a skill as it was measured: mean with its 95% interval, rough tokens."""

    label: str
    mean: float | None = None
    low: float | None = None
    high: float | None = None
    tokens: int | None = None
    runs: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRow:
    """A task's runs with the old and the new skill; `new` is empty where only one skill was measured.

    `cluster` is what the task stands or falls with, where that is known.
    """

    id: str
    old: Values
    new: Values = ()
    cluster: str | None = None

    @property
    def outcome(self) -> Outcome:
        """What the new skill did to it, by the means of its runs."""
        old, new = mean(self.old), mean(self.new)
        if old is None or new is None:
            return "not measured"
        return "same" if abs(new - old) <= _SAME else "won" if new > old else "lost"

    @property
    def flaky(self) -> bool:
        """Runs of the same skill disagree: its score is partly luck."""
        return any(spread(values) > _SAME for values in (self.old, self.new))


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """What was said while one task was worked on. `messages` are (role, text); text is cut where it is shown."""

    where: str
    task: str
    score: float | None
    why: str
    messages: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GatePower:
    """What the gate can show on a suite: (rounds, minimum detectable loss) for each look; `variance` of one run."""

    margin: float
    n_tasks: int
    base_runs: int
    looks: tuple[tuple[int, float], ...]
    used: int | None
    variance: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """One run, or a maintainer's word, in a skill's committed history; `released`: its pull request was merged."""

    run: str
    accepted: int
    rejected: tuple[tuple[str, str], ...]
    start: float | None = None
    best: float | None = None
    released: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetRow:
    """The closing comparison on one of several targets: mean scores of start and best; None was not measured."""

    target: str
    trained: bool
    old: float | None = None
    new: float | None = None
    effect: Effect | None = None
    n_tasks: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One skill on one target.

    Attributes:
        tone, word, sentence: the outcome.
        effect: for the population of tasks; `effect_label` says of what.
        suite_effect: for exactly these tasks.
        texts: the skill before and after; None when there is no difference to show.
        targets: of a training that measured several, the one it used first.
        steps: of a training.
        selection: validation means of start and best.
        notes: what a reader should know besides.
        talks: trajectories that may be shown; `talks_left_out` more are in files.
    """

    name: str
    target: str = ""
    tone: Tone = "plain"
    word: str = ""
    sentence: str = ""
    old: Side
    new: Side | None = None
    effect: Effect | None = None
    effect_label: str = ""
    suite_effect: Effect | None = None
    margin: float | None = None
    texts: tuple[str, str] | None = None
    targets: tuple[TargetRow, ...] = ()
    steps: tuple[Step, ...] = ()
    selection: tuple[float | None, float | None] | None = None
    tasks: tuple[TaskRow, ...] = ()
    power: GatePower | None = None
    earlier: tuple[Earlier, ...] = ()
    notes: tuple[str, ...] = ()
    talks: tuple[Talk, ...] = ()
    talks_left_out: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A whole page.

    Attributes:
        message: one line where the outcome needs it.
        facts: (name, value) of commits, digests and versions.
        config: the configuration as JSON text; empty when it is not part of the page.
        policy: (path, unified diff) of rules that the change would bring and that were not in force.
    """

    title: str
    tone: Tone
    word: str
    sentence: str
    simulated: bool
    subjects: tuple[Subject, ...] = ()
    message: str = ""
    notes: tuple[str, ...] = ()
    paid: Spend | None = None
    replayed: Spend | None = None
    costs: tuple[StageCost, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    config: str = ""
    policy: tuple[tuple[str, str], ...] = ()


def mean(values: Values) -> float | None:
    """Mean of the measured values; None when there is none."""
    got = [v for v in values if v is not None]
    return sum(got) / len(got) if got else None


def spread(values: Values) -> float:
    """Largest difference among the measured values."""
    got = [v for v in values if v is not None]
    return max(got) - min(got) if got else 0.0
