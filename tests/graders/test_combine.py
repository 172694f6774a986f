from collections.abc import Mapping

import pytest

from skillopt_ci.core.hidden import hidden_texts, visible_texts
from skillopt_ci.core.nested import leaves
from skillopt_ci.errors import CallFailedError, ConfigError
from skillopt_ci.graders.build import build, needs_judge
from skillopt_ci.graders.validate import validate
from tests.graders.helpers import FakeJudge, grade, said, spec, task

A: Mapping[str, object] = {"type": "contains", "values": ["alpha"]}
B: Mapping[str, object] = {"type": "contains", "values": ["beta", "gamma"]}
EXACT: Mapping[str, object] = {"type": "exact"}
JUDGE: Mapping[str, object] = {"type": "judge", "rubric": "Says hello."}


@pytest.mark.parametrize(
    ("answer", "every", "one"),
    [
        ("alpha beta gamma", (1.0, True), (1.0, True)),
        ("alpha beta", (0.5, False), (1.0, True)),
        ("beta", (0.0, False), (0.5, False)),
        ("none", (0.0, False), (0.0, False)),
    ],
)
def test_all_takes_the_lowest_and_any_the_highest(
    answer: str, every: tuple[float, bool], one: tuple[float, bool]
) -> None:
    for kind, wanted in (("all", every), ("any", one)):
        got = grade(spec(kind, graders=[A, B]), answer)
        assert (got.value, got.passed) == wanted


@pytest.mark.parametrize(
    ("weights", "options", "answer", "value", "passed"),
    [
        ((1, 1), {}, "alpha beta", 0.75, False),
        ((1, 1), {"threshold": 0.75}, "alpha beta", 0.75, True),
        ((3, 1), {}, "alpha", 0.75, False),
        ((1, 0), {}, "alpha", 1.0, True),
        ((0.1, 0.2), {}, "alpha beta gamma", 1.0, True),
        ((1, 3), {"threshold": 0.5}, "beta gamma", 0.75, True),
    ],
)
def test_weighted_is_the_mean_by_weight(
    weights: tuple[float, float], options: dict[str, object], answer: str, value: float, passed: bool
) -> None:
    members = [{**m, "weight": w} for m, w in zip((A, B), weights, strict=True)]
    got = grade(spec("weighted", graders=members, **options), answer)
    assert got.value == pytest.approx(value)
    assert got.passed is passed


def test_a_hard_member_counts_all_or_nothing() -> None:
    members = [A, {**B, "hard": True}]
    got = [grade(spec("weighted", graders=members, threshold=0.75), f"alpha {said}") for said in ("beta", "beta gamma")]
    assert [(s.value, s.passed) for s in got] == [(0.5, False), (1.0, True)]
    assert got[0].hint.startswith("0.50 of 1 by weight; 1 of 2 required texts")


def test_a_required_member_must_pass_whatever_the_mean() -> None:
    members = [{**A, "weight": 9}, {**B, "weight": 1, "required": True}]
    got = grade(spec("weighted", graders=members, threshold=0.5), "alpha")
    assert (got.value, got.passed) == (0.9, False)
    assert got.hint.startswith("0.90 of 1 by weight; 1 required check not passed; 0 of 2 required texts")
    assert grade(spec("weighted", graders=members, threshold=0.5), "alpha beta gamma").passed


def test_the_checks_are_those_of_the_members_that_count() -> None:
    members = [{**A, "weight": 2}, {**B, "weight": 0}, {**B, "weight": 0, "required": True}]
    got = grade(spec("weighted", graders=members), "alpha")
    assert [c.passed for c in got.checks] == [True, False]
    assert grade(spec("weighted", graders=members[:2]), "alpha").checks == got.checks[:1]


