"""evals.json in its dialects."""

import json

import pytest

from skillopt_ci.suites.base import ReadResult
from skillopt_ci.suites.detect import detect
from skillopt_ci.suites.evals_json import read
from tests.fakes import MemoryTree
from tests.suites.samples import graders, lost, rules, said, sample, text

ONE = {"id": 1, "prompt": "p", "expectations": ["Says x"]}
PATH = "skills/a/evals/evals.json"


def one(changes: dict[str, object], files: dict[str, bytes | str] | None = None, skill: str = "a") -> ReadResult:
    value = {"skill_name": skill, "evals": [{k: v for k, v in {**ONE, **changes}.items() if v is not None}]}
    data = json.dumps(value, indent=1)
    return read(MemoryTree({PATH: data, **(files or {})}), PATH, data.encode())


def test_expectations_become_criteria_and_the_expected_output_their_context() -> None:
    first, second, third = sample("evals-json/evals.json").tasks
    assert graders(first) == {
        "judge": {
            "rubric": ["The answer names the order", "The answer is polite"],
            "reference": "A refusal that names the window.",
        }
    }
    assert [(f.name, f.data) for f in first.files] == [("order.txt", b"order 1234, 45 days ago\n")]
    assert graders(second)["judge"]["rubric"] == (
        "The answer does what this description says: Paris, without a word about refunds."
    )
    assert [t.should_trigger for t in (first, second, third)] == [None, False, True]
    assert graders(third) == {"judge": {"rubric": ["The file log.txt exists", "The refund is confirmed"]}}
    assert lost(sample("evals-json/evals.json")) == [(21, "3", "expected_script"), (22, "3", "assertions[0]")]


def test_typed_assertions_and_flat_arrays() -> None:
    result = sample("evals-typed/evals.json")
    docker, compose, legacy = result.tasks
    assert rules(docker) == [
        ("regex", r"FROM[^\S\n]+node", "im"),
        ("contains", "EXPOSE ((", True),
        ("not_regex", "^ADD ", "im"),
    ]
    assert dict(docker.metadata) == {"expected_output": "A Dockerfile"}
    assert graders(compose) == {"judge": {"rubric": "It names a service"}}
    assert (legacy.prompt, legacy.id) == ("How much?", "legacy")
    assert lost(result) == [
        (10, "dockerfile", "assertions[3]"),
        (11, "dockerfile", "assertions[4]"),
        (13, "dockerfile", "samples"),
    ]


@pytest.mark.parametrize(
    "place",
    ["skills/a/evals/files/x.txt", "skills/a/files/x.txt", "skills/b/files/x.txt", "skills/a/evals/evals/files/x.txt"],
)
def test_files_are_tried_beside_the_file_and_from_the_skill(place: str) -> None:
    listed = "evals/files/x.txt" if "evals/evals" in place else "files/x.txt"
    skill = "b" if "/b/" in place else "a"
    extra = {f"skills/{skill}/SKILL.md": "x"} if skill == "b" else {}
    (task,) = one({"files": [listed]}, {place: "hello", **extra}, skill=skill).tasks
    assert [(f.name, f.data) for f in task.files] == [("x.txt", b"hello")]


def test_the_skill_root_is_the_nearest_folder_with_a_skill() -> None:
    files: dict[str, bytes | str] = {"skills/a/SKILL.md": "x", "README.md": "outer"}
    assert said(one({"files": ["README.md"]}, files)) == [
        f"{PATH}:10:4: 'files': there is no file 'README.md' (looked below 'skills/a/evals' and 'skills/a')"
    ]


def test_folders_equal_names_and_paths_that_lead_outside() -> None:
    files: dict[str, bytes | str] = {"skills/a/evals/d/a.txt": "1", "skills/a/evals/d/b/a.txt": "2", "secret": "s"}
    (task,) = one({"files": ["d"]}, files).tasks
    assert [f.name for f in task.files] == ["d/a.txt", "d/b/a.txt"]
    (task,) = one({"files": ["d/a.txt", "d/b/a.txt"]}, files).tasks
    assert [f.name for f in task.files] == ["d/a.txt", "d/b/a.txt"]
    assert "there is no file '../../../../secret'" in said(one({"files": ["../../../../secret"]}, files))[0]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"prompt": ""}, "'prompt' is empty"),
        ({"prompt": None}, "the prompt is missing or empty"),
        ({"prompt": 5}, "'prompt' must be a string, not a number"),
        ({"input": "q"}, "both 'prompt' and 'input' are given"),
        ({"should_trigger": "no"}, "'should_trigger' must be true or false"),
        ({"files": [1, None]}, "'files' must be a text or a list of texts"),
        ({"expectations": 5}, "'expectations' must be a list, not a number"),
        ({"assertions": [5]}, "'assertions': an element must be a mapping, not a number"),
        ({"assertions": [{"type": 5}]}, "'type' must be a string"),
    ],
)
def test_mistakes_have_their_line(changes: dict[str, object], expected: str) -> None:
    message = said(one(changes))[0]
    assert message.startswith(f"{PATH}:")
    assert expected in message


