"""Weights and thresholds mean here what they mean in the tool: small models of each tool's own rule say so.

The rules: promptfoo/promptfoo `src/assertions/{index,assertionsResult}.ts`; microsoft/waza
`internal/models/outcome.go` and `internal/graders/{text,json_schema,prompt}_grader.go`;
microsoft.github.io/vally/concepts/scoring.
"""

import json
from collections.abc import Mapping, Sequence
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.rollout import Score
from skillopt_ci.core.task import Task
from skillopt_ci.graders.build import build
from skillopt_ci.graders.validate import validate
from skillopt_ci.suites.native import read
from skillopt_ci.suites.write import to_jsonl
from tests.fakes import MemoryTree
from tests.graders.helpers import FakeJudge, said
from tests.suites.samples import graders, lost, rules, text

WORDS = ("red", "green", "blue")
WEIGHTS = ("0", "0.5", "1", "2", "3")
THRESHOLDS = ("0.25", "0.5", "0.6", "0.75", "1")

_word = st.sampled_from(WORDS)
_words = st.lists(_word, min_size=1, max_size=3, unique=True)
_weight = st.none() | st.sampled_from(WEIGHTS)
_threshold = st.none() | st.sampled_from(THRESHOLDS)
_answer = st.lists(_word, min_size=1, max_size=3).map(" ".join) | st.sampled_from(['{"red": 1}', '{"blue": 1}', "[1]"])
_assertion = st.tuples(st.sampled_from(["icontains-all", "icontains-any", "not-icontains"]), _words) | st.tuples(
    st.sampled_from(["is-json", "equals", "llm-rubric"]), _word.map(lambda w: [w])
)


def judged(task: Task, answer: str) -> Score:
    """The score of an answer. The judge finds the criterion `Says red.` met where the answer says red."""
    judge = FakeJudge([{f"Says {w}.": (answer, w in answer) for w in WORDS}])
    return build(task.graders or (), judge.model).grade(task, said(answer))


def written(task: Task) -> Task:
    """The task as `import` writes it, read again."""
    made = to_jsonl([task], folder="files")
    result = read(MemoryTree({}), "t.jsonl", made.text.encode())
    assert result.problems == ()
    (again,) = result.tasks
    return again


def agrees(task: Task, answer: str, passed: bool, value: Fraction) -> None:
    """A combination has the tool's score; plain checks pass when the tool does."""
    assert written(task).identity() == task.identity()
    got = judged(task, answer)
    assert got.passed is passed
    if [g.type for g in task.graders or ()] == ["weighted"]:
        assert got.value == pytest.approx(float(value))


def mean(scored: Sequence[tuple[Fraction, Fraction]]) -> Fraction:
    """Of (weight, score)."""
    total = sum((w for w, _ in scored), Fraction())
    return sum((w * s for w, s in scored), Fraction()) / total if total else Fraction()


# promptfoo


def assertion(kind: str, words: Sequence[str], weight: str | None) -> dict[str, object]:
    value: object = {
        "is-json": {"type": "object", "required": list(words)},
        "llm-rubric": f"Says {words[0]}.",
        "equals": words[0],
        "not-icontains": words[0],
    }.get(kind, list(words))
    return {"type": kind, "value": value, **({} if weight is None else {"weight": float(weight)})}


def holds(kind: str, words: Sequence[str], answer: str) -> bool:
    found = [w in answer for w in words]
    if kind == "icontains-all":
        return all(found)
    if kind == "icontains-any":
        return any(found)
    if kind == "not-icontains":
        return not found[0]
    if kind == "equals":
        return answer == words[0]
    if kind == "llm-rubric":
        return found[0]
    return answer.startswith("{") and words[0] in json.loads(answer)


Checked = tuple[tuple[str, list[str]], str | None]


