"""The same advice in other words: of the edits that each did well alone, those that a better one makes needless."""

from collections.abc import Sequence

from skillopt_ci.core.history import EditRecord
from skillopt_ci.core.rollout import Rollout
from skillopt_ci.core.screening import Verdict, adds, repeats, without_it
from skillopt_ci.core.skill import Skill
from skillopt_ci.engine.lab import Job
from skillopt_ci.engine.looks import SCREEN, Looks
from skillopt_ci.engine.state import Bench, State

Runs = list[tuple[str, float | None]]
BATCH = 3  # rollouts at once


def without_repeats(bench: Bench, looks: Looks, state: State, records: Sequence[EditRecord]) -> list[Rollout]:
    """Reject what repeats a better edit of the step, one after another, the best first.

    The better ones are run on the tasks that the edit mended. Where they mend them, too, it must help beside them. No
    edit takes more rollouts than screening allows one.

    Args:
        bench: measures, in the stream `screen`.
        looks: what the edits did alone; its `words` and `repeats` are changed.
        state: what the edits stand beside.
        records: the step's edits, by the indices of `looks`.

    Returns:
        The rollouts that were taken.
    """
    gains = {i: found.gain for i, found in looks.found.items() if found is not None and looks.words[i] == "keep"}
    measured = _Measured(bench, looks)
    kept: list[int] = []
    for i in sorted(gains, key=lambda i: -gains[i]) if bench.settings.screen.distinct else ():
        others = state.trying([records[j] for j in kept])
        both = state.trying([records[j] for j in (*kept, i)])
        if kept and others.digest != both.digest and _is_repeat(measured, looks, i, (others, both)):
            looks.words[i] = "reject"
            looks.repeats.add(i)
        else:
            kept.append(i)
    return measured.taken


class _Measured:
    """Runs of skills in the stream `screen`, none of them taken twice."""

    def __init__(self, bench: Bench, looks: Looks) -> None:
        self.rule = bench.settings.screen
        self.taken: list[Rollout] = []
        self._lab = bench.lab
        self._tasks = {t.id: t for t in bench.train}
        alone = [
            (i, place, value)
            for i, places in looks.places.items()
            for place, value in zip(places, looks.values[i], strict=True)
        ]
        self._known = {(looks.skills[i].digest, *place): value for i, place, value in alone}

    def runs(self, skill: Skill, places: Sequence[tuple[str, int]]) -> Runs:
        """(task, score) of a skill at (task, run) places."""
        fresh = [at for at in places if (skill.digest, *at) not in self._known]
        jobs = [Job(skill, self._tasks[t], self._lab.sample(self._tasks[t], SCREEN, n)) for t, n in fresh]
        taken = self._lab.roll_out(jobs, what="screening of an edit beside better ones") if jobs else []
        self._known |= {(skill.digest, *at): r.value for at, r in zip(fresh, taken, strict=True)}
        self.taken += taken
        return [(at[0], self._known[skill.digest, *at]) for at in places]


def _is_repeat(measured: _Measured, looks: Looks, index: int, skills: tuple[Skill, Skill]) -> bool:
    """Whether an edit is needless beside others; `skills`: with the others, and with the edit, too."""
    rule, (others, both) = measured.rule, skills
    alone = looks.runs(index)
    without = without_it([t for t, _ in alone], looks.control)
    mended = [at for at, (t, v) in zip(looks.places[index], alone, strict=True) if v is not None and v > without[t]]
    beside, together = Runs(), Runs()
    word: Verdict = "more"
    for places in _batched(mended[: rule.runs]):
        beside += measured.runs(others, places)
        word = repeats(beside, alone, without)
        if word != "more":
            break
    if word != "reject":
        return False
    for places in _batched(mended[: rule.runs]):
        together += measured.runs(both, places)
        word = adds(together, beside)
        if word != "more":
            break
    return word != "keep"


def _batched(places: Sequence[tuple[str, int]]) -> list[Sequence[tuple[str, int]]]:
    return [places[at : at + BATCH] for at in range(0, len(places), BATCH)]
