"""The same advice in other words: what a better edit of the step makes needless is not kept."""

from dataclasses import replace

from skillopt_ci.core.edit import Edit
from skillopt_ci.core.rollout import Sample
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.task import Task
from skillopt_ci.engine.screen import REPEATS
from tests.engine.bench import RULE, Script, Scripted, bench, named, run, skill
from tests.engine.test_screen import ON, edit, first, status


def either(skill: Skill, task: Task, sample: Sample) -> float:
    """What `a1` and `a2` say is one thing; `b` is another."""
    del sample
    return float(("- a1" in skill.body or "- a2" in skill.body) if task.id[0] == "a" else "- b" in skill.body)


def screened(*edits: Edit, scorer: Script, **changes: object) -> tuple[dict[str, str], Script, list[str]]:
    step, _, harness = first(Scripted([list(edits)]), scorer, **changes)
    return status(step), harness, [r.reason for r in step.edits if r.status == "rejected-alone"]


def test_of_one_advice_in_two_wordings_the_better_is_kept() -> None:
    found, harness, why = screened(
        edit("- a1", "a0", "a1"), edit("- a2", "a2", "a3"), edit("- b", "b0", "b1"), scorer=Script(either)
    )
    assert sorted(found.values()) == ["kept", "kept", "rejected-alone"]
    assert found["- b"] == "kept"
    assert why == [REPEATS]
    beside = [s for body, s in harness.seen if s.stream == "screen" and body.count("- a") > 1]
    assert {s.task_id[0] for s in beside} == {"a"}  # both were run together before one was rejected
    most = [sum(name in body for body, s in harness.seen if s.stream == "screen") for name in ("- a1", "- a2", "- b")]
    assert max(most) <= 2 * RULE.most_runs


def test_both_are_kept_where_repeats_are_not_looked_for() -> None:
    rule = replace(RULE, distinct=False)
    found, _, _ = screened(edit("- a1", "a0"), edit("- a2", "a2"), scorer=Script(either), screen=rule)
    assert set(found.values()) == {"kept"}


def test_two_edits_that_each_help_the_same_tasks_a_little_are_both_kept() -> None:
    def halves(skill: Skill, task: Task, sample: Sample) -> float:
        del task, sample
        return 0.2 + 0.4 * ("- p" in skill.body) + 0.4 * ("- q" in skill.body)

    ids = [t.id for t in named("a", 4)]
    rule = replace(RULE, runs=6)
    found, harness, _ = screened(edit("- p", *ids), edit("- q", *ids), scorer=Script(halves), screen=rule)
    assert found == {"- p": "kept", "- q": "kept"}
    assert any("- p" in body and "- q" in body for body, s in harness.seen if s.stream == "screen")


def test_what_could_not_be_measured_beside_the_other_is_kept() -> None:
    def broken(skill: Skill, task: Task, sample: Sample) -> float | str:
        both = "- a1" in skill.body and "- a2" in skill.body
        return "broken" if both and sample.stream == "screen" else either(skill, task, sample)

    found, _, _ = screened(edit("- a1", "a0", "a1"), edit("- a2", "a2", "a3"), scorer=Script(broken))
    assert set(found.values()) == {"kept"}


def test_two_edits_of_the_same_line_are_left_to_the_bundle() -> None:
    """They cannot stand beside each other, so that nothing is run to compare them."""
    edits = [Edit(op="replace", target="x", content=c, evidence=("a0",)) for c in ("- a1", "- a2")]
    result, _ = run(bench(Scripted([edits]), harness := Script(either), **ON), skill("x\n"))
    assert sorted(r.status for r in result.steps[0].edits) == ["kept", "unmatched"]
    assert not [body for body, _ in harness.seen if "- a1" in body and "- a2" in body]


def test_a_repeat_is_found_among_several_that_are_kept() -> None:
    edits = [edit("- b", "b0"), edit("- a1", "a0"), edit("- a2", "a1")]
    found, _, _ = screened(*edits, scorer=Script(either))
    assert found["- b"] == "kept"
    assert sorted(found[a] for a in ("- a1", "- a2")) == ["kept", "rejected-alone"]
