"""Values of a small run, with hostile text wherever a model or a task could have put it."""

from dataclasses import replace
from decimal import Decimal

from skillopt_ci.core.compare import Comparison, compare
from skillopt_ci.core.edit import Edit
from skillopt_ci.core.history import Action, Confirmation, Decision, EditRecord, EditStatus, Step, TrainResult
from skillopt_ci.core.merge_gate import Look, MergeRule
from skillopt_ci.core.rollout import Evaluation, Failure, Rollout, Sample, Score
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.spend import Spend
from skillopt_ci.core.stats import Effect
from skillopt_ci.core.task import Source, Task
from skillopt_ci.core.trajectory import Message, Trajectory, Usage
from skillopt_ci.core.verdict import EvalEntry, EvalReport, GateReport, SkillVerdict, TrainEntry

HOSTILE = "@team #1 </td><script>x</script> | `` ``` \u202e\x1b[31m [l](http://e.org) ![i](x)\n\n::error::x\n# head"
HIDDEN = "the held-out answer"
IDS = ("t1", "t2|<b>", "t3", "t4")
PAID = Spend(calls=3, usage=Usage(input_tokens=1200, output_tokens=300), usd=Decimal("0.42"))
UNPRICED = Spend(calls=1, usage=Usage(input_tokens=1, output_tokens=2), usd=None)


def skill(body: str) -> Skill:
    return Skill(name="x", frontmatter="---\nname: x\n---\n", body=body)


START, BEST = skill("a\r\n"), skill("a\r\nb")


def evaluation(*rows: tuple[float | None, ...], owner: Skill = START) -> Evaluation:
    return Evaluation(skill=owner.digest, task_ids=IDS[: len(rows)], values=rows)


def compared(base: Evaluation, head: Evaluation) -> Comparison:
    source = Source(file="tasks.jsonl", line=1)
    return compare(base, head, [Task(id=i, prompt=HIDDEN, source=source) for i in base.task_ids])


def record(status: EditStatus, op: str = "add") -> EditRecord:
    made = {
        "add": Edit(op="add", target="a", content=HOSTILE, rationale=HOSTILE, evidence=("t7", "@t8")),
        "replace": Edit(op="replace", target="old\nline", content="new ``` line"),
        "delete": Edit(op="delete", target="gone", content=""),
    }[op]
    if status == "refused":  # the skill does not have it
        made = replace(made, content=f"{made.content}, too")
    return EditRecord(edit=made, status=status, reason="" if status == "kept" else HOSTILE)


def decision(mean: float | None, bound: float | None = None) -> Decision:
    return Decision(
        accept=bool(mean and mean > 0.5),
        reason="better",
        mean=mean,
        upper_bound=bound,
        incumbent_mean=0.5,
        effect=Effect(mean=0.25, low=-0.1, high=0.6) if mean else None,
        n_rollouts=4,
        evaluation=evaluation((1.0,), (0.0,), (1.0,), (1.0,)) if mean else None,
    )


def rollout(stream: str, outcome: Score | Failure) -> Rollout:
    trajectory = Trajectory(
        messages=(Message(role="user", content=HIDDEN), Message(role="assistant", content="key-123456\u2028\ud800")),
        stop_reason="stop",
        served_model="m",
        seconds=1.5,
    )
    return Rollout(skill="d", sample=Sample(task_id="t7", stream=stream), outcome=outcome, trajectory=trajectory)


SCORE = Score(value=0.5, passed=False, why=HIDDEN, hint="")
PASSED = Score(value=1.0, passed=True, why=HIDDEN, hint="")
FAILURE = Failure(stage="target", kind="timeout", message=HOSTILE)


def step(number: int, action: Action, made: Decision | None, edits: tuple[EditRecord, ...]) -> Step:
    return Step(
        number=number,
        epoch=1,
        kind="edit",
        action=action,
        reason=HOSTILE,
        incumbent=START,
        candidate=BEST if made else None,
        decision=made,
        incumbent_mean=0.5,
        edits=edits,
        edit_budget=4,
        cost=PAID,
        rollouts=(rollout("train/1", SCORE), rollout("val", SCORE), rollout("train/1", FAILURE)),
        failures=(FAILURE,),
    )


