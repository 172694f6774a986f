"""The layout of skill-creator's viewer. Fields: anthropics/skills `skills/skill-creator/references/schemas.md`."""

import json
import re
from typing import Any

import pytest

from skillopt_ci.core.rollout import Check, Failure, Outcome, Rollout, Sample, Score
from skillopt_ci.core.task import Source, Task
from skillopt_ci.core.trajectory import Message, ToolCall, Trajectory, Usage
from skillopt_ci.report.viewer import NEW, OLD, Arm, Viewed, viewer_files

HOSTILE = '</script><script>alert("1")</script><!-- \u202e'
TASKS = tuple(Task(id=f"t{n}", prompt=f"Ask {n}", context="Where", source=Source(file="f", line=n)) for n in (1, 2))
PASSED = Score(
    value=0.5,
    passed=False,
    why="w",
    hint="h",
    checks=(
        Check(text="Says ship", passed=True, evidence='"ship" it'),
        Check(text="Names a date", passed=False, evidence=""),
    ),
)


def rollout(task: str, outcome: Outcome, seconds: float = 2.0, answer: str = "ship it") -> Rollout:
    messages = (Message(role="user", content="Ask"), Message(role="assistant", content=answer))
    trajectory = Trajectory(
        messages=messages,
        stop_reason="stop",
        served_model="m",
        usage=Usage(input_tokens=30, output_tokens=10),
        tool_calls=(ToolCall(name="Read", arguments="{}"), ToolCall(name="Read", arguments="{}")),
        seconds=seconds,
    )
    return Rollout(skill="d", sample=Sample(task_id=task, stream="s"), outcome=outcome, trajectory=trajectory)


RIGHT = Score(value=1.0, passed=True, why="right", hint="right")
LOST = Failure(stage="target", kind="timeout", message="m")


def viewed(**changes: Any) -> Viewed:
    new = ((rollout("t1", PASSED), rollout("t1", RIGHT, 4.0)), (rollout("t2", RIGHT), rollout("t2", LOST)))
    old = ((rollout("t1", PASSED, 1.0),), (rollout("t2", PASSED, 1.0),))
    given: dict[str, Any] = {
        "name": "my skill/../x",
        "path": "skills/x/SKILL.md",
        "target": "openai/m",
        "judge": "openai/j",
        "tasks": TASKS,
        "arms": (Arm(configuration=NEW, rows=new), Arm(configuration=OLD, rows=old)),
        "shown": True,
        "when": "2026-01-02T03:04:05Z",
        **changes,
    }
    return Viewed(**given)


def read(**changes: Any) -> dict[str, Any]:
    return {k: json.loads(v) if k.endswith(".json") else v for k, v in viewer_files(viewed(**changes)).items()}


def test_the_files() -> None:
    files = read()
    runs = [
        f"eval-1/{NEW}/run-1",
        f"eval-1/{NEW}/run-2",
        f"eval-2/{NEW}/run-1",
        f"eval-1/{OLD}/run-1",
        f"eval-2/{OLD}/run-1",
    ]
    each = ("grading.json", "timing.json", "eval_metadata.json", "outputs/answer.md")
    others = {"benchmark.json", "eval-1/eval_metadata.json", "eval-2/eval_metadata.json"}
    assert set(files) == {f"{run}/{name}" for run in runs for name in each} | others
    assert files[f"{runs[0]}/outputs/answer.md"] == "ship it"
    assert files["eval-2/eval_metadata.json"] == {"eval_id": 2, "eval_name": "t2", "prompt": "Ask 2\n\nWhere"}
    assert viewed().folder == "my-skill-..-x"
    assert viewed(name="..").folder == "skill"


