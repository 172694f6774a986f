"""The same advice in other words: of the edits that each did well alone, those that a better one makes needless."""

from collections.abc import Sequence

from skillopt_ci.core.history import EditRecord
from skillopt_ci.core.rollout import Rollout
from skillopt_ci.core.screening import REPEAT_LOOKS, Verdict, adds, repeats
from skillopt_ci.core.skill import Skill
from skillopt_ci.engine.lab import Job
from skillopt_ci.engine.looks import SCREEN, Looks
from skillopt_ci.engine.state import Bench, State

Runs = list[tuple[str, float | None]]


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
    taken: list[Rollout] = []
    kept: list[int] = []
    for i in sorted(gains, key=lambda i: -gains[i]):
        skill = state.trying([records[j] for j in kept])
        both = state.trying([records[j] for j in (*kept, i)])
        if kept and bench.settings.screen.distinct and skill.digest != both.digest:
            known = dict(zip(looks.plans[kept[0]], looks.values[kept[0]], strict=False)) if len(kept) == 1 else {}
            word, more = _compared(bench, looks, i, (skill, both), known)
            taken += more
            if word == "reject":
                looks.words[i] = word
                looks.repeats.add(i)
                continue
        kept.append(i)
    return taken


def _compared(
    bench: Bench,
    looks: Looks,
    index: int,
    skills: tuple[Skill, Skill],
    known: dict[tuple[str, int], float | None],
) -> tuple[Verdict, list[Rollout]]:
    """Whether an edit is needed beside others; `skills`: with the others, and with the edit, too."""
    rule = bench.settings.screen
    without, runs = looks.without(index, others=False), looks.runs(index)
    plan = [at for at, (t, v) in zip(looks.plans[index], runs, strict=False) if v is not None and v > without[t]]
    left = rule.most_runs - len(runs)
    beside, taken = Runs(), list[Rollout]()
    word: Verdict = "more"
    for at in range(0, min(len(plan), left, REPEAT_LOOKS * rule.runs), rule.runs):
        now = plan[at : min(at + rule.runs, left)]
        fresh = _taken(bench, skills[0], [place for place in now if place not in known])
        known |= {(r.sample.task_id, r.sample.n): r.value for r in fresh}
        taken += fresh
        beside += [(place[0], known[place]) for place in now]
        word = repeats(beside, runs, without)
        if word != "more":
            break
    if word != "reject":
        return "keep", taken
    left -= len(beside)
    together = Runs()
    for at in range(0, min(len(plan), left), rule.runs):
        fresh = _taken(bench, skills[1], plan[at : min(at + rule.runs, left)])
        taken += fresh
        together += [(r.sample.task_id, r.value) for r in fresh]
        word = adds(together, beside, rule)
        if word != "more":
            break
    return ("keep" if word == "keep" else "reject"), taken


def _taken(bench: Bench, skill: Skill, places: Sequence[tuple[str, int]]) -> list[Rollout]:
    tasks = {t.id: t for t in bench.train}
    jobs = [Job(skill, tasks[t], bench.lab.sample(tasks[t], SCREEN, n)) for t, n in places]
    return bench.lab.roll_out(jobs, what="screening of an edit beside better ones") if jobs else []