STEPS = (
    step(1, "accept", decision(0.75), (record("kept"), record("kept", "replace"), record("unmatched", "delete"))),
    step(2, "reject", decision(None, 0.4), (record("rejected"), record("over-budget"), record("refused", "replace"))),
    step(3, "skip", None, ()),
    replace(step(4, "reject", decision(None), (record("rejected"),)), kind="slow_update", epoch=2),
)


def confirmation(*head: tuple[float | None, ...]) -> Confirmation:
    base = evaluation((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 0.0))
    best = evaluation(*head, owner=BEST)
    return Confirmation(start=base, best=best, comparison=compared(base, best), runs=2)


BETTER = confirmation((1.0, 1.0), (1.0, 1.0), (1.0, 0.0), (1.0, 1.0))
MISSING = confirmation((1.0, None), (None, None), (1.0, 1.0), (1.0, 1.0))


def result(**changes: object) -> TrainResult:
    made = TrainResult(
        start=START,
        best=BEST,
        start_val=evaluation((1.0,), (0.0,), (1.0,), (0.0,)),
        best_val_mean=0.75,
        steps=STEPS,
        stopped="all epochs done",
        confirmation=BETTER,
        versions=(BEST,),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def training(made: TrainResult | None = None, **changes: object) -> TrainEntry:
    entry = TrainEntry(
        name="invoices",
        run_id="0123456789abcdef",
        run_dir=".skillopt/runs/0123",
        generation=1,
        result=made or result(),
        proposal=True,
        paid=PAID,
        replayed=UNPRICED,
    )
    return replace(entry, **changes)  # type: ignore[arg-type]


LOOK = Look(
    decision="regression",
    reason="loss-shown",
    round=1,
    threshold=0.0194,
    missing_base=0.0,
    missing_head=0.0,
    p=0.0041,
    difference=-0.125,
    se=0.05,
    minimum_detectable_effect=0.083,
    n_tasks=4,
)


def verdict(**changes: object) -> SkillVerdict:
    base = evaluation((1.0,), (1.0,), (1.0,), (0.0,))
    head = evaluation((1.0,), (0.5,), (0.0,), (1.0,), owner=BEST)
    made = SkillVerdict(
        name="invoices",
        path="skills/invoices/SKILL.md",
        target="openai/gpt-5.4-mini",
        harness="chat",
        verdict="regression",
        reason="loss-shown",
        rounds=1,
        base_digest=START.digest,
        head_digest=BEST.digest,
        base=base,
        head=head,
        base_tokens=START.tokens,
        head_tokens=BEST.tokens,
        comparison=compared(base, head),
        margin=0.05,
        look=LOOK,
        rule=MergeRule(),
        suite_effect=Effect(mean=-0.125, low=-0.21, high=-0.04),
        minimum_detectable_effect=0.083,
        suspects=(IDS[1], "t3"),
        test_opened=1,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def gate(*skills: SkillVerdict, **changes: object) -> GateReport:
    made = GateReport(
        verdict="regression",
        reason="loss-shown",
        exit_code=1,
        base_ref="origin/main",
        base_sha="b" * 40,
        policy_sha="c" * 40,
        head_ref="HEAD",
        skills=skills or (verdict(),),
        paid=PAID,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def scored(**changes: object) -> EvalReport:
    entry = EvalEntry(
        name="invoices",
        path="skills/invoices/SKILL.md",
        target="simulated/reader",
        harness="chat",
        split="test",
        digest=START.digest,
        tokens=START.tokens,
        evaluation=evaluation((1.0,), (0.5,), (None,), ()),
        rollouts=(
            replace(rollout("test", PASSED), sample=Sample(task_id="t1", stream="test")),
            replace(rollout("test", SCORE), sample=Sample(task_id=IDS[1], stream="test")),
            replace(rollout("test", FAILURE), sample=Sample(task_id="t3", stream="test"), trajectory=None),
        ),
    )
    return EvalReport(exit_code=0, entries=(replace(entry, **changes),), paid=PAID)  # type: ignore[arg-type]
