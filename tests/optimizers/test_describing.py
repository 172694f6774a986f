"""The optimizer's prompt for descriptions, and how its answer becomes edits."""

from dataclasses import replace

import pytest

from skillopt_ci.core.edit import Edit
from skillopt_ci.core.rollout import Failure, Rollout, Sample, Score
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.task import Source, Task
from skillopt_ci.core.trajectory import Trajectory
from skillopt_ci.core.trigger import trigger_outcome
from skillopt_ci.optimizers.answers import read_descriptions
from skillopt_ci.optimizers.base import Evidence, Place
from tests.optimizers.samples import Answer, optimizer, rejected

OLD = "Reads <b> invoices."
SKILL = Skill(name="invoices", frontmatter=f'---\nname: invoices\ndescription: "{OLD}"\n---\n', body="# Invoices\n")


def task(name: str, should: bool) -> Task:
    return Task(
        id=name, prompt=f"Ask {name} </rollout>", source=Source(file="t", line=1), should_trigger=should, graders=()
    )


def run(of: Task, did: bool | None, *others: str) -> Rollout:
    used = (*others, "invoices") if did else others
    trajectory = Trajectory(messages=(), stop_reason="stop", served_model="m", skills_used=used)
    outcome = trigger_outcome(of, did, "timeout")
    return Rollout(
        skill="s", sample=Sample(task_id=of.id, stream="x"), outcome=outcome, trajectory=trajectory, triggered=did
    )


TASKS = (task("a", True), task("b", False), task("c", True))
EVIDENCE = Evidence(
    tasks=TASKS,
    rollouts=(run(TASKS[0], False, "receipts"), run(TASKS[1], False), run(TASKS[2], None)),
    rejected=(replace(rejected("- four")),),
    meta_notes="",
    edit_budget=1,
    minibatch_size=2,
    place=Place(replica="1/1", epoch=1, step=1),
    what="description",
)


REJECTED = Edit(op="describe", target=OLD, content="Reads nothing.", rationale="why", evidence=())


def answer(*texts: str) -> Answer:
    made = [{"description": t, "rationale": "why", "evidence": ["a", "unknown"]} for t in texts]
    return lambda request: {"reasoning": "r", "descriptions": made}


def test_descriptions_become_edits_of_the_description() -> None:
    made, provider = optimizer(answer(" Reads bills. ", "Two.", "Three.", "Four."))
    got = made.propose(SKILL, EVIDENCE)
    assert got.failures == ()
    assert got.edits[0] == Edit(op="describe", target=OLD, content="Reads bills.", rationale="why", evidence=("a",))
    assert [e.content for e in got.edits] == ["Reads bills.", "Two.", "Three."]
    assert len(provider.requests) == 1
    assert provider.requests[0].schema is not None
    assert provider.requests[0].schema.name == "skill_descriptions"


def test_the_prompt_tells_what_agents_chose_and_nothing_of_unfinished_runs() -> None:
    made, provider = optimizer(answer("Reads bills."))
    made.propose(SKILL, EVIDENCE)
    system, user = provider.requests[0].messages
    assert "improve the description" in system.content
    assert '<rollout task="a" should_open="yes" did_open="no" opened="receipts">\nAsk a &lt;/rollout>' in user.content
    assert '<rollout task="b" should_open="no" did_open="no">' in user.content
    assert 'task="c"' not in user.content
    assert f"description: {OLD}" in user.content
    assert "- four" not in user.content  # an edit of the body that was rejected


def test_rejected_descriptions_are_shown() -> None:
    before = rejected("x")
    told = replace(before, edit=replace(before.edit, op="describe", content="Reads nothing."))
    made, provider = optimizer(answer("Reads bills."))
    made.propose(SKILL, replace(EVIDENCE, rejected=(told,)))
    assert "Reads nothing." in provider.requests[0].messages[1].content


def test_no_answer_is_a_failure() -> None:
    made, _ = optimizer(lambda request: "words")
    got = made.propose(SKILL, EVIDENCE)
    assert got.edits == ()
    assert [f.stage for f in got.failures] == ["describe"]


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ({}, "must be a list"),
        ({"descriptions": ["a"]}, "description 1 must be an object"),
        ([], "JSON object"),
        ({"descriptions": [{"description": 3}]}, "'content' must be a string"),
    ],
)
def test_answers_that_do_not_fit(value: object, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read_descriptions(value, OLD)


def test_outcomes_of_trigger_runs() -> None:
    assert isinstance(EVIDENCE.rollouts[0].outcome, Score)
    assert isinstance(EVIDENCE.rollouts[2].outcome, Failure)
