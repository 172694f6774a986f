"""The story of a training in Markdown: for summaries, run folders and pull requests. Held-out tasks are ids only."""

from collections.abc import Sequence

from skillopt_ci.core.history import Confirmation, EditRecord, Step, TrainResult
from skillopt_ci.core.rollout import Evaluation
from skillopt_ci.core.stats import Effect
from skillopt_ci.core.texts import plural
from skillopt_ci.core.verdict import TrainEntry
from skillopt_ci.report.edits import REASON_CHARS, became, kept_scores, not_kept, reason_of
from skillopt_ci.report.escape import md_fence, md_text
from skillopt_ci.report.parts import (
    PULL_REQUEST_LIMIT,
    SIMULATED,
    capped,
    fitting,
    gain,
    ids,
    interval,
    points,
    spending,
    table,
)
from skillopt_ci.report.triggering import trigger_notes

MAX_REJECTED = 30
MAX_CHART_STEPS = 60
_NOT_SHOWN = "Improvement not shown"
_SURE = 0.9995  # what would be rounded to 100%


def train_summary(entries: Sequence[TrainEntry], *, simulated: bool, charts: bool = False) -> str:
    """The summary of `train`: what happened, then test and selection scores, steps, edits, tasks, spend.

    `charts`: for a page that draws Mermaid, such as a job's summary on GitHub.
    """
    blocks = [SIMULATED] if simulated else []
    for entry in entries:
        sections = _sections(entry)
        details = next((at for at, text in enumerate(sections) if text.startswith("### ")), len(sections))
        drawn = chart(entry.result) if charts and entry.result is not None else []
        blocks += [f"## {_title(entry)}", *sections[:details], *drawn, *sections[details:]]
    return capped(blocks if entries else [*blocks, "No skill was trained."])


def pull_request_sections(entry: TrainEntry, *, simulated: bool) -> tuple[str, ...]:
    """The parts of a pull request's body, most important first; joined by blank lines they fit into one."""
    return tuple(fitting([*([SIMULATED] if simulated else []), *_sections(entry)], PULL_REQUEST_LIMIT))


def chart(r: TrainResult) -> list[str]:
    """The validation score of the kept skill after each step, for Mermaid; numbers only, no text of a model."""
    scores = kept_scores(r.steps, (r.start_val.mean, r.best_val_mean))
    if not 2 <= len(scores) <= MAX_CHART_STEPS:
        return []
    axis = ", ".join(f'"{n}"' for n in range(len(scores)))
    line = ", ".join(f"{100 * score:.1f}" for score in scores)
    return [
        "```mermaid\nxychart-beta\n"
        '    title "Validation score after each step (selection estimate)"\n'
        f'    x-axis "step" [{axis}]\n    y-axis "points" 0 --> 100\n    line [{line}]\n```'
    ]


def headline(entry: TrainEntry) -> str:
    """What happened, in one sentence (plain text, but for the message it may quote: escaped)."""
    r = entry.result
    if r is None:
        return unfinished_words(md_text(entry.message))
    if r.closing is not None:
        return untrained_words(r.closing.mean)
    effect = r.confirmation.comparison.effect if r.confirmation is not None else None
    confirmed = r.confirmation is not None
    return outcome_words(
        md_text(r.stopped),
        changed=r.changed(),
        confirmed=confirmed,
        proposal=entry.proposal,
        effect=effect,
        against=md_text("; ".join(entry.objections)),
    )


def unfinished_words(message: str) -> str:
    """What is said of a training without a result."""
    return f"Training did not finish: {message or 'no reason was given'}"


def untrained_words(mean: float | None) -> str:
    """What is said of a skill that was only measured."""
    return f"Nothing was trained; the skill as it is scores {points(mean)} on the test split."


def outcome_words(
    stopped: str, *, changed: bool, confirmed: bool, proposal: bool, effect: Effect | None, against: str = ""
) -> str:
    """What a finished training found, in one sentence; `stopped` and `against` are taken over as they are."""
    if not changed:
        return f"No candidate was accepted; the skill is unchanged ({stopped})."
    if not confirmed:
        return f"{_NOT_SHOWN}: the closing comparison on the test split was not made ({stopped})."
    if against:
        return f"Improvement shown on the target that was trained on, and not proposed: {against}."
    if proposal and effect is not None and effect.low <= 0:
        return f"Improvement shown on the test split, one-sided only: the {interval(effect)} includes 0."
    return "Improvement shown on the test split." if proposal else f"{_NOT_SHOWN} on the test split."


