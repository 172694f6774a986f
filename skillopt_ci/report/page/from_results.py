"""The pages of `gate` and `eval`, built from what the commands return."""

from collections.abc import Iterable, Mapping

from skillopt_ci.core.rollout import Evaluation, Rollout, Score
from skillopt_ci.core.suite_effect import run_variance
from skillopt_ci.core.verdict import EvalEntry, EvalReport, GateReport, SkillVerdict
from skillopt_ci.report.page.earlier import earlier_runs
from skillopt_ci.report.page.model import Report, Side, Subject, Talk, TaskRow, Tone
from skillopt_ci.report.page.power import power_of
from skillopt_ci.report.parts import points
from skillopt_ci.report.scores import score_notes
from skillopt_ci.report.triggering import trigger_notes
from skillopt_ci.report.verdicts import WORDS, plain_ids, plain_line, reader_notes, suite_words

MAX_TALKS = 1500
_TONES: dict[str | None, Tone] = {"pass": "good", "regression": "bad", "inconclusive": "unsure"}
_SENTENCES = {
    "pass": "A loss of the margin or more is ruled out.",
    "regression": "The change makes the skill worse.",
    "inconclusive": "Neither a loss nor its absence is shown.",
    "not-applicable": "There is nothing to compare.",
}


def gate_page(report: GateReport, histories: Mapping[str, bytes], *, simulated: bool) -> Report:
    """The page of a gate. `histories` are the committed history files by the name of the skill."""
    said = _SENTENCES.get(report.verdict or "", "The gate came to no verdict.")
    listed = [v for v in report.skills if v.comparison is not None or len(report.skills) == 1]
    if len(report.skills) == 1:
        said = plain_line(report.skills[0])
    notes = []
    if report.head_policy:
        notes.append("Judged by the head's own rules and tasks (--with-head-policy): a trial, not a gate.")
    if report.policy_changed:
        notes.append(f"Changed here and not yet in force, the base's hold: {', '.join(report.policy_changed[:50])}.")
    notes += [f"Not in force: {suite_words(edits, str, plain_ids)}." for edits in report.suite_edits]
    facts = (
        ("Base", report.base_ref),
        ("Base commit", report.base_sha),
        ("Rules and tasks from", report.policy_sha),
        ("Head", report.head_ref or "working tree"),
        ("Head commit", report.head_sha or "not a commit"),
    )
    digests = [
        (f"{v.name}, {side}", digest)
        for v in report.skills
        for side, digest in (("base", v.base_digest), ("head", v.head_digest))
        if digest
    ]
    return Report(
        title="Skill gate" + (f": {listed[0].name}" if len(listed) == 1 else ""),
        tone=_TONES.get(report.verdict, "plain"),
        word=WORDS.get(report.verdict or "", "NO VERDICT"),
        sentence=_sentence(said),
        simulated=simulated,
        message=report.message,
        notes=tuple(notes),
        subjects=tuple(_verdict(v, histories.get(v.name, b"")) for v in report.skills),
        paid=report.paid,
        replayed=report.replayed,
        costs=report.costs,
        facts=tuple((name, value) for name, value in [*facts, *digests] if value),
        policy=report.policy_diffs,
    )


def eval_page(report: EvalReport, *, title: str, simulated: bool) -> Report:
    """The page of `eval` or `baseline`: scores, no comparison."""
    told = "; ".join(
        f"{e.name} on {e.target}: {points(e.evaluation.mean)} of 100 on {len(e.evaluation.task_ids)} {e.split} tasks"
        for e in report.entries[:3]
    )
    more = len(report.entries) - 3
    return Report(
        title=title,
        tone="bad" if report.exit_code else "plain",
        word="TOO MUCH MISSING" if report.exit_code else "MEASURED",
        sentence=(told or "Nothing was scored.") + (f"; and {more} more" if more > 0 else ""),
        simulated=simulated,
        message=report.message,
        subjects=tuple(map(_scored, report.entries)),
        paid=report.paid,
        replayed=report.replayed,
        facts=tuple((f"{e.name}, {e.target}", e.digest) for e in report.entries),
    )


def _verdict(v: SkillVerdict, history: bytes) -> Subject:
    rows: tuple[TaskRow, ...] = ()
    if v.base is not None and v.head is not None:
        pairs = zip(v.base.task_ids, v.base.values, v.head.values, strict=True)
        rows = tuple(TaskRow(id=task, old=old, new=new) for task, old, new in pairs)
    power = None
    if v.rule is not None and v.base is not None and v.look is not None and v.look.n_tasks:
        stored = round(v.base.n_runs / max(1, len(v.base.task_ids)))
        variance = run_variance(v.base.values)
        power = power_of(v.rule, n_tasks=v.look.n_tasks, base_runs=stored, variance=variance, used=v.rounds)
    measured = v.comparison is not None
    return Subject(
        name=v.name,
        target=v.target,
        tone=_TONES.get(v.verdict, "plain"),
        word=WORDS.get(v.verdict or "", "NO VERDICT"),
        sentence=plain_line(v),
        old=_side("Base", v.base, v.base_tokens),
        new=_side("Head", v.head, v.head_tokens),
        effect=v.comparison.effect if v.comparison else None,
        effect_label="head minus base, for all tasks like these; not adjusted for early stopping" if measured else "",
        suite_effect=v.suite_effect,
        margin=v.margin,
        texts=v.texts,
        tasks=rows,
        power=power,
        earlier=earlier_runs(history),
        notes=tuple(reader_notes(v, str, plain_ids)),
        talks=_talks(v.rollouts, "head"),
        talks_left_out=max(0, len(v.rollouts) - MAX_TALKS),
    )


def _scored(e: EvalEntry) -> Subject:
    return Subject(
        name=e.name,
        target=e.target,
        word="",
        sentence=e.message,
        old=_side(f"Score on {e.split}", e.evaluation, e.tokens),
        tasks=tuple(
            TaskRow(id=task, old=values)
            for task, values in zip(e.evaluation.task_ids, e.evaluation.values, strict=True)
        ),
        notes=(
            *filter(None, (e.message, *trigger_notes((e.name, e.triggers)))),
            *map(_sentence, score_notes(e, plain_ids)),
        ),
        talks=_talks(e.rollouts, e.split),
        talks_left_out=max(0, sum(r.trajectory is not None for r in e.rollouts) - MAX_TALKS),
    )


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


def _side(label: str, measured: Evaluation | None, tokens: int | None) -> Side:
    interval = measured.interval if measured else None
    return Side(
        label=label,
        mean=measured.mean if measured else None,
        low=interval[0] if interval else None,
        high=interval[1] if interval else None,
        tokens=tokens,
        runs=measured.n_runs if measured else None,
    )


def _talks(rollouts: Iterable[Rollout], where: str) -> tuple[Talk, ...]:
    return tuple(_talk(r, where) for r in [r for r in rollouts if r.trajectory is not None][:MAX_TALKS])


def _talk(rollout: Rollout, where: str) -> Talk:
    t, outcome = rollout.trajectory, rollout.outcome
    assert t is not None  # noqa: S101 - only those with one are asked for
    said: list[tuple[str, str]] = [(m.role, m.content) for m in t.messages]
    said += [("tool", f"{c.name} {c.arguments} {c.result}") for c in t.tool_calls]
    why = outcome.why if isinstance(outcome, Score) else f"no result: {outcome.kind}"
    return Talk(
        where=f"{where}, run {rollout.sample.n + 1}",
        task=rollout.sample.task_id,
        score=rollout.value,
        why=why,
        messages=tuple(said),
    )