class PromptfooModel:
    """`AssertionsResult`: sums, the first failure, and a threshold that has the last word."""

    def __init__(self, threshold: str | None) -> None:
        self.threshold = threshold
        self.scored: list[tuple[Fraction, Fraction]] = []
        self.failed = False

    def add(self, passed: bool, score: Fraction, weight: str | None) -> None:
        self.scored.append((Fraction("1" if weight is None else weight), score))
        self.failed = self.failed or not passed

    def add_assertion(self, one: Checked, answer: str) -> None:
        (kind, words), weight = one
        met = holds(kind, words, answer)
        self.add(met or (weight is not None and not Fraction(weight)), Fraction(met), weight)

    def result(self) -> tuple[bool, Fraction]:
        score = mean(self.scored)
        return (not self.failed if self.threshold is None else score >= Fraction(self.threshold)), score


def numbers(**given: str | None) -> dict[str, float]:
    return {k: float(v) for k, v in given.items() if v is not None}


_checked = st.tuples(_assertion, _weight)
# a set that only informs is scored 0 by promptfoo; here it is lost
_counting = st.lists(_checked, min_size=1, max_size=3).filter(lambda inner: any(w != "0" for _, w in inner))
_set = st.tuples(_counting, _weight, _threshold)


@given(st.lists(_checked | _set, min_size=1, max_size=4), _threshold, st.booleans(), _answer)
def test_promptfoo(
    asserts: list[Checked | tuple[list[Checked], str | None, str | None]],
    threshold: str | None,
    by_default: bool,
    answer: str,
) -> None:
    model = PromptfooModel(threshold)
    listed: list[object] = []
    for one in asserts:
        if len(one) == 2:
            model.add_assertion(one, answer)
            listed.append(assertion(*one[0], one[1]))
            continue
        inner, weight, least = one
        group = PromptfooModel(least)
        for each in inner:
            group.add_assertion(each, answer)
        model.add(*group.result(), weight)
        made = [assertion(*each[0], each[1]) for each in inner]
        listed.append({"type": "assert-set", "assert": made, **numbers(weight=weight, threshold=least)})
    test = {"vars": {"x": "1"}, "assert": listed}
    place = {"defaultTest": numbers(threshold=threshold)} if by_default else {}
    config = {"prompts": ["p"], "tests": [{**test, **({} if by_default else numbers(threshold=threshold))}], **place}
    result = text("promptfoo", json.dumps(config))
    assert result.problems == ()
    counts = [one for one in asserts if len(one) == 3 or one[1] != "0"]
    if not result.tasks:  # nothing in it counts
        assert all(len(one) == 3 and one[1] == "0" and threshold for one in counts)
        return
    assert {loss.reason for loss in result.losses} <= {"its weight is 0: it only informs"}
    agrees(result.tasks[0], answer, *model.result())


def test_a_threshold_of_promptfoo_counts_what_could_be_imported() -> None:
    content = (
        "prompts: [p]\ntests:\n- vars: {a: 1}\n  threshold: 0.5\n  assert:\n"
        "  - {type: contains, value: x}\n  - {type: javascript, value: y}\n"
        "  - {type: llm-rubric, value: Is kind., weight: 3, threshold: 0.8}\n"
    )
    result = text("promptfoo", content)
    assert graders(result.tasks[0]) == {
        "weighted": {
            "graders": [
                {"type": "rules", "checks": [{"op": "contains", "arg": "x"}]},
                {"type": "judge", "rubric": "Is kind.", "weight": 3},
            ],
            "threshold": 0.5,
        }
    }
    reasons = {loss.field: (loss.line, loss.reason) for loss in result.losses}
    assert reasons == {
        "threshold": (4, "it counts the checks that could be imported, and them alone"),
        "assert[1]": (7, "code is never run on import"),
        "assert[2].threshold": (8, "a judge's own number is not asked for: a criterion is met or not"),
    }


@pytest.mark.parametrize("threshold", ["0", "1.5", "-1", "'0.5'", "true", ".nan"])
def test_a_threshold_that_cannot_be_meant_is_lost(threshold: str) -> None:
    one = "{type: contains, value: x}"
    content = f"prompts: [p]\ntests:\n- vars: {{a: 1}}\n  threshold: {threshold}\n  assert: [{one}, {one}]\n"
    result = text("promptfoo", content)
    assert rules(result.tasks[0]) == [("contains", "x"), ("contains", "x")]
    (loss,) = result.losses
    assert (loss.line, loss.field) == (4, "threshold")
    assert loss.reason.startswith("a threshold must lie above 0 and at most at 1")


