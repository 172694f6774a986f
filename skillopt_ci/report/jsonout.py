"""The `--json` results, exactly as documented. What was not measured is null, never 0."""

import json
from collections.abc import Sequence

from skillopt_ci.core.compare import Comparison
from skillopt_ci.core.history import Confirmation, TrainResult, effect_json, rounded
from skillopt_ci.core.rollout import Evaluation
from skillopt_ci.core.spend import Spend
from skillopt_ci.core.verdict import EvalEntry, EvalReport, GateReport, SkillVerdict, TrainEntry
from skillopt_ci.report.triggering import both_json, triggers_json

Json = dict[str, object]


def dump(value: object) -> str:
    """JSON for a file: sorted keys, two spaces, a newline at the end; lone surrogates as escapes, so it is UTF-8."""
    text = json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "backslashreplace").decode("utf-8") + "\n"


def dump_line(value: object) -> str:
    """JSON for a line of JSONL, as `dump` in everything else."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "backslashreplace").decode("utf-8") + "\n"


def gate_json(report: GateReport, *, simulated: bool = False) -> Json:
    """`skillopt-ci/gate/1`."""
    return marked(
        {
            "schema": "skillopt-ci/gate/1",
            "verdict": report.verdict,
            "reason": report.reason,
            "exit_code": report.exit_code,
            "base": {"ref": report.base_ref, "sha": report.base_sha, "policy_sha": report.policy_sha},
            "head": {"ref": report.head_ref, "sha": report.head_sha},
            "policy_changed": list(report.policy_changed),
            "skills": [_verdict(v) for v in report.skills],
            "spend": spend_json(report.paid, report.replayed),
            **_policy(report),
        },
        report.message,
        simulated,
    )


def train_json(entries: Sequence[TrainEntry], *, exit_code: int, message: str = "", simulated: bool = False) -> Json:
    """`skillopt-ci/train/1`."""
    return marked(
        {
            "schema": "skillopt-ci/train/1",
            "exit_code": exit_code,
            "proposal": any(e.proposal for e in entries),
            "skills": [_training(e) for e in entries],
        },
        message,
        simulated,
    )


def eval_json(report: EvalReport, *, simulated: bool = False) -> Json:
    """`skillopt-ci/eval/1`."""
    return marked(
        {
            "schema": "skillopt-ci/eval/1",
            "exit_code": report.exit_code,
            "skills": [_evaluation(e) for e in report.entries],
            "spend": spend_json(report.paid, report.replayed),
        },
        report.message,
        simulated,
    )


def error_json(
    command: str, *, exit_code: int, reason: str, message: str, spent: tuple[Spend, Spend] | None = None
) -> Json:
    """The result of a command that ended before it had one: no verdict, nothing measured.

    `spent` is what it paid and replayed until then; None for one that had not begun to spend.
    """
    value: Json = {"schema": f"skillopt-ci/{command}/1", "exit_code": exit_code, "reason": reason, "message": message}
    if command == "gate":
        value = gate_json(GateReport(verdict=None, reason=reason, exit_code=exit_code, message=message))
    if command == "train":
        value = {**train_json((), exit_code=exit_code, message=message), "reason": reason}
    if command == "eval":
        value = {**eval_json(EvalReport(exit_code=exit_code, message=message)), "reason": reason}
    return {**value, "spend": spend_json(*spent)} if spent else value


def spend_json(paid: Spend, replayed: Spend) -> Json:
    """What was paid now, and what was replayed from the ledger."""
    return {"paid": paid.as_json(), "replayed": replayed.as_json()}


def marked(value: Json, message: str, simulated: bool) -> Json:
    """The result with words where there are some, and with `simulated: true` where no real model was asked."""
    return {**value, **({"message": message} if message else {}), **({"simulated": True} if simulated else {})}


def _verdict(v: SkillVerdict) -> Json:
    c = v.comparison
    measured = [p for p in c.pairs if p.base is not None and p.head is not None] if c else []
    entry: Json = {
        "name": v.name,
        "path": v.path,
        "target": v.target,
        "harness": v.harness,
        "verdict": v.verdict,
        "reason": v.reason,
        "rounds": v.rounds,
        "base": side_json(v.base_digest, v.base, v.base_tokens),
        "head": side_json(v.head_digest, v.head, v.head_tokens),
        "effect": _effect(c),
        "suite_effect": effect_json(v.suite_effect),
        "p": rounded(v.look.p) if v.look else None,
        "golden_failed": list(v.golden_failed),
        "golden_armed": v.golden_armed,
        "suspects": list(v.suspects),
        "minimum_detectable_effect": rounded(v.minimum_detectable_effect),
        "n_tasks": len(measured) if c else None,
        "n_rollouts": {"base": v.base.n_runs if v.base else 0, "head": v.head.n_runs if v.head else 0},
        "tasks": [
            {"id": p.task_id, "base": rounded(p.base), "head": rounded(p.head), "outcome": p.outcome}
            for p in (c.pairs if c else ())
        ],
    }
    said = {"message": v.message} if v.message else {}
    return {**entry, **(_details(v) if c else {}), **both_json("base", "head", v.triggers), **said}


def _details(v: SkillVerdict) -> Json:
    """What a measured comparison has to say besides."""
    return {
        "margin": v.margin,
        "p_threshold": rounded(v.look.threshold) if v.look else None,
        "intervals": "not adjusted for early stopping",
        "notes": list(v.notes),
        "test_opened": v.test_opened,
    }


def _policy(report: GateReport) -> Json:
    """What the head does to the rules, only where there is something to say."""
    suites = [
        {
            "skill": s.skill,
            "added": list(s.added),
            "removed": list(s.removed),
            "changed": [{"id": task, "fields": list(fields)} for task, fields in s.changed],
            "unreadable": s.unreadable or None,
        }
        for s in report.suite_edits
    ]
    diffs = [{"path": path, "diff": diff} for path, diff in report.policy_diffs]
    edits: Json = {"policy_edits": {"diffs": diffs, "tasks": suites}} if suites or diffs else {}
    return {**edits, **({"head_policy": True} if report.head_policy else {})}


def _training(entry: TrainEntry) -> Json:
    r = entry.result
    value: Json = {
        "name": entry.name,
        "run_id": entry.run_id,
        "run_dir": entry.run_dir,
        "generation": entry.generation,
        "exit_code": entry.exit_code,
        "proposal": entry.proposal,
        "start": r.start.digest if r else None,
        "best": r.best.digest if r else None,
        "steps": len(r.steps) if r else None,
        "accepted": len(r.accepted) if r else None,
        "rejected": len(r.rejected) if r else None,
        "stopped": r.stopped if r else None,
        "selection": {"start": rounded(r.start_val.mean), "best": rounded(r.best_val_mean)} if r else None,
        "test": _test(r, entry.test_opened) if r else None,
        "targets": _targets(entry, r) if r else None,
        "tokens": {"start": r.start.tokens, "best": r.best.tokens} if r else None,
        "spend": spend_json(entry.paid, entry.replayed),
        "costs": [cost.as_json() for cost in entry.costs],
    }
    against: Json = {"objections": list(entry.objections)} if entry.objections else {}
    return {**value, **against, **({"message": entry.message} if entry.message else {})}


def _test(result: TrainResult, opened: int) -> Json | None:
    """The closing comparison; where nothing was trained the skill's own measurement, which has no effect."""
    if result.confirmation is not None:
        return _confirmation(result, result.confirmation, opened)
    if result.closing is None:
        return None
    own = side_json(result.start.digest, result.closing, result.start.tokens)
    return {
        "n_tasks": sum(m is not None for m in result.closing.means.values()),
        "start": own,
        "best": own,
        "effect": None,
        "confidence_better": None,
        "runs": max(map(len, result.closing.values)),
        "opened": opened,
    }


