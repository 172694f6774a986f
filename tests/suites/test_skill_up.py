"""skill-up."""

import pytest

from skillopt_ci.graders.build import build
from tests.graders.helpers import said as answered
from tests.suites.samples import graders, lost, rules, said, sample, text


def test_the_sample() -> None:
    result = sample("skill-up/evals/eval.yaml")
    assert result.problems == ()
    late, second = result.tasks
    assert (late.id, late.source.file, late.metadata["title"]) == (
        "late",
        "skill-up/evals/cases/late.yaml",
        "A late refund is refused",
    )
    assert [(f.name, f.data) for f in late.files] == [("note.txt", b"paid"), ("order.txt", b"order 1234\n")]
    assert rules(late) == [
        ("not_contains", "TODO"),
        ("contains", "window"),
        ("contains", "order"),
        ("not_contains", "sorry"),
        ("contains_any", ["no", "not"]),
        ("regex", "^refused", "i"),
        ("not_regex", "x", ""),
        ("not_contains", "granted"),
        ("not_contains", "approved"),
    ]
    assert [g.type for g in late.graders or ()] == ["rules", "any", "any"]
    assert graders(second) == {
        "rules": {"checks": [{"op": "not_contains", "arg": "TODO"}]},
        "judge": {"rubric": ["Is kind.", "Is short."], "threshold": 0.5},
    }
    assert [(line, field) for line, _, field in lost(result)] == [
        (3, "engine"),
        (6, "judge.model"),
        (10, "cases.defaults.max_turns"),
        (14, "report"),
        (17, "judge.success[3].tool_called"),
    ]


def case(judge: str, more: str = "") -> str:
    return f"id: a\ninput: {{prompt: p}}\n{more}judge: {{type: rule_based, {judge}}}\n"


@pytest.mark.parametrize(
    ("rule", "matched"),
    [
        ("output_contains: {all: [a, b]}", ["a b", "b a x"]),
        ("output_contains: {any: [a, b]}", ["a", "b", "a b"]),
        ("output_contains: {not: [a]}", ["b", "x"]),
        ("output_contains: {all: [a], any: [b, c], not: [x]}", ["a b", "a c b"]),
        ("output_matches: {all: ['^a', 'b$']}", ["a b", "ab"]),
        ("output_matches: {any: ['^b', 'c'], not: [x]}", ["b a", "a c"]),
    ],
)
def test_a_rule_means_its_opposite_as_a_failure(rule: str, matched: list[str]) -> None:
    answers = {"a b", "b a x", "a", "b", "x", "a c b", "a c", "ab", "b a", "a x", "d"}
    held = {}
    for kind in ("success", "failure"):
        (task,) = text("skill-up", case(f"{kind}: [{{{rule}}}]")).tasks
        grader = build(task.graders or (), None)
        held[kind] = {a for a in answers if grader.grade(task, answered(a)).passed}
    assert held["failure"] == answers - held["success"]
    assert held["success"] >= set(matched) & answers


def test_golden_files_defaults_and_shares() -> None:
    files = {"evals/golden.txt": " Yes. \n", "SKILL.md": "x"}
    result = text("skill-up", case("success: []", "expect: {golden_file: evals/golden.txt}\n"), "evals/c.yaml", **files)
    assert graders(result.tasks[0]) == {"exact": {"values": ["Yes."]}}
    for share, made in (("2", 0.7), ("0.9", 0.9), ("'x'", 0.7)):
        judge = f"judge: {{type: agent_judge, criteria: [c, d], pass_threshold: {share}}}\n"
        result = text("skill-up", f"id: a\ninput: {{prompt: p}}\n{judge}")
        assert graders(result.tasks[0])["judge"]["threshold"] == made
        assert [loss.field for loss in result.losses] == ([] if made == 0.9 else ["judge.pass_threshold"])
    result = text("skill-up", "id: a\ninput: {prompt: p}\njudge: {type: agent_judge, criteria: [c]}\n")
    assert graders(result.tasks[0])["judge"] == {"rubric": "c", "threshold": 0.7}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("id: a\ninput: {prompt: p}\njudge: {type: script, script_path: x.sh}\n", "code is never run on import"),
        ("id: a\ninput: {prompt: p}\njudge: {type: odd}\n", "the judge 'odd' has no equal here"),
        (
            "id: a\ninput: {turns: [{role: user, content: p}]}\nexpect: {must_contain: [a]}\n",
            "a conversation of several",
        ),
        ("id: a\ninput: {prompt: p}\nexpect: {files_exist: [x]}\n", "needs an agent harness"),
        (case("success: [{output_matches: {any: ['(?U)a', b]}}]"), "a pattern that cannot be written"),
        (case("success: [{output_matches: {all: ['(?U)a']}}]"), "a pattern that cannot be written"),
        (case("failure: [{output_matches: {any: ['(?U)a']}}]"), "a pattern that cannot be written"),
        (case("success: [{tool_called_in_turn: {turn: 1, name: x}}]"), "needs an agent harness"),
    ],
)
def test_what_is_lost_and_leaves_the_task_out(content: str, reason: str) -> None:
    result = text("skill-up", content)
    assert (result.tasks, result.problems) == ((), ())
    assert result.losses[0].reason.startswith(reason)


def test_files_that_are_not_there() -> None:
    content = "schema_version: v1alpha1\ncases: {files: [evals/cases/a.yaml, ../../x.yaml, 'evals\\b.yaml']}\n"
    assert said(text("skill-up", content, "evals/eval.yaml")) == [
        "evals/eval.yaml:2:9: 'files': there is no file 'evals/cases/a.yaml'",
        "evals/eval.yaml:2:9: 'files': there is no file '../../x.yaml'",
        r"evals/eval.yaml:2:9: 'files': there is no file 'evals\\b.yaml'",
    ]
    result = text("skill-up", case("success: []", "expect: {golden_file: none.txt}\n"))
    assert said(result) == ["f.yaml:3: cannot be read: none.txt: no such file"]
