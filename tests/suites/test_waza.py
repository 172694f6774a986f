"""waza."""

from tests.suites.samples import graders, lost, rules, said, sample, text


def test_the_sample() -> None:
    result = sample("waza/eval.yaml")
    (task,) = result.tasks
    assert (task.id, task.tags, task.metadata["context"]) == ("refund-001", ("smoke",), {"language": "en"})
    assert [(f.name, f.data) for f in task.files] == [("note.txt", b"paid"), ("order.txt", b"order 1234\n")]
    assert rules(task)[:4] == [
        ("contains", "Window", True),
        ("contains_any", ["no", "not"], True),
        ("not_contains", "maybe", True),
        ("not_regex", r"fatal error\Z", "i"),
    ]
    assert rules(task)[4:6] == [("contains", "Order"), ("not_contains", "ORDER")]
    assert graders(task)["json"] == {"whole": True, "schema": {"type": "object"}}
    assert graders(task)["judge"] == {"rubric": "Is it polite?"}
    assert lost(result) == [
        (1, "off-001", ""),
        (4, "", "config"),
        (9, "", "metrics"),
        (14, "", "graders[0]"),
        (15, "refund-001", "expected.outcomes"),
        (16, "refund-001", "expected.behavior"),
        (23, "refund-001", "graders[1].config.model"),
        (27, "refund-001", "graders[3]"),
    ]


def test_tasks_inside_the_file_prompt_files_and_schema_files() -> None:
    content = (
        "tasks:\n- {id: a, prompt: p, expected: like this, validators: [{type: prompt, rubric: Is it?, weight: 2}]}\n"
        "- {id: b, inputs: {prompt_file: q.md, follow_up_prompts: [x]}, "
        "graders: [{type: json_schema, config: {schema_file: s.json}}]}\n"
        "- {id: c, prompt: '{{.Vars.x}}'}\n"
        "- {id: d, prompt: p, "
        "graders: [{type: regex, config: {must_match: ['(?=x)y', '\\Qz'], must_not_match: [w]}}]}\n"
        "- {id: e, prompt: p, graders: [{type: json_schema, config: {schema_file: none.json}}]}\n"
        "- {id: f, inputs: {prompt: p, files: [{path: x.txt}]}, context_dir: ctx}\n"
        "tasks_from: rows.csv\n"
    )
    result = text("waza", content, **{"q.md": "Question", "s.json": '{"type": "array"}', "ctx/x.txt": "x"})
    by_id = {t.id: t for t in result.tasks}
    assert graders(by_id["a"])["judge"] == {"rubric": "Is it?", "reference": "like this"}
    assert by_id["b"].prompt == "Question"
    assert graders(by_id["b"])["json"] == {"whole": True, "schema": {"type": "array"}}
    assert rules(by_id["d"]) == [("regex", "(?=x)y", ""), ("not_regex", "w", "")]
    assert [f.data for f in by_id["f"].files] == [b"x"]
    assert said(result) == ["f.yaml:6: cannot be read: none.json: no such file"]
    assert ("e", "graders[0]") in {(loss.item, loss.field) for loss in result.losses}
    assert {loss.field for loss in result.losses} >= {"tasks_from", "inputs.follow_up_prompts"}


def test_patterns_without_files() -> None:
    assert said(text("waza", "tasks: ['t/*.yaml', '../../x']\n")) == [
        "f.yaml:1:1: 'tasks': no file matches 't/*.yaml'",
        "f.yaml:1:1: 'tasks': no file matches '../../x'",
    ]


def test_what_is_expected_in_words_is_kept_where_no_judge_is_shown_it() -> None:
    content = (
        "tasks:\n- {id: a, prompt: p, expected: Stays out of it, validators: [{type: text, config: {contains: [x]}}]}\n"
    )
    (task,) = text("waza", content).tasks
    assert dict(task.metadata) == {"expected": "Stays out of it"}
