"""Pruning: before a run ends, what does not carry its weight is taken out again."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from skillopt_ci.core.costs import PRUNE_ROUNDS, PRUNE_RUNS
from skillopt_ci.core.edit import Edit, apply_edits
from skillopt_ci.core.history import EditRecord, EditStatus, Step
from skillopt_ci.core.rollout import Failure
from skillopt_ci.core.screening import spread
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.spend import Spend
from skillopt_ci.core.statements import unmarked
from skillopt_ci.core.strict import TOLERANCE
from skillopt_ci.core.texts import lf, plural
from skillopt_ci.core.training_gate import STRICT, TrainingRule
from skillopt_ci.engine.decide import decide, empty, fitting_rule
from skillopt_ci.engine.lab import Job
from skillopt_ci.engine.looks import SCREEN
from skillopt_ci.engine.state import Bench, State
from skillopt_ci.engine.steps import skipped

# What an edit's own tasks must score without it, as a share of what validation tasks score with it.
DOES_WITHOUT = 0.75
# Runs of one look, and how near to that a first look leaves it open.
LOOK = PRUNE_RUNS // 2
UNCLEAR = 0.25
# The longer text must show that it is better, with the evidence that the gate `careful` wants: its runs were good
# enough to be accepted, and flatter it.
LONGER = TrainingRule(max_rounds=PRUNE_ROUNDS, min_evidence=1.4, min_accept_round=1, incumbent_runs=1)


def undo(skill: Skill, edit: Edit) -> Edit | None:
    """The edit that takes another one out of the skill it is in and leaves less text; None when there is none.

    It takes out whole lines: of a longer one the text may have become a part of what another edit says there.
    """
    content = edit.content.strip("\n")
    if edit.op == "add":
        back = Edit(op="delete", target=content, content="", rationale=edit.rationale, evidence=edit.evidence)
    elif edit.op == "replace" and len(edit.target) < len(content):
        back = replace(edit, target=content, content=edit.target)
    else:
        return None
    done = apply_edits(skill, [back])
    cut = _lines(done.skill.body) - _lines(skill.body) - _lines(back.content)
    return back if done.applied and len(done.skill.body) < len(skill.body) and not cut else None


def _lines(text: str) -> "Counter[str]":
    """What every line says, and how often."""
    return Counter(said for line in lf(text).split("\n") if (said := unmarked(line)))


def removable(state: State) -> list[tuple[Edit, Edit]]:
    """(edit, its removal) of every edit of this run that is in the skill and can be taken out by itself."""
    kept = [r.edit for s in state.steps if s.action == "accept" and s.kind == "edit" for r in s.edits]
    held = {r.edit.key() for s in state.steps if s.action == "accept" for r in s.edits if r.status == "kept"}
    found = [(e, back) for e in kept if e.key() in held and (back := undo(state.skill, e)) is not None]
    return list({back.key(): (e, back) for e, back in found}.values())


def prune_cost(state: State, bench: Bench) -> int:
    """Rollouts that pruning will take about: what to keep back for it."""
    lines = len(removable(state)) if bench.settings.prune else 0
    return lines * LOOK + 2 * len(bench.val) if lines else 0


def prune_step(bench: Bench, state: State, epoch: int) -> Step:
    """Take out every edit whose own tasks do without it, unless the longer skill shows that it is better."""
    before = bench.spent()
    blank = state.blank_step(epoch, "prune", 0)
    suspects, blank = _suspects(bench, state, blank)
    if not suspects:
        return skipped(bench, blank, "every edit carries its weight", before)
    return _gated(bench, state, blank, suspects, before)


def prune_again(bench: Bench, state: State, last: Step) -> Step | None:
    """Try the better half of a removal that was not accepted; None when there is no half."""
    records = [
        replace(r, reason=r.reason.removeprefix(f"{last.reason}: ")) for r in last.edits if r.status == "undecided"
    ]
    if last.action != "reject" or not records:
        return None
    return _gated(bench, state, state.blank_step(last.epoch, "prune", 0), records, bench.spent())


def _suspects(bench: Bench, state: State, blank: Step) -> tuple[list[EditRecord], Step]:
    """Edits whose own train tasks pass without them, the surest first; unclear ones are looked at twice."""
    tasks = {t.id: t for t in bench.train}
    lines = removable(state)
    plans = [spread([i for i in e.evidence if i in tasks], PRUNE_RUNS, seed=bench.settings.seed) for e, _ in lines]
    values: list[list[float | None]] = [[] for _ in lines]
    shorter = [apply_edits(state.skill, [back]).skill for _, back in lines]
    enough = DOES_WITHOUT * state.mean
    waiting = [i for i, plan in enumerate(plans) if plan]
    for at in range(0, PRUNE_RUNS, LOOK):
        wanted = [(i, t, n) for i in waiting for t, n in plans[i][at : at + LOOK]]
        jobs = [Job(shorter[i], tasks[t], bench.lab.sample(tasks[t], SCREEN, n)) for i, t, n in wanted]
        rollouts = bench.lab.roll_out(jobs, what=f"the skill without each of {len(waiting)} edits")
        failures = tuple(r.outcome for r in rollouts if isinstance(r.outcome, Failure))
        blank = replace(blank, rollouts=(*blank.rollouts, *rollouts), failures=(*blank.failures, *failures))
        for (i, _, _), rollout in zip(wanted, rollouts, strict=True):
            values[i].append(rollout.value)
        waiting = [i for i in waiting if (mean := _mean(values[i])) is not None and abs(mean - enough) < UNCLEAR]
    found = {i: mean for i, row in enumerate(values) if (mean := _mean(row)) is not None}
    passing = [i for i, mean in found.items() if mean + TOLERANCE >= enough]
    order = sorted(passing, key=lambda i: (-found[i], len(lines[i][0].evidence)))
    return [EditRecord(edit=lines[i][0], status="kept", reason=_without(found[i], values[i])) for i in order], blank


def _without(mean: float, values: Sequence[float | None]) -> str:
    runs = sum(v is not None for v in values)
    return f"its own tasks score {100 * mean:.0f} without it ({plural(runs, 'run')})"


def _mean(values: Sequence[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return math.fsum(known) / len(known) if known else None


def _gated(bench: Bench, state: State, blank: Step, suspects: list[EditRecord], before: Spend) -> Step:
    candidate = state.skill
    gone: list[EditRecord] = []  # what finds no place when others are out stays
    for record in suspects:  # one after the other: neighbours share the blank line between them
        if back := undo(candidate, record.edit):
            candidate = apply_edits(candidate, [back]).skill
            gone.append(record)
    seen = [state.val, *(s.decision.evaluation for s in state.steps if s.decision and s.decision.evaluation)]
    rule = fitting_rule(LONGER, len(bench.val), seen)
    rule = rule if bench.settings.rule.max_rounds > 1 else STRICT
    found = decide(bench.lab, (candidate, state.skill), empty(candidate, bench.val), bench.val, rule, state.val)
    bench.checkpoint()
    unknown = found.reason == "infrastructure"
    shorter = not found.accept and not unknown
    decision = replace(
        found,
        accept=shorter,
        reason=found.reason if unknown else "no worse with less text" if shorter else "the longer skill is better",
        mean=found.incumbent_mean,
        incumbent_mean=found.mean if found.mean is not None else state.mean,
        effect=None,
        evaluation=found.incumbent,
        incumbent=found.evaluation,
    )
    half = len(gone) // 2
    records = []
    for at, record in enumerate(gone):
        status: EditStatus = "pruned" if shorter else "undecided" if unknown or at < half else "kept"
        records.append(replace(record, status=status, reason=f"{decision.reason}: {record.reason}"))
    return replace(
        blank,
        action="accept" if shorter else "skip" if unknown else "reject",
        reason=decision.reason,
        candidate=candidate,
        decision=decision,
        edits=tuple(records),
        cost=bench.spent().minus(before),
    )
