"""Whole comparisons by the gate that measures (`engine.merge.MergeGate`): bases that are old or missing.

The other cells hand the decision rule its runs. Here the gate itself asks for them, run by run, as it does at work.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from gate_cells import BASE_RUNS, edit
from gate_worlds import MERGE_BETA, Rng, bootstrap, mcnemar, naive, runs, suite

from skillopt_ci.core.merge_gate import MergeRule
from skillopt_ci.core.rollout import Rollout, Sample, Score
from skillopt_ci.core.skill import parse_skill
from skillopt_ci.core.task import Source, Task
from skillopt_ci.core.trajectory import Trajectory
from skillopt_ci.engine.lab import Job
from skillopt_ci.engine.merge import GateSettings, MergeGate

BASE, HEAD = (parse_skill(name.encode(), path="SKILL.md", name=name) for name in ("base", "head"))
_ANSWER = Trajectory(messages=(), stop_reason="stop", served_model="m")
_SCORES = {value: Score(value=value, passed=value >= 1, why="", hint="") for value in (0.0, 0.25, 0.5, 0.75, 1.0)}


class World:
    """Stands where the lab does: the n-th run of a side on a task is drawn once."""

    def __init__(self, rng: Rng, now_base: "np.ndarray", now_head: "np.ndarray", most: int) -> None:
        self._outcomes = {
            BASE.digest: runs(rng, now_base, most, "ushape"),
            HEAD.digest: runs(rng, now_head, most, "ushape"),
        }
        self.rollouts = 0

    def sample(self, task: Task, stream: str, n: int = 0) -> Sample:
        return Sample(task_id=task.id, stream=stream, n=n)

    def roll_out(self, jobs: Sequence[Job], **_: object) -> list[Rollout]:
        self.rollouts += len(jobs)
        return [_rollout(job.sample, self._outcomes[job.skill.digest][int(job.task.id)][job.sample.n]) for job in jobs]


def _rollout(sample: Sample, value: float) -> Rollout:
    return Rollout(skill="", sample=sample, outcome=_SCORES[value], trajectory=_ANSWER)


def path_cell(
    n_tasks: int, stored: int, moved: float | None, effect: float | None, repeats: int, seed: tuple[int, ...]
) -> Counter[str]:
    """Gates whose base has `stored` runs, older than a day; since then the model has `moved` (None: it has not).

    The head differs from today's base by `effect`.
    """
    rng, rule = np.random.default_rng(seed), MergeRule()
    counts: Counter[str] = Counter()
    tasks = [Task(id=str(i), prompt="", source=Source(file="", line=1)) for i in range(n_tasks)]
    for _ in range(repeats):
        then = suite(rng, "ushape", n_tasks, MERGE_BETA)
        base = then if moved is None or moved > 0 else edit(rng, then, moved)
        if moved is not None and moved > 0:  # losses can be made to measure, gains cannot: go back in time
            then, base = edit(rng, then, -moved), then
        head = edit(rng, base, effect)
        world = World(rng, base, head, most=8)
        old = runs(rng, then, stored, "ushape") if stored else [[] for _ in tasks]
        rows = [
            [_rollout(world.sample(t, "base", n), v) for n, v in enumerate(row)]
            for t, row in zip(tasks, old, strict=True)
        ]
        settings = GateSettings(rule=rule, base_runs=BASE_RUNS, guard=bool(stored), session="s")
        outcome = MergeGate(world, (BASE, HEAD), tasks, rows, settings).run()  # type: ignore[arg-type]
        final = outcome.final
        counts.update({final.decision: 1, "rounds": final.round, "n": 1, "rollouts": world.rollouts})
        counts["dropped"] += any("dropped" in note for note in outcome.notes)
        b = np.array([row[0] for row in (old if stored else world._outcomes[BASE.digest])])
        h = np.array(world._outcomes[HEAD.digest])[:, 0]
        counts.update({"naive": naive(b, h), "McNemar": mcnemar(b, h), "bootstrap": bootstrap(rng, h - b)[1] < 0})
    return counts