def test_line(result: TrainResult, opened: int) -> str:
    """The one claim of a run: start against best on the test split, with its interval."""
    c = result.confirmation
    touched = "touched once" if opened == 1 else f"opened {opened} times for this suite"
    if result.closing is not None:
        return _unchanged(result.closing, touched)
    if c is None:
        return f"Test split: not opened. {_validation(result)}".rstrip()
    effect = c.comparison.effect
    if effect is None:
        return f"Test split ({touched}): nothing was measured on both sides. {_validation(result)}"
    n = sum(p.base is not None and p.head is not None for p in c.comparison.pairs)
    runs = plural(c.runs, "run")
    line = (
        f"Test split ({touched}): {points(c.start.mean)} -> {points(c.best.mean)}, {gain(effect.mean)} pt, "
        f"{interval(effect)}, {n} tasks x {runs} per arm. {_validation(result)}"
    )
    if c.comparison.too_much_missing:
        missing = max(c.comparison.missing_base, c.comparison.missing_head)
        line += f" {missing:.0%} of the runs are missing: too many to decide."
    elif effect.low <= 0 <= effect.high:
        line += f" The interval includes 0.{_confidence(c)}"
    else:
        line += _confidence(c)
    return line


def others_line(entry: TrainEntry, result: TrainResult) -> str:
    """What the claim is about, and the effects on targets that were only measured."""
    told = []
    for other in result.others:
        effect = other.confirmation.comparison.effect if other.confirmation else None
        shown = "not measured" if effect is None else f"{gain(effect.mean)} pt, {interval(effect)}"
        told.append(f"{md_text(other.target, 100)}: {shown}")
    return f"That is {md_text(entry.target, 100)}, which it was trained on. Other targets: {'; '.join(told)}."


def _unchanged(closing: Evaluation, touched: str) -> str:
    """The one figure of a run that trains nothing."""
    means = [m for m in closing.means.values() if m is not None]
    found = closing.interval
    shown = "nothing was measured" if found is None else points(closing.mean)
    told = "" if found is None else f", 95% CI [{points(found[0])}, {points(found[1])}], {len(means)} tasks"
    return f"Test split ({touched}): {shown}{told}."


def _sections(entry: TrainEntry) -> list[str]:
    r = entry.result
    sections = [f"**{headline(entry)}**"]
    if r is not None:
        sections.append(test_line(r, entry.test_opened))
        if r.others and r.confirmation is not None:
            sections.append(others_line(entry, r))
        if r.confirmation is not None:
            start, best = r.confirmation.triggers
            sections += trigger_notes(("Start", start), ("Best", best))
        if entry.message and entry.message != r.stopped:  # the first line has that
            sections.append(md_text(entry.message))
        sections.append(_facts(entry, r))
    sections.append(spending(entry.paid, entry.replayed))
    return [*sections, *_tasks(r), *_accepted(r), *_steps(r), *_rejected(r)] if r is not None else sections


def _title(entry: TrainEntry) -> str:
    return f"Training of {md_text(entry.name, 100)}"


def _validation(result: TrainResult) -> str:
    if result.best_val_mean is None:
        return ""
    return f"Validation score {points(result.best_val_mean)} was used for selection and is optimistic."


def _confidence(c: Confirmation) -> str:
    confidence = c.comparison.confidence_better
    if confidence is None:
        return ""
    # No number of tasks makes anything certain.
    words = (
        "above 99.9%" if confidence > _SURE else "below 0.1%" if confidence < 1 - _SURE else f"{100 * confidence:.1f}%"
    )
    return f" One-sided confidence that the best skill is better: {words}."


