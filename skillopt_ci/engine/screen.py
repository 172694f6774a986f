"""Screening at work: every edit runs alone on its own evidence before any of them costs a validation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from skillopt_ci.core.costs import SCREENED
from skillopt_ci.core.edit import apply_edits
from skillopt_ci.core.history import EditRecord
from skillopt_ci.core.rollout import Rollout, Score
from skillopt_ci.core.screening import Screening, ScreenRule, Verdict, screened, tasks_of, verdict
from skillopt_ci.core.skill import Skill
from skillopt_ci.engine.lab import Job
from skillopt_ci.engine.state import Bench, State

SCREEN = "screen"


@dataclass
class _Looks:
    """The edits of a step under screening: by index, where to run them and what came of it."""

    plans: dict[int, list[tuple[str, int]]]
    found: dict[int, Screening | None]
    words: dict[int, Verdict]
    values: dict[int, list[float | None]] = field(default_factory=dict)


def screen(
    bench: Bench, state: State, records: Sequence[EditRecord], batch: Sequence[Rollout], budget: int
) -> tuple[list[EditRecord], tuple[Rollout, ...]]:
    """Run each edit that is `kept` so far alone, and keep those that help their own tasks, the best first.

    All edits of a look run together, so that what is bought depends on no order. When none is sure to help, those that
    help some stay; when none helps alone, the first of them are tried together.

    Args:
        bench: measures, in the stream `screen`.
        state: the incumbent.
        records: the step's edits in rank order.
        batch: rollouts of the step's train tasks with the incumbent: what each failure scored without the edit.
        budget: edits that the step may keep; `SCREENED` times as many are tried.

    Returns:
        The records, those that were kept by gain; and the rollouts that were taken.
    """
    rule = bench.settings.screen
    known = {r.edit.key(): r for r in state.rejected_alone}
    records = _within([known.get(r.edit.key(), r) if r.status == "kept" else r for r in records], budget, rule)
    scores = _failed(state, batch)
    plans = {
        i: tasks_of(r.edit.evidence, list(scores), rule, seed=bench.settings.seed)
        for i, r in enumerate(records)
        if r.status == "kept" and not _sure(r, rule)
    }
    looks = _Looks(plans, {}, {})
    skills = {i: apply_edits(state.skill, [*state.beside(records[i]), records[i].edit]).skill for i in plans}
    taken = _look(bench, skills, scores, looks, 1)
    taken += _look(bench, {i: s for i, s in skills.items() if looks.words[i] == "more"}, scores, looks, 2)
    sure = any(_sure(r, rule) for r in records) or "keep" in looks.words.values()
    if not sure:
        again = {i: s for i, s in skills.items() if looks.words[i] == "weak" and _runs(looks.found[i]) <= rule.runs}
        taken += _look(bench, again, scores, looks, 2)
        sure = "keep" in looks.words.values()
    if plans and not sure and "weak" not in looks.words.values():
        taken += _together(bench, state, records, scores, looks, budget)
    found = [
        _judged(r, looks.words[i], looks.found[i], "keep" if sure else "weak") if i in plans else r
        for i, r in enumerate(records)
    ]
    kept = sorted((r for r in found if r.status == "kept"), key=lambda r: -(r.screening.gain if r.screening else 0.0))
    return [*kept, *(r for r in found if r.status != "kept")], tuple(taken)


def _within(records: Sequence[EditRecord], budget: int, rule: ScreenRule) -> list[EditRecord]:
    """The records, those after the first that can be tried left out as over budget."""
    left = SCREENED * budget
    found = []
    for record in records:
        if record.status == "kept" and not _sure(record, rule):
            left -= 1
            if left < 0:
                reason = f"the step tries at most {SCREENED * budget} edits"
                record = replace(record, status="over-budget", reason=reason)  # noqa: PLW2901
        found.append(record)
    return found


def _failed(state: State, batch: Sequence[Rollout]) -> dict[str, float]:
    """What every train task scored when it was last tried, of those that did not pass."""
    last = {r.sample.task_id: r for s in state.steps for r in s.rollouts if r.sample.stream.startswith("train/")}
    last |= {r.sample.task_id: r for r in batch}
    now = {r.sample.task_id for r in batch}
    scored = {t: r.outcome for t, r in sorted(last.items(), key=lambda item: item[0] not in now)}
    return {t: o.value for t, o in scored.items() if isinstance(o, Score) and not o.passed}


def _sure(record: EditRecord, rule: ScreenRule) -> bool:
    """Screened in an earlier step and good enough: it only waits for a place."""
    return record.screening is not None and record.screening.gain >= rule.share


def _together(
    bench: Bench, state: State, records: Sequence[EditRecord], scores: Mapping[str, float], looks: _Looks, budget: int
) -> list[Rollout]:
    """Try the first edits that the step could keep as one: what helps only beside another shows here."""
    first = list(looks.plans)[:budget]
    evidence = [task for i in first for task in records[i].edit.evidence]
    plan = tasks_of(evidence, list(scores), bench.settings.screen, seed=bench.settings.seed)
    group = _Looks({0: plan}, {}, {})
    skill = apply_edits(state.skill, [*(r.edit for r in state.waiting), *(records[i].edit for i in first)]).skill
    taken = _look(bench, {0: skill}, scores, group, 1)
    if group.words[0] in ("more", "weak"):
        taken += _look(bench, {0: skill}, scores, group, 2)
    if group.words[0] in ("keep", "weak"):
        for i in first:
            looks.words[i], looks.found[i] = "weak", group.found[0]
    return taken


def _look(
    bench: Bench, skills: Mapping[int, Skill], scores: Mapping[str, float], looks: _Looks, look: int
) -> list[Rollout]:
    """Take the runs of one look, all edits together."""
    rule, tasks = bench.settings.screen, {t.id: t for t in bench.train}
    wanted = [(i, t, n) for i in skills for t, n in looks.plans[i][(look - 1) * rule.runs : look * rule.runs]]
    jobs = [Job(skills[i], tasks[t], bench.lab.sample(tasks[t], SCREEN, n)) for i, t, n in wanted]
    taken = bench.lab.roll_out(jobs, what=f"screening of {len(skills)} edits, each alone") if jobs else []
    for (i, _, _), rollout in zip(wanted, taken, strict=True):
        looks.values.setdefault(i, []).append(rollout.value)
    for i in skills:
        looks.found[i] = screened(looks.values.get(i, []), [scores[t] for t, _ in looks.plans[i]])
        looks.words[i] = verdict(looks.found[i], look, rule)
    return taken


def _runs(found: Screening | None) -> int:
    return found.runs if found else 0


def _judged(record: EditRecord, word: Verdict, found: Screening | None, best: Verdict) -> EditRecord:
    if word in ("keep", best) or found is None:
        return replace(record, screening=found)
    reason = f"alone it gained {100 * found.gain:+.0f} points on {found.runs} runs of its own train tasks"
    return replace(record, status="rejected-alone", reason=reason, screening=found)
