"""Vally stimuli and the older scenarios."""

from tests.suites.samples import graders, lost, rules, said, sample, text

BOUNDARY = "(?:(?<=[A-Za-z0-9_])(?![A-Za-z0-9_])|(?<![A-Za-z0-9_])(?=[A-Za-z0-9_]))"  # JavaScript's


def test_stimuli() -> None:
    result = sample("vally/eval.yaml")
    (task,) = result.tasks
    assert (task.id, task.should_trigger) == ("Refuses a late refund", True)
    assert [(f.name, f.data) for f in task.files] == [("data/order.txt", b"order 1234\n")]
    assert graders(task) == {
        "weighted": {
            "graders": [
                {"type": "rules", "checks": [{"op": "min_chars", "arg": 1}]},
                {"type": "rules", "checks": [{"op": "contains", "arg": "Window", "ignore_case": True}]},
                {"type": "rules", "checks": [{"op": "not_contains", "arg": "Sorry"}]},
                {"type": "rules", "checks": [{"op": "regex", "arg": rf"^no{BOUNDARY}", "flags": "i"}]},
                {"type": "rules", "checks": [{"op": "not_regex", "arg": "[0-9]+", "flags": ""}]},
                {"type": "judge", "rubric": "Names the window"},
            ],
            "threshold": 0.8,
        }
    }
    assert [(line, field) for line, _, field in lost(result)] == [
        (3, "defaults"),
        (24, "graders[5]"),
        (26, "graders[6]"),
        (31, "constraints"),
        (32, "scoring.threshold"),
    ]


def test_scenarios() -> None:
    result = sample("scenarios/eval.yaml")
    (task,) = result.tasks
    assert rules(task) == [
        ("contains", "Window", True),
        ("not_contains", "sorry", True),
        ("regex", r"^no\b", "i"),
        ("not_regex", r"maybe(?=\n?\Z)", "i"),
    ]
    assert [f.name for f in task.files] == ["order.txt"]
    assert [field for _, _, field in lost(result)] == [
        "setup.copy_test_files",
        "assertions[4]",
        "expect_tools",
        "timeout",
    ]


HEAD = """
stimuli:
- name: a
  prompt: p
  tags: {kind: x}
  rubric: [r]
  environment:
    commands: [make]
    files:
    - {src: ../../../tests/x.txt}
    - {src: folder, dest: in}
"""
BAD = """\
    - {src: none.txt}
    - {dest: y}
    - {src: folder/a.txt, dest: ../up}
    - {path: ../z, content: z}
"""
TAIL = """\
  graders:
  - {type: pairwise}
  - {type: output-contains, config: {}}
  - {type: output-matches, config: {pattern: '(?x)a'}}
  - {type: prompt, config: {prompt: Is it?, scoring: scale_1_5}}
"""
PLAIN = """\
    - folder/a.txt
    - ../../tests/x.txt
"""
FILES = {"tests/x.txt": "x", "e/folder/a.txt": "1", "e/folder/b/c.txt": "2"}


def test_files_that_are_wrong() -> None:
    result = text("vally", HEAD + BAD + TAIL, "e/eval.yaml", **FILES)
    assert result.tasks == ()
    assert [m.partition(": ")[2] for m in said(result)] == [
        "a file has neither 'src' nor 'content'",
        "'files': the name '../z' is not a relative path without '..'",
        "'files': there is no file 'none.txt'",
        "'files': '../up' is not a relative path without '..'",
    ]


def test_files_from_elsewhere_and_folders() -> None:
    result = text("vally", HEAD + TAIL, "e/eval.yaml", **FILES)
    (task,) = result.tasks
    assert [f.name for f in task.files] == ["in/a.txt", "in/b/c.txt", "x.txt"]
    assert task.metadata["tags"] == {"kind": "x"}
    assert graders(task)["judge"]["rubric"] == ["r", "Is it?"]
    assert [field for _, _, field in lost(result)] == [
        "environment.commands",
        "graders[0]",
        "graders[1]",
        "graders[2]",
        "graders[3].config.scoring",
    ]


def test_files_that_are_named_by_their_paths_alone() -> None:
    result = text("vally", HEAD.replace("../../../", "../") + PLAIN + TAIL, "e/eval.yaml", **FILES)
    assert result.problems == ()
    assert [f.name for f in result.tasks[0].files] == ["folder/a.txt", "in/a.txt", "in/b/c.txt", "tests/x.txt", "x.txt"]


def test_a_stimulus_of_several_turns_is_lost_and_the_others_are_read() -> None:
    one = "{name: a, turns: [Begin., Go on.], graders: [{type: prompt}]}"
    assert text("vally", f"stimuli: [{one}]\nscoring: {{threshold: 0.5}}\n").losses[0].field == ""
    result = text("vally", f"stimuli:\n- {one}\n- {{name: b, prompt: p, rubric: [r]}}\n")
    assert ([t.id for t in result.tasks], result.problems) == (["b"], ())
    assert [(loss.line, loss.item, loss.reason) for loss in result.losses] == [
        (2, "a", "a conversation of several turns")
    ]