def test_without_anything_to_grade_by_the_skills_graders_hold_and_a_lost_one_leaves_the_task_out() -> None:
    (task,) = one({"expectations": None}).tasks
    assert task.graders is None
    result = one(
        {"expectations": None, "assertions": [{"type": "file_exists", "path": "x"}, {"type": "odd", "value": "x"}]}
    )
    assert result.tasks == ()
    assert [loss.reason for loss in result.losses] == [
        "needs an agent harness with a workspace",
        "the assertion type 'odd' has no grader here",
        "the task is left out: nothing that grades it could be imported",
    ]


def test_an_assertion_in_words_is_a_criterion() -> None:
    (task,) = one({"expectations": "Says x", "assertions": [{"id": "a", "text": "Says y"}]}).tasks
    assert graders(task)["judge"]["rubric"] == ["Says x", "Says y"]


def test_json_lines_and_yaml() -> None:
    lines = text(
        "evals-json", '{"prompt": "a", "expected_output": "x"}\n{"prompt": "b", "assertions": ["y"]}\n', "evals.jsonl"
    )
    assert [t.source.line for t in lines.tasks] == [1, 2]
    listed = text("evals-json", "evals:\n- {id: 1, prompt: a, assertions: [y]}\n", "evals.yaml")
    assert [t.source.line for t in listed.tasks] == [2]
    assert said(text("evals-json", "5", "evals.json")) == ["evals.json:1: must be a mapping or a list, not a number"]


def test_tasks_that_ask_the_same_stay_in_one_split() -> None:
    value = json.dumps([{**ONE, "id": n, "prompt": "Same " * (n < 3) + "q"} for n in (1, 2, 3)])
    first, second, third = text("evals-json", value, "evals.json").tasks
    assert first.cluster == second.cluster
    assert first.cluster is not None
    assert third.cluster is None


def test_a_list_of_queries_with_expected_behaviour_and_assertions_with_ids() -> None:
    data = '[{"query": "p", "expected_behavior": "OUTCOME. Says yes."}]'
    assert detect("evals/reference.json", data.encode()) == "evals-json"
    (task,) = text("evals-json", data, "evals/reference.json").tasks
    assert (task.prompt, graders(task)) == ("p", {"judge": {"rubric": "OUTCOME. Says yes."}})
    result = one({"expectations": None, "assertions": [{"id": "a1", "text": "Says yes"}]})
    assert graders(result.tasks[0]) == {"judge": {"rubric": "Says yes"}}
    assert not result.losses


@pytest.mark.parametrize(
    ("name", "split"),
    [("holdout", "test"), ("held-out", "test"), ("training", "train"), ("dev", "val"), ("tune", None)],
)
def test_usual_names_of_splits(name: str, split: str | None) -> None:
    result = one({"split": name})
    assert (result.tasks[0].split, result.losses) == (split, ())


def test_an_unusual_name_of_a_split_is_lost() -> None:
    assert [loss.field for loss in one({"split": "nightly"}).losses] == ["split"]


def test_evals_under_another_name_are_no_databricks_cases() -> None:
    value = {
        "skill_name": "a",
        "test_cases": [{"id": "t", "name": "n", "prompt": "p", "expected_behavior": ["Says x"]}],
    }
    data = json.dumps(value)
    assert detect("evals/evals.json", data.encode()) == "evals-json"
    (task,) = text("evals-json", data, "evals/evals.json").tasks
    assert (task.id, task.prompt, graders(task)) == ("t", "p", {"judge": {"rubric": "Says x"}})


def test_samples_test_the_judge_where_it_is_the_only_grader() -> None:
    samples = {"passing": "x it is", "failing": ["no", "never"]}
    result = one({"samples": samples})
    assert graders(result.tasks[0])["judge"] == {"rubric": "Says x", "samples": samples}
    assert not result.losses
    typed = [{"type": "content_contains", "pattern": "x"}]
    for changes in ({"assertions": typed}, {"samples": {"passing": 3}}, {"samples": {}}):
        result = one({"samples": samples, **changes})
        assert "samples" not in graders(result.tasks[0])["judge"]
        assert [loss.field for loss in result.losses] == ([] if changes == {"samples": {}} else ["samples"])