@pytest.mark.parametrize("weight", ["-1", "heavy", ".inf", "true", "10000000"])
def test_a_weight_that_is_none_is_lost(weight: str) -> None:
    one = f"{{type: contains, value: x, weight: {weight}}}"
    result = text("promptfoo", f"prompts: [p]\ntests:\n- {{vars: {{a: 1}}, assert: [{one}]}}\n")
    assert rules(result.tasks[0]) == [("contains", "x")]
    (loss,) = result.losses
    assert (loss.field, loss.reason.partition(" from")[0]) == ("assert[0].weight", "a weight must be a number")


@pytest.mark.parametrize("threshold", ["0.5", "1"])
def test_one_check_that_counts_needs_no_combination(threshold: str) -> None:
    for one in ("{type: contains-all, value: [x, y], weight: 4}", "{type: llm-rubric, value: Is kind.}"):
        start = f"prompts: [p]\ntests:\n- {{vars: {{a: 1}}, assert: [{one}]"
        (plain,) = text("promptfoo", f"{start}}}\n").tasks
        result = text("promptfoo", f"{start}, threshold: {threshold}}}\n")
        assert result.tasks[0].graders == plain.graders
        assert result.losses == ()


# waza


@given(
    st.lists(st.tuples(st.sampled_from(["text", "json_schema", "prompt"]), _words, _weight), min_size=1, max_size=4),
    _answer,
)
def test_waza(listed: list[tuple[str, list[str], str | None]], answer: str) -> None:
    """All graders must pass; the weight, 1 where it is not above 0, makes the score."""
    scored: list[tuple[Fraction, Fraction]] = []
    made: list[object] = []
    for kind, words, weight in listed:
        config: Mapping[str, object] = {
            "text": {"contains": words},
            "json_schema": {"schema": {"type": "object", "required": words[:1]}},
            "prompt": {"prompt": f"Says {words[0]}."},
        }[kind]
        made.append({"type": kind, "name": "n", "config": config, **numbers(weight=weight)})
        score = Fraction(sum(w in answer for w in words), len(words))
        if kind != "text":
            score = Fraction(holds("is-json" if kind == "json_schema" else "llm-rubric", words[:1], answer))
        scored.append((Fraction(weight or "0") or Fraction(1), score))
    result = text("waza", json.dumps({"tasks": [{"id": "a", "prompt": "p", "graders": made}]}))
    assert (result.problems, result.losses) == ((), ())
    agrees(result.tasks[0], answer, all(s == 1 for _, s in scored), mean(scored))


def test_what_waza_expects_stands_beside_its_graders() -> None:
    content = (
        "tasks:\n- id: a\n  prompt: p\n  expected: {output_contains: [x]}\n  graders:\n"
        "  - {type: text, config: {contains: [y]}, weight: 2}\n  - {type: prompt, config: {prompt: Is kind.}}\n"
        "- id: b\n  prompt: p\n  expected: Like this.\n  graders:\n"
        "  - {type: text, config: {contains: [y]}, weight: 2}\n  - {type: prompt, config: {prompt: Is kind.}}\n"
    )
    first, second = text("waza", content).tasks
    assert [g.type for g in first.graders or ()] == ["rules", "weighted"]
    assert graders(second)["weighted"]["graders"] == [
        {
            "type": "rules",
            "checks": [{"op": "contains", "arg": "y", "ignore_case": True}],
            "weight": 2,
            "required": True,
        },
        {"type": "judge", "rubric": "Is kind.", "reference": "Like this.", "required": True},
    ]


# Vally