def test_any_is_one_check_whichever_member_spoke() -> None:
    """Beside other graders it would not be read at all without one, and its name must not hang on the answer."""
    grader = spec("weighted", graders=[{"type": "any", "graders": [A, B]}, EXACT])
    none, part, full = (grade(grader, answer, "x").checks for answer in ("none", "beta", "beta gamma"))
    assert [[c.passed for c in checks] for checks in (none, part, full)] == [
        [False, False],
        [False, False],
        [True, False],
    ]
    assert none[0].text == part[0].text == full[0].text
    assert none[0].text.startswith("any (graders: ")
    assert "none of 2" in none[0].evidence


def test_an_any_that_is_won_below_a_full_score_is_one_check_that_holds() -> None:
    lenient = {"type": "weighted", "threshold": 0.5, "graders": [A, B]}
    got = grade(spec("any", graders=[lenient, EXACT]), "alpha", "x")
    assert (got.value, got.passed, [c.passed for c in got.checks]) == (0.5, True, [True])


def test_what_weighs_most_is_said_first() -> None:
    members = [{**B, "weight": 1}, {**A, "weight": 5}]
    why = grade(spec("weighted", graders=members), "none").why
    assert why.index("alpha") < why.index("beta")


def test_combinations_nest_and_hidden_is_inherited() -> None:
    inner = {"type": "any", "graders": [A, {**B, "hidden": False}]}
    grader = spec("all", hidden=True, graders=[inner, {"type": "regex", "pattern": "^z"}])
    assert [(g.type, g.hidden) for g in leaves([grader])] == [("contains", True), ("contains", False), ("regex", True)]
    assert {"alpha", "^z"} <= set(hidden_texts(grader))
    assert "beta" not in hidden_texts(grader)
    assert {"beta", "gamma"} <= set(visible_texts(grader))
    assert "alpha" not in visible_texts(grader)
    got = grade(grader, "z beta")
    assert (got.value, got.passed) == (0.5, False)
    assert "alpha" not in got.hint
    assert "gamma" in got.hint


def test_any_stops_at_a_full_score_and_a_judge_is_not_paid() -> None:
    judge = FakeJudge(["no verdict"])
    grader = spec("any", graders=[A, JUDGE])
    assert build([grader], judge.model).grade(task(), said("alpha")).passed
    assert judge.requests == []
    with pytest.raises(CallFailedError, match="not the wanted JSON"):
        build([grader], judge.model).grade(task(), said("none"))
    assert judge.requests


def test_a_member_that_cannot_grade_is_a_failure_unless_the_result_is_known() -> None:
    for kind in ("all", "any", "weighted"):
        with pytest.raises(CallFailedError, match="needs a model"):
            build([spec(kind, graders=[JUDGE, A])], None).grade(task(), said("none"))
    assert build([spec("any", graders=[JUDGE, A])], None).grade(task(), said("alpha")).passed


@pytest.mark.parametrize("kind", ["all", "any", "weighted"])
def test_a_judge_inside_is_found_and_a_lack_of_the_task_too(kind: str) -> None:
    assert needs_judge([spec(kind, graders=[{"type": "any", "graders": [EXACT, JUDGE]}])])
    assert not needs_judge([spec(kind, graders=[EXACT])])
    (problem,) = validate([spec(kind, graders=[A, EXACT])], task())
    assert "needs 'expected'" in problem
    assert validate([spec(kind, graders=[A, EXACT])], task("x")) == []


def deep(levels: int) -> dict[str, object]:
    return {"type": "all", "graders": [deep(levels - 1)]} if levels else dict(A)