def test_fields_that_nobody_knows_are_lost_by_name_when_they_say_no_or_nought() -> None:
    # Each turns the assertion round or takes its weight: that is no field without a value.
    said_no = {"text": "Mentions rates", "should_pass": False, "importance": 0, "note": "", "more": []}
    content = json.dumps({"evals": [{"id": 1, "prompt": "p", "model": 0, "assertions": [said_no]}]})
    result = text("evals-json", content, path="evals.json")
    assert [loss.field for loss in result.losses] == ["assertions[0].should_pass", "assertions[0].importance"]


def triggers(items: object, path: str = PATH) -> list[bool | None]:
    data = json.dumps(items).encode()
    return [t.should_trigger for t in read(MemoryTree({path: data}), path, data).tasks]


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        (["a", "other", None, ""], [True, False, False, False]),  # another skill is the right choice
        (["a-of-old", "a-of-old", None], [True, True, False]),  # no item has the skill's name: it may have another one
        (["a"], [True]),
        (["b", "c", None], [None, None, False]),  # several skills, none of them this one: nobody can tell
        (["a-of-old", "b", "b"], [None, None, None]),
    ],
)
def test_an_item_that_expects_another_skill_should_not_trigger_this_one(
    named: list[str | None], expected: list[bool]
) -> None:
    items = [{"id": n, "question": f"q{n}", "expected_skill": s, "ground_truth": "g"} for n, s in enumerate(named)]
    assert triggers(items) == expected
    assert triggers({"skill_name": "a", "evals": items}, "evals/evals.json") == expected
    assert triggers({"skill": "a", "cases": items}, "evals/evals.json") == expected


def test_what_is_said_of_triggering_counts_more_than_the_expected_skill() -> None:
    result = one({"should_trigger": False, "expected_skill": "a"})
    assert (result.tasks[0].should_trigger, result.losses) == (False, ())


def test_items_under_cases_with_questions_are_of_this_format() -> None:
    case = {"id": "1", "question": "q", "ground_truth": "g"}
    assert detect("evals/evals.json", json.dumps({"skill": "a", "cases": [case]}).encode()) == "evals-json"
    assert detect("eval.yaml", b"cases: [{name: a, prompt: p, expectations: [x]}]\n") == "decimal-labs"


def test_which_of_several_skills_is_meant_is_lost_where_none_has_the_name_of_this_one() -> None:
    items = [{"id": n, "prompt": "p", "expectations": ["x"], "expected_skill": n} for n in ("b", "c")]
    result = text("evals-json", json.dumps(items), path=PATH)
    assert lost(result) == [(1, "b", "expected_skill"), (1, "c", "expected_skill")]


def test_a_text_that_is_called_a_pattern_is_not_looked_for_as_it_stands() -> None:
    """No answer says "a|b": the check failed for every one."""
    typed = [{"type": "content_contains", "pattern": text} for text in ("plain words", "unclear|illegible")]
    result = one({"assertions": [*typed, {"type": "content_contains", "value": "a|b"}]})
    assert rules(result.tasks[0]) == [("contains", "plain words", True), ("contains", "a|b", True)]
    assert [loss.reason.partition(",")[0] for loss in result.losses] == ["a text"]


def test_what_a_file_must_contain_is_not_asked_of_the_answer() -> None:
    typed = {"name": "Has a gateway", "type": "content_contains", "path": "docs/arch.md", "contains": "gateway"}
    result = one({"expectations": None, "assertions": [typed, "Is short"]})
    assert graders(result.tasks[0]) == {"judge": {"rubric": "Is short"}}
    assert [loss.reason for loss in result.losses] == ["needs an agent harness with a workspace"]


@pytest.mark.parametrize("kind", ["must_not", "not_contains", "not-contains", "content_not_contains", "forbidden"])
def test_a_criterion_that_its_type_turns_round_is_no_criterion(kind: str) -> None:
    """What must not be said became what the answer had to say."""
    result = one({"assertions": [{"type": kind, "text": "An apology"}]})
    assert graders(result.tasks[0]) == {"judge": {"rubric": "Says x"}}
    assert [loss.field for loss in result.losses] == ["assertions[0]"]


@pytest.mark.parametrize("kind", ["", "quality", "notes", "north"])
def test_other_types_leave_their_words_as_they_are(kind: str) -> None:
    result = one({"expectations": None, "assertions": [{"type": kind, "text": "An apology"}]})
    assert (graders(result.tasks[0]), result.losses) == ({"judge": {"rubric": "An apology"}}, ())


