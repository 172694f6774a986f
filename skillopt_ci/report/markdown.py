"""Summaries of `gate` and `eval` in Markdown, first what happened. Held-out tasks are ids only.

The wording never says that nothing regressed: a gate can show a loss, rule one out, or leave it open.
"""

from collections.abc import Sequence

from skillopt_ci.core.rollout import Evaluation
from skillopt_ci.core.texts import plural
from skillopt_ci.core.verdict import EvalEntry, EvalReport, GateReport, SkillVerdict
from skillopt_ci.report.escape import md_fence, md_text
from skillopt_ci.report.parts import SIMULATED, bounds, capped, gain, ids, points, spending, table
from skillopt_ci.report.scores import score_notes
from skillopt_ci.report.training import pull_request_sections, train_summary
from skillopt_ci.report.triggering import triggers_line
from skillopt_ci.report.verdicts import WORDS, power_words, reader_notes, suite_words, verdict_words

__all__ = ["eval_summary", "gate_summary", "pull_request_sections", "train_summary", "verdict_line"]


def gate_summary(report: GateReport, *, simulated: bool) -> str:
    """The summary of `gate`: the outcome of each changed skill, the numbers, the tasks that changed, spend."""
    blocks = [SIMULATED] if simulated else []
    word = WORDS.get(report.verdict or "", "NO VERDICT")
    told = any(v.message == report.message for v in report.skills)  # it stands beside the skill
    said = "" if told else md_text(report.message or ("" if report.skills else report.reason))
    blocks.append(f"## Skill gate: {word}")
    blocks += [said] if said else []
    if report.head_policy:
        blocks.append("**Judged by the head's own rules and tasks (`--with-head-policy`)**: a trial, not a gate.")
    for v in report.skills:
        blocks.append(f"**{md_text(v.name, 100)}** on {md_text(v.target, 100)}: {verdict_line(v)}")
    measured = [v for v in report.skills if v.comparison is not None]
    if measured:
        head = ("Skill", "Target", "Base", "Head", "This suite (pt)", "All tasks like these (pt)", "Rounds", "Tokens")
        blocks.append(table(head, [_row(v) for v in measured]))
        blocks.append("95% intervals, not adjusted for early stopping.")
    for v in measured:
        name = _named(v, report.skills)
        blocks += [*_about(v, name), *_changed_tasks(v, name)]
    if report.policy_changed:
        blocks.append(f"Changed here and not yet in force, the base's hold: {ids(report.policy_changed)}.")
    blocks += [_refs(report), spending(report.paid, report.replayed), *_policy(report)]
    return capped(blocks)


def verdict_line(v: SkillVerdict) -> str:
    """One skill's outcome in one line of safe Markdown."""
    return ": ".join(verdict_words(v, md_text, ids))


def _named(one: SkillVerdict | EvalEntry, others: Sequence[SkillVerdict | EvalEntry]) -> str:
    """The skill, with its target where it was measured on several."""
    alone = len({other.target for other in others if other.name == one.name}) < 2
    return md_text(one.name, 100) if alone else f"{md_text(one.name, 100)} on {md_text(one.target, 100)}"


def _about(v: SkillVerdict, name: str) -> list[str]:
    """What a reader should know about one measured comparison besides its verdict."""
    lines = reader_notes(v, md_text, ids)
    passes_some = v.base is None or v.base.mean != 0  # where nothing passes, nothing can be lost
    if v.minimum_detectable_effect is not None and v.margin is not None and passes_some:
        lines.append(power_words(v.minimum_detectable_effect, v.margin))
    return [f"{name}: {line}" for line in lines]


def _policy(report: GateReport) -> list[str]:
    """What the head does to the rules it is not judged by."""
    blocks = [f"- {suite_words(s, md_text, ids)}" for s in report.suite_edits]
    blocks = ["\n".join(blocks)] if blocks else []
    for path, diff in report.policy_diffs:
        blocks += [f"{md_text(path, 200)}:", md_fence(diff, "diff")]
    return ["### Policy changed: not in force, and not run", *blocks] if blocks else []


