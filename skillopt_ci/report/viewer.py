"""Runs in the layout that the viewer of skill-creator reads: `benchmark.json`, and a folder with `grading.json` a run.

Field names are those of its `references/schemas.md`; its `aggregate_benchmark.py` and `generate_review.py` read the
folder. The viewer puts texts into a script and into attributes of HTML, so what could end either is broken here.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from skillopt_ci.core.characters import visible
from skillopt_ci.core.rollout import Check, Rollout, Score
from skillopt_ci.core.task import Task
from skillopt_ci.core.texts import plural
from skillopt_ci.report.jsonout import dump

NEW, OLD, WITH, WITHOUT = "new_skill", "old_skill", "with_skill", "without_skill"
_HELD_OUT = "(held-out text, not shown: see report.show_heldout)"
_ENDS_SCRIPT = re.compile(r"<(?=/script|script|!--)", re.IGNORECASE)
Json = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One configuration: per task, its runs in order. Runs have their trajectories."""

    configuration: str
    rows: tuple[tuple[Rollout, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewed:
    """One skill on one target, measured in one or two configurations; the first is the one that matters.

    Attributes:
        shown: prompts, answers and evidence may be written; otherwise only numbers are.
        when: UTC, ISO 8601.
    """

    name: str
    path: str
    target: str
    judge: str
    tasks: tuple[Task, ...]
    arms: tuple[Arm, ...]
    shown: bool
    when: str

    @property
    def folder(self) -> str:
        """A name for its folder."""
        return re.sub(r"[^A-Za-z0-9._-]+", "-", self.name).strip(".-")[:80] or "skill"


def viewer_files(viewed: Viewed) -> dict[str, str]:
    """The texts of all files by their path in the folder."""
    files: dict[str, str] = {}
    runs: list[Json] = []
    missing: Counter[str] = Counter()
    for arm in viewed.arms:
        for number, (task, row) in enumerate(zip(viewed.tasks, arm.rows, strict=True), 1):
            measured = [r for r in row if isinstance(r.outcome, Score)]
            missing[arm.configuration] += len(row) - len(measured)
            for run, rollout in enumerate(measured, 1):
                place = f"eval-{number}/{arm.configuration}/run-{run}"
                grading = _grading(rollout, shown=viewed.shown)
                files[f"{place}/grading.json"] = dump(grading)
                files[f"{place}/timing.json"] = dump(_timing(rollout))
                files[f"{place}/eval_metadata.json"] = dump(_metadata(number, task, shown=viewed.shown))
                answer = rollout.trajectory.answer if rollout.trajectory else ""
                files[f"{place}/outputs/answer.md"] = _harmless(answer) if viewed.shown else _HELD_OUT + "\n"
                runs.append(_run(number, task, arm.configuration, run, grading))
        for number, task in enumerate(viewed.tasks, 1):
            files[f"eval-{number}/eval_metadata.json"] = dump(_metadata(number, task, shown=viewed.shown))
    files["benchmark.json"] = dump(_benchmark(viewed, runs, missing))
    return files


def _checks(score: Score, *, shown: bool) -> list[Json]:
    checks = score.checks or (Check(text="the answer is graded right", passed=score.passed, evidence=score.why),)
    if not shown:
        return [{"text": f"check {n}", "passed": c.passed, "evidence": ""} for n, c in enumerate(checks, 1)]
    return [
        # The viewer puts the evidence between double quotes of an attribute.
        {"text": _harmless(c.text), "passed": c.passed, "evidence": _harmless(c.evidence).replace('"', "'")}
        for c in checks
    ]


def _grading(rollout: Rollout, *, shown: bool) -> Json:
    score, trajectory = rollout.outcome, rollout.trajectory
    assert isinstance(score, Score)  # noqa: S101 - only measured runs come here
    expectations = _checks(score, shown=shown)
    passed = sum(bool(e["passed"]) for e in expectations)
    tools = Counter(visible(call.name)[:80] for call in trajectory.tool_calls) if trajectory else Counter[str]()
    messages = trajectory.messages if trajectory else ()
    return {
        "expectations": expectations,
        "summary": {
            "passed": passed,
            "failed": len(expectations) - passed,
            "total": len(expectations),
            "pass_rate": round(passed / len(expectations), 4),
        },
        "execution_metrics": {
            "tool_calls": dict(tools),
            "total_tool_calls": sum(tools.values()),
            "total_steps": sum(m.role == "assistant" for m in messages),
            "errors_encountered": 0,
            "output_chars": len(trajectory.answer) if trajectory else 0,
            "transcript_chars": sum(len(m.content) for m in messages),
        },
        "timing": _timing(rollout),
        "score": round(score.value, 4),
        "passed": score.passed,
    }


def _timing(rollout: Rollout) -> Json:
    trajectory = rollout.trajectory
    seconds = trajectory.seconds if trajectory else 0.0
    usage = trajectory.usage if trajectory else None
    return {
        "total_tokens": usage.input_tokens + usage.output_tokens if usage else 0,
        "duration_ms": round(1000 * seconds),
        "total_duration_seconds": round(seconds, 3),
        "executor_duration_seconds": round(seconds, 3),
    }


def _metadata(number: int, task: Task, *, shown: bool) -> Json:
    prompt = "\n\n".join(filter(None, (task.prompt, task.context)))
    return {"eval_id": number, "eval_name": _harmless(task.id), "prompt": _harmless(prompt) if shown else _HELD_OUT}


def _run(number: int, task: Task, configuration: str, run: int, grading: Mapping[str, object]) -> Json:
    summary, metrics, timing = (grading[key] for key in ("summary", "execution_metrics", "timing"))
    assert isinstance(summary, dict)  # noqa: S101 - made above
    assert isinstance(metrics, dict)  # noqa: S101
    assert isinstance(timing, dict)  # noqa: S101
    return {
        "eval_id": number,
        "eval_name": _harmless(task.id),
        "configuration": configuration,
        "run_number": run,
        "result": {
            **summary,
            "time_seconds": timing["total_duration_seconds"],
            "tokens": timing["total_tokens"],
            "tool_calls": metrics["total_tool_calls"],
            "errors": 0,
        },
        "expectations": grading["expectations"],
        "notes": [],
    }


def _benchmark(viewed: Viewed, runs: Sequence[Json], missing: Mapping[str, int]) -> Json:
    return {
        "metadata": {
            "skill_name": _harmless(viewed.name),
            "skill_path": _harmless(viewed.path),
            "executor_model": _harmless(viewed.target),
            "analyzer_model": _harmless(viewed.judge),
            "timestamp": viewed.when,
            "evals_run": list(range(1, len(viewed.tasks) + 1)),
            "runs_per_configuration": max((len(row) for arm in viewed.arms for row in arm.rows), default=0),
        },
        "runs": list(runs),
        "run_summary": _summary(viewed.arms, runs),
        "notes": [
            f"{plural(count, 'run')} of {configuration} gave no result and is not counted"
            for configuration, count in missing.items()
            if count
        ],
    }


def _summary(arms: Sequence[Arm], runs: Sequence[Json]) -> Json:
    made: Json = {}
    means: list[dict[str, float]] = []
    for arm in arms:
        results = [r["result"] for r in runs if r["configuration"] == arm.configuration]
        told = {
            key: [r[key] for r in results if isinstance(r, dict)] for key in ("pass_rate", "time_seconds", "tokens")
        }
        if results:  # a configuration without a result has no mean, not one of 0
            made[arm.configuration] = {key: _stats(values) for key, values in told.items()}
            means.append({key: fmean(values) for key, values in told.items()})
    if len(means) == 2:
        first, second = means
        by = {key: first[key] - second[key] for key in first}
        made["delta"] = {
            "pass_rate": f"{by['pass_rate']:+.2f}",
            "time_seconds": f"{by['time_seconds']:+.1f}",
            "tokens": f"{by['tokens']:+.0f}",
        }
    return made


def _stats(values: Sequence[float]) -> Json:
    spread = stdev(values) if len(values) > 1 else 0.0
    return {
        "mean": round(fmean(values), 4),
        "stddev": round(spread, 4),
        "min": round(min(values), 4),
        "max": round(max(values), 4),
    }


def _harmless(text: str) -> str:
    """The text with nothing hidden, and nothing that ends the script it is put into."""
    return _ENDS_SCRIPT.sub("< ", visible(text))