def test_a_second_check_in_an_assertion_is_told() -> None:
    result = one({"expectations": None, "assertions": [{"name": "a", "text": "It plays", "check": "ffprobe out.mp4"}]})
    assert graders(result.tasks[0]) == {"judge": {"rubric": "It plays"}}
    assert [loss.field for loss in result.losses] == ["assertions[0].check"]


def test_files_may_come_with_words_about_them() -> None:
    files = [{"path": "files/x.txt", "purpose": "the order"}, "y.txt"]
    result = one({"files": files}, {"skills/a/evals/files/x.txt": b"x", "skills/a/evals/y.txt": b"y"})
    assert [f.name for f in result.tasks[0].files] == ["x.txt", "y.txt"]
    assert [loss.field for loss in result.losses] == ["files[0].purpose"]
    assert "a file without a 'path'" in str(said(one({"files": [{"name": "x"}]})))


@pytest.mark.parametrize("key", ["expect", "checks", "criteria", "assertions", "expected_behaviors"])
def test_criteria_in_words_under_the_names_that_people_give_them(key: str) -> None:
    """A list of cases was read as decimal-labs', which has no such field: every criterion and every id was lost."""
    case: dict[str, object] = {"id": "one", "prompt": "Fix it", key: ["Names the cause", "Is short"]}
    for value in ([case], {"version": 1, "cases": [case]}):
        assert detect("evals/cases.json", json.dumps(value).encode()) == "evals-json"
        result = text("evals-json", json.dumps(value), path="evals/cases.json")
        assert (result.losses, [t.id for t in result.tasks]) == ((), ["one"])
        assert graders(result.tasks[0]) == {"judge": {"rubric": ["Names the cause", "Is short"]}}


@pytest.mark.parametrize("value", ["Paris", [], [1], {"equals": "Paris"}])
def test_other_things_under_such_a_name_are_no_criteria(value: object) -> None:
    row = {"prompt": "Capital?", "checks": value}
    assert detect("t.json", json.dumps([row]).encode()) == "native"
    result = text("evals-json", json.dumps({"cases": [row]}), path="t.json")
    assert [(t.graders, loss.field) for t, loss in zip(result.tasks, result.losses, strict=False)] == (
        [(None, "checks")] if value else []
    )


def test_what_only_a_native_task_has_is_no_item_of_evals_json() -> None:
    row = {"prompt": "Capital?", "expected": "Paris", "checks": ["Is short"]}
    assert detect("t.json", json.dumps([row]).encode()) == "native"


def test_an_expected_result_describes_a_good_answer() -> None:
    content = json.dumps({"evals": [{"name": "w", "prompt": "Weather?", "expected_result": "Names the city"}]})
    (task,) = text("evals-json", content, path="evals.json").tasks
    assert graders(task)["judge"]["rubric"] == "The answer does what this description says: Names the city"


def test_one_evaluation_a_file_as_the_authoring_guide_of_skills_has_it() -> None:
    wanted = ["Reads it", "Says so"]
    value = {"skills": ["a"], "query": "Read it", "files": ["files/x.txt"], "expected_behavior": wanted}
    data = json.dumps(value, indent=1).encode()
    path = "skills/a/evals/read.json"
    assert detect(path, data) == "evals-json"
    result = read(MemoryTree({path: data, "skills/a/files/x.txt": "x"}), path, data)
    assert [(t.prompt, [f.name for f in t.files]) for t in result.tasks] == [("Read it", ["x.txt"])]
    assert graders(result.tasks[0]) == {"judge": {"rubric": wanted}}
    assert [loss.reason for loss in result.losses] == ["which skills an agent has is said in skillopt.yml"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"test_cases": [{"query": "q", "should_trigger": True}]}, "evals-json"),
        ({"test_cases": [{"question": "q", "answer": "a"}]}, "qa"),  # the answer was lost
        ({"test_cases": [{"question": "q", "expected_output": "a"}]}, "evals-json"),
        ({"cases": [{"id": 1, "prompt": "p", "forbids": ["x"]}]}, "evals-json"),
        ({"cases": [{"id": 1, "question": "q", "forbids": ["x"]}]}, "native"),
        ({"cases": [{"name": "a", "prompt": "p", "validators": [{"cmd": "x"}], "more": 1}]}, "decimal-labs"),
        ({"cases": [{"name": "a", "prompt": "p"}]}, "decimal-labs"),
        ({"cases": [{"input": "q", "expected": {"contains": ["a"]}}]}, "upskill"),
        ({"cases": [{"input": "q", "expected": "a"}]}, "qa"),
        ({"cases": [{"input": {"q": "q"}, "expected": {"a": "a"}}]}, "qa"),
    ],
)
def test_whose_cases_they_are(value: object, expected: str) -> None:
    assert detect("evals/t.json", json.dumps(value).encode()) == expected