def _tasks(result: TrainResult) -> list[str]:
    if result.confirmation is None:
        return []
    outcomes: dict[str, list[str]] = {"improved": [], "regressed": [], "not-measured": []}
    for pair in result.confirmation.comparison.pairs:
        if pair.outcome in outcomes:
            outcomes[pair.outcome].append(pair.task_id)
    named = (("Better", "improved"), ("Worse", "regressed"), ("Not measured", "not-measured"))
    lines = [f"- {word} ({len(outcomes[key])}): {ids(outcomes[key])}" for word, key in named if outcomes[key]]
    return ["### Tasks of the test split that changed\n\n" + "\n".join(lines)] if lines else []


def _accepted(result: TrainResult) -> list[str]:
    blocks = []
    pruned = {r.edit.key() for step in result.accepted for r in step.edits if r.status == "pruned"}
    for step in result.accepted:
        for record in step.edits:
            if record.status == "kept" and record.edit.key() not in pruned:
                blocks.append(f"**Step {step.number}: {record.edit.op}**{_why(record)}\n\n{_diff(record)}")
    return [f"### Accepted edits\n\n{blocks[0]}", *blocks[1:]] if blocks else []


def _why(record: EditRecord) -> str:
    said = f" {md_text(record.edit.rationale, 500)}" if record.edit.rationale.strip() else ""
    evidence = f" (train tasks: {ids(record.edit.evidence)})" if record.edit.evidence else ""
    return said + evidence


def _diff(record: EditRecord) -> str:
    """An edit as a diff: what it takes away and what it brings."""
    edit = record.edit
    gone = edit.target.splitlines() if edit.op != "add" else []
    came = edit.content.splitlines() if edit.op != "delete" else []
    where = [f"  {line}" for line in edit.target.splitlines()] if edit.op == "add" else []
    return md_fence("\n".join([*where, *(f"- {x}" for x in gone), *(f"+ {x}" for x in came)]), "diff")


def _steps(result: TrainResult) -> list[str]:
    if not result.steps:
        return []
    head = ("Step", "Epoch", "Kind", "Result", "Validation (selection estimate)", "Edits", "Reason")
    return ["### Steps\n\n" + table(head, [_row(step) for step in result.steps])]


def _row(step: Step) -> tuple[str, ...]:
    counts: dict[str, int] = {}
    for record in step.edits:
        counts[record.status] = counts.get(record.status, 0) + 1
    edits = ", ".join(f"{n} {status.replace('-', ' ')}" for status, n in counts.items()) or "none"
    result = {"accept": "accepted", "reject": "rejected", "skip": "skipped"}[step.action]
    kind = step.kind.replace("_", " ")
    return (
        str(step.number),
        str(step.epoch),
        kind,
        result,
        _estimate(step),
        edits,
        md_text(reason_of(step), 200) or "-",
    )


def _estimate(step: Step) -> str:
    d = step.decision
    if d is None:
        return "not gated"
    if d.mean is not None:
        return f"{points(d.incumbent_mean)} -> {points(d.mean)} ({gain(d.mean - d.incumbent_mean)})"
    if d.upper_bound is not None:
        return f"{points(d.incumbent_mean)} -> at most {points(d.upper_bound)} (stopped early)"
    return "not measured"


def _rejected(result: TrainResult) -> list[str]:
    lines = []
    for step, record in not_kept(result.steps):
        what = md_text(record.edit.content or record.edit.target, 160)
        reason = md_text(record.reason or step.reason, REASON_CHARS)
        lines.append(f"- Step {step.number}, {record.edit.op}, {became(step, record)}: {what} ({reason})")
    if not lines:
        return []
    more = [f"- and {len(lines) - MAX_REJECTED} more"] if len(lines) > MAX_REJECTED else []
    return ["### Edits that were not kept\n\n" + "\n".join([*lines[:MAX_REJECTED], *more])]


def _facts(entry: TrainEntry, r: TrainResult) -> str:
    return (
        f"Run {md_text(entry.run_id[:12])}, generation {entry.generation}: {plural(len(r.steps), 'step')}, "
        f"{len(r.accepted)} accepted, {len(r.rejected)} rejected; ended: {md_text(r.stopped)}. "
        f"Skill size: {r.start.tokens} -> {r.best.tokens} tokens (rough)."
    )