def test_a_grading_has_what_the_viewer_reads() -> None:
    grading = read()[f"eval-1/{NEW}/run-1/grading.json"]
    assert grading["expectations"] == [
        {"text": "Says ship", "passed": True, "evidence": "'ship' it"},  # no double quote: it stands in an attribute
        {"text": "Names a date", "passed": False, "evidence": ""},
    ]
    assert grading["summary"] == {"passed": 1, "failed": 1, "total": 2, "pass_rate": 0.5}
    metrics = grading["execution_metrics"]
    assert (metrics["tool_calls"], metrics["total_tool_calls"], metrics["output_chars"]) == ({"Read": 2}, 2, 7)
    assert set(metrics) == {
        "tool_calls", "total_tool_calls", "total_steps", "errors_encountered", "output_chars", "transcript_chars"
    }  # fmt: skip
    assert grading["timing"]["total_duration_seconds"] == 2.0
    assert read()[f"eval-1/{NEW}/run-1/timing.json"] == {
        "total_tokens": 40, "duration_ms": 2000, "total_duration_seconds": 2.0, "executor_duration_seconds": 2.0,
    }  # fmt: skip
    plain = read()[f"eval-1/{NEW}/run-2/grading.json"]
    assert plain["expectations"] == [{"text": "the answer is graded right", "passed": True, "evidence": "right"}]


def test_a_benchmark_has_what_the_viewer_reads() -> None:
    benchmark = read()["benchmark.json"]
    assert benchmark["metadata"] == {
        "skill_name": "my skill/../x", "skill_path": "skills/x/SKILL.md", "executor_model": "openai/m",
        "analyzer_model": "openai/j", "timestamp": "2026-01-02T03:04:05Z", "evals_run": [1, 2],
        "runs_per_configuration": 2,
    }  # fmt: skip
    first = benchmark["runs"][0]
    assert (first["eval_id"], first["eval_name"], first["configuration"], first["run_number"]) == (1, "t1", NEW, 1)
    assert first["result"] == {
        "pass_rate": 0.5, "passed": 1, "failed": 1, "total": 2, "time_seconds": 2.0, "tokens": 40, "tool_calls": 2,
        "errors": 0,
    }  # fmt: skip
    assert first["expectations"][0]["text"] == "Says ship"
    summary = benchmark["run_summary"]
    assert [k for k in summary if k != "delta"] == [NEW, OLD]  # the first is the one whose gain is told
    assert summary[NEW]["pass_rate"] == {"mean": 0.8333, "stddev": 0.2887, "min": 0.5, "max": 1.0}
    assert summary[OLD]["time_seconds"] == {"mean": 1.0, "stddev": 0.0, "min": 1.0, "max": 1.0}
    assert summary["delta"] == {"pass_rate": "+0.33", "time_seconds": "+1.7", "tokens": "+0"}
    assert benchmark["notes"] == ["1 run of new_skill gave no result and is not counted"]


def test_one_configuration_has_no_delta_and_one_without_a_result_no_mean() -> None:
    lost = Arm(configuration=OLD, rows=((rollout("t1", LOST),), (rollout("t2", LOST),)))
    good = Arm(configuration=NEW, rows=((rollout("t1", RIGHT),), (rollout("t2", RIGHT),)))
    assert list(read(arms=(good,))["benchmark.json"]["run_summary"]) == [NEW]
    assert list(read(arms=(good, lost))["benchmark.json"]["run_summary"]) == [NEW]


def test_held_out_texts_are_not_written_unless_they_may_be_shown() -> None:
    files = viewer_files(viewed(shown=False))
    written = "".join(files.values())
    for text in ("Ask 1", "Where", "ship", "Says", "Names a date"):
        assert text not in written
    assert json.loads(files["benchmark.json"])["run_summary"] == read()["benchmark.json"]["run_summary"]
    assert "see report.show_heldout" in files[f"eval-1/{NEW}/run-1/outputs/answer.md"]


@pytest.mark.parametrize("place", ["answer", "task", "check", "name"])
def test_hostile_text_ends_no_script_and_no_attribute(place: str) -> None:
    outcome = Score(
        value=1.0, passed=True, why="w", hint="h", checks=(Check(text=HOSTILE, passed=True, evidence=HOSTILE),)
    )
    arm = Arm(configuration=NEW, rows=((rollout("t1", outcome if place == "check" else RIGHT, answer=HOSTILE),),))
    task = Task(id=HOSTILE[:40], prompt=HOSTILE, source=Source(file="f", line=1)) if place == "task" else TASKS[0]
    given = viewed(arms=(arm,), tasks=(task,), name=HOSTILE if place == "name" else "x")
    files = viewer_files(given)
    for name, text in files.items():
        assert not re.search(r"<(?:/?script|!--)", text, re.IGNORECASE), name
        assert "\u202e" not in text
    for run in json.loads(files["benchmark.json"])["runs"]:
        assert not any('"' in e["evidence"] for e in run["expectations"])