@given(
    st.lists(st.tuples(st.sampled_from(["output-contains", "output-not-contains"]), _word), min_size=1, max_size=4),
    st.none() | st.dictionaries(st.sampled_from(["output-contains", "output-not-contains"]), st.sampled_from(WEIGHTS)),
    _threshold,
    st.booleans(),
    _answer,
)
def test_vally(
    listed: list[tuple[str, str]], weights: dict[str, str] | None, threshold: str | None, ended: bool, answer: str
) -> None:
    """The mean by the weights of the graders' types reaches the threshold; without one every grader passes."""
    found = [((word in answer) == (kind == "output-contains"), (weights or {}).get(kind, "1")) for kind, word in listed]
    # an answer that says something is one of a run that was completed
    scored = [(Fraction(w), Fraction(met)) for met, w in found] + ([(Fraction(1), Fraction(1))] if ended else [])
    made: list[dict[str, object]] = [{"type": kind, "config": {"substring": word}} for kind, word in listed]
    made += [{"type": "completed"}] if ended else []
    scoring = {**({} if weights is None else {"weights": {k: float(w) for k, w in weights.items()}})}
    stimulus = {"name": "a", "prompt": "p", "graders": made}
    content = json.dumps({"stimuli": [stimulus], "scoring": {**scoring, **numbers(threshold=threshold)}})
    result = text("vally", content)
    assert result.problems == ()
    if not result.tasks:  # nothing in it counts
        assert threshold
        assert all(w == "0" for _, w in found)
        return
    assert {loss.reason for loss in result.losses} <= {"graders of this type have no weight: 1 is taken"}
    passed = all(met for met, _ in found) if threshold is None else mean(scored) >= Fraction(threshold)
    agrees(result.tasks[0], answer, passed, mean(scored))


def test_the_rubric_of_vally_has_the_weight_of_the_grader_that_asks() -> None:
    content = (
        "stimuli:\n- name: a\n  prompt: p\n  rubric: [Is kind., Is short.]\n  graders:\n"
        "  - {type: output-contains, config: {substring: x}}\n  - {type: prompt}\n  - {type: wall-time}\n"
        "scoring:\n  weights: {prompt: 0.7, wall-time: 0.1, output-contains: 0.2}\n  threshold: 0.7\n"
    )
    result = text("vally", content)
    assert graders(result.tasks[0])["weighted"] == {
        "graders": [
            {"type": "rules", "checks": [{"op": "contains", "arg": "x", "ignore_case": True}], "weight": 0.2},
            {"type": "judge", "rubric": ["Is kind.", "Is short."], "weight": 0.7},
        ],
        "threshold": 0.7,
    }
    assert lost(result) == [(8, "a", "graders[2]"), (11, "", "scoring.threshold")]


def test_graders_of_weight_0_must_pass_where_no_threshold_decides() -> None:
    content = (
        "stimuli:\n- name: a\n  prompt: p\n  graders:\n  - {type: output-contains, config: {substring: x}}\n"
        "  - {type: output-not-contains, config: {substring: y}}\n"
        "scoring: {weights: {output-contains: 0, output-not-contains: %s}}\n"
    )
    (plain,) = text("vally", content % 0).tasks
    assert rules(plain) == [("contains", "x", True), ("not_contains", "y", True)]
    (task,) = text("vally", content % 1).tasks
    assert [judged(task, answer).passed for answer in ("x", "z", "x y")] == [True, False, False]
    one = (
        "{type: assert-set, weight: 0, threshold: 0.5, assert: [{type: contains, value: x}, {type: equals, value: y}]}"
    )
    (task,) = text("promptfoo", f"prompts: [p]\ntests: [{{vars: {{a: 1}}, assert: [{one}]}}]\n").tasks
    assert [g.type for g in task.graders or ()] == ["all"]
    assert [judged(task, answer).passed for answer in ("x", "y", "z")] == [True, True, False]


def test_a_rubric_that_is_too_long_is_left_to_the_check_of_graders() -> None:
    rubric = "\n".join(f"- Says {n}." for n in range(101))
    one = {"type": "llm-rubric", "value": rubric}
    result = text("promptfoo", json.dumps({"prompts": ["p"], "tests": [{"threshold": 0.5, "assert": [one]}]}))
    assert "at most 100" in validate(result.tasks[0].graders or (), result.tasks[0])[0]