def _targets(entry: TrainEntry, result: TrainResult) -> list[Json]:
    """The closing comparison on every target; `trained` marks the one that training used."""
    found = [(entry.target, True, result.confirmation), *((o.target, False, o.confirmation) for o in result.others)]
    return [
        {"target": label, "trained": trained, "test": _confirmation(result, c, entry.test_opened) if c else None}
        for label, trained, c in found
    ]


def _confirmation(result: TrainResult, c: Confirmation, opened: int) -> Json:
    return {
        "n_tasks": sum(p.base is not None and p.head is not None for p in c.comparison.pairs),
        "start": side_json(result.start.digest, c.start, result.start.tokens),
        "best": side_json(result.best.digest, c.best, result.best.tokens),
        "effect": _effect(c.comparison),
        "confidence_better": rounded(c.comparison.confidence_better),
        "runs": c.runs,
        "opened": opened,
        **both_json("start", "best", c.triggers),
    }


def _evaluation(entry: EvalEntry) -> Json:
    e = entry.evaluation
    value: Json = {
        "name": entry.name,
        "path": entry.path,
        "target": entry.target,
        "harness": entry.harness,
        "split": entry.split,
        **side_json(entry.digest, e, entry.tokens),
        "n_tasks": sum(m is not None for m in e.means.values()),
        "n_rollouts": e.n_runs,
        "missing_share": rounded(e.missing_share),
        "tasks": [{"id": task, "mean": rounded(mean)} for task, mean in e.means.items()],
    }
    value |= triggers_json(entry.triggers)
    return {**value, **({"message": entry.message} if entry.message else {})}


def side_json(digest: str | None, evaluation: Evaluation | None, tokens: int | None) -> Json:
    """A skill with its mean and the 95% interval of that mean over the population of tasks."""
    interval = evaluation.interval if evaluation else None
    return {
        "digest": digest,
        "mean": rounded(evaluation.mean) if evaluation else None,
        "low": rounded(interval[0]) if interval else None,
        "high": rounded(interval[1]) if interval else None,
        "tokens": tokens,
    }


def _effect(comparison: Comparison | None) -> Json | None:
    effect = comparison.effect if comparison else None
    if effect is None:
        return None
    return {
        "mean": rounded(effect.mean),
        "low": rounded(effect.low),
        "high": rounded(effect.high),
        "confidence": effect.confidence,
    }