def eval_summary(report: EvalReport, *, simulated: bool) -> str:
    """The summary of `eval`: a score with its interval per skill, what failed, spend."""
    blocks = [SIMULATED] if simulated else []
    blocks.append("## Skill scores" if report.entries else "## Nothing was scored")
    if report.message:
        blocks.append(f"**{md_text(report.message)}**")
    if report.entries:
        head = ("Skill", "Target", "Split", "Score", "95% CI", "Tasks", "Runs", "Tokens")
        blocks.append(table(head, [_eval_row(e) for e in report.entries]))
    for entry in report.entries:
        blocks += _eval_tasks(entry, _named(entry, report.entries))
    blocks.append(spending(report.paid, report.replayed))
    return capped(blocks)


def _row(v: SkillVerdict) -> tuple[str, ...]:
    effect = v.comparison.effect if v.comparison else None
    suite = v.suite_effect
    return (
        md_text(v.name, 100),
        md_text(v.target, 100),
        _runs(v.base),
        _runs(v.head),
        f"{gain(suite.mean)} {bounds(suite)}" if suite else "not measured",
        f"{gain(effect.mean)} {bounds(effect)}" if effect else "not measured",
        str(v.rounds),
        f"{_count(v.base_tokens)} -> {_count(v.head_tokens)}",
    )


def _runs(side: Evaluation | None) -> str:
    """A mean with the number of runs behind it."""
    return "not measured" if side is None else f"{points(side.mean)} ({side.n_runs} runs)"


def _changed_tasks(v: SkillVerdict, name: str) -> list[str]:
    pairs = v.comparison.pairs if v.comparison else ()
    moved = [p for p in pairs if p.outcome in ("regressed", "improved")]
    missing = [p.task_id for p in pairs if p.outcome == "not-measured"]
    blocks = []
    if moved:
        moved.sort(key=lambda p: ((p.head or 0.0) - (p.base or 0.0), p.task_id))
        words = {"regressed": "worse", "improved": "better"}
        rows = [(md_text(p.task_id, 100), points(p.base), points(p.head), words[p.outcome]) for p in moved[:50]]
        more = f"\n\nand {len(moved) - 50} more." if len(moved) > 50 else ""
        blocks += [
            f"### Tasks of {name} that moved",
            "One task alone moves by chance; the verdict is about all of them.",
        ]
        blocks += [table(("Task", "Base", "Head", "Outcome"), rows) + more]
    if missing:
        blocks.append(f"Not measured on both sides: {ids(missing)}.")
    return blocks


def _refs(report: GateReport) -> str:
    base = f"{md_text(report.base_ref or 'unknown')} ({_sha(report.base_sha)})"
    policy = f", configuration and tasks from {_sha(report.policy_sha)}" if report.policy_sha else ""
    head = f"{md_text(report.head_ref or 'working tree')} ({_sha(report.head_sha)})"
    return f"Base: {base}{policy}. Head: {head}."


def _sha(sha: str | None) -> str:
    return md_text(sha[:12]) if sha else "not a commit"


def _eval_row(e: EvalEntry) -> tuple[str, ...]:
    means = [m for m in e.evaluation.means.values() if m is not None]
    low_high = e.evaluation.interval
    return (
        md_text(e.name, 100),
        md_text(e.target, 100),
        md_text(e.split),
        points(e.evaluation.mean),
        f"[{points(low_high[0])}, {points(low_high[1])}]" if low_high else "not measured",
        f"{len(means)} of {len(e.evaluation.task_ids)}",
        str(e.evaluation.n_runs),
        str(e.tokens),
    )


def _eval_tasks(entry: EvalEntry, name: str) -> list[str]:
    blocks = [md_text(entry.message)] if entry.message else []
    blocks += [f"{name}: {triggers_line(entry.triggers)}."] if entry.triggers else []
    blocks += [f"{name}: {note}" for note in score_notes(entry, ids)]
    if lost := [task for task, mean in entry.evaluation.means.items() if mean is not None and mean < 1]:
        blocks.append(f"{name}: {plural(len(lost), 'task')} below 100: {ids(lost)}.")
    return blocks


def _count(value: int | None) -> str:
    return "-" if value is None else str(value)