@pytest.mark.parametrize(
    ("kind", "options", "words"),
    [
        ("all", {}, "option 'graders' must be a list"),
        ("any", {"graders": []}, "option 'graders' must be a list"),
        ("any", {"graders": ["exact"]}, "option 'graders' must be a list"),
        ("any", {"graders": [{}]}, "number 1: it has no 'type'"),
        ("all", {"graders": [A, {**A, "weight": 2}]}, "number 2: 'weight' has a meaning inside 'weighted' only"),
        ("weighted", {"graders": [{**A, "weight": -1}]}, "'weight' must be 0 or more, not -1"),
        ("weighted", {"graders": [{**A, "weight": float("nan")}]}, "'weight' must be 0 or more"),
        ("weighted", {"graders": [{**A, "weight": float("inf")}]}, "'weight' must be 1,000,000,000 at most"),
        ("weighted", {"graders": [{**A, "weight": 10**400}]}, "'weight' must be 1,000,000,000 at most"),
        ("weighted", {"graders": [{**A, "weight": True}]}, "'weight' must be a number, not True"),
        ("weighted", {"graders": [{**A, "weight": 0}]}, "at least one 'weight' must be above 0"),
        ("weighted", {"graders": [A], "threshold": 2}, "'threshold' must lie above 0"),
        ("weighted", {"graders": [{**A, "required": 1}]}, "'required' must be true or false, not 1"),
        ("weighted", {"graders": [{**A, "hard": 1}]}, "'hard' must be true or false, not 1"),
        ("any", {"graders": [{**A, "hard": True}]}, "'hard' has a meaning inside 'weighted' only"),
        ("all", {"graders": [{**A, "hidden": "no"}]}, "'hidden' must be true or false, not 'no'"),
        ("all", {"graders": [{"type": "contains", "vaues": ["x"]}]}, "unknown option 'vaues'"),
        ("all", {"graders": [A], "threshold": 1}, "unknown option 'threshold'"),
        ("all", {"graders": [deep(9)]}, "over 8 deep"),
    ],
)
def test_options_are_checked(kind: str, options: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        build([spec(kind, **options)], None)
    assert words.rsplit("'", maxsplit=1)[-1].strip() in validate([spec(kind, **options)], task())[0]


def test_an_unknown_member_is_said() -> None:
    assert "unknown grader 'exct'" in validate([spec("all", graders=[{"type": "exct"}])], task())[0]


def test_leaves_of_what_is_badly_written() -> None:
    assert list(leaves([spec("all", graders="x"), spec("any", graders=[3, {"type": "exact"}])])) == [spec("exact")]
    assert list(leaves([spec("all", graders=[deep(12)])])) == []


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        ("I think so.\n<answer>Paris</answer>", True),
        ("<ANSWER> Paris\n</Answer> and more", True),
        ("<answer>Rome</answer> no, <answer>Paris</answer>", True),
        ("<answer>Paris</answer> no, <answer>Rome</answer>", False),
        ("Paris", True),
        ("It goes between <answer> tags.\n<answer>Paris</answer>", True),
        ("<answer>Paris <answer>Rome</answer>", False),
        ("<answer>Paris", False),
        ("<answer>" * 20_000, False),
        ("<answer></answer>Paris", False),
    ],
)
def test_within_grades_what_stands_between_the_last_tags(answer: str, right: bool) -> None:
    assert grade(spec("within", graders=[EXACT]), answer, "Paris").passed is right


def test_nothing_between_the_tags_is_an_empty_answer() -> None:
    lacks = {"type": "rules", "checks": [{"op": "not_contains", "arg": "Rome"}]}
    score = grade(spec("within", graders=[lacks]), "Not Rome, so:\n<answer> </answer>")
    assert (score.value, score.passed, score.hint) == (0.0, False, "nothing stands between the <answer> tags")
    assert grade(spec("within", graders=[lacks]), "Not Rome, so:\n<answer>Paris</answer>").passed


def test_within_takes_another_tag_and_refuses_what_is_none() -> None:
    assert grade(spec("within", tag="final", graders=[EXACT]), "<final>x</final>", "x").passed
    with pytest.raises(ConfigError, match="'tag' must be a name"):
        build([spec("within", tag="a b", graders=[EXACT])], None)


def test_hard_and_soft_of_searchqa() -> None:
    grader = spec(
        "weighted",
        threshold=0.01,
        graders=[{"type": "f1"}, {"type": "exact", "squad": True, "weight": 0, "required": True}],
    )
    results = [grade(grader, a, "Tom and Jerry") for a in ("The Tom and Jerry!", "Jerry and Tom", "Tom", "Spike")]
    assert [(round(s.value, 2), s.passed) for s in results] == [(1, True), (1, False), (0.5, False), (0, False)]
