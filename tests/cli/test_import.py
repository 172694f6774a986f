"""`import`, and what `check` says of foreign files."""

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.world import TASKS, bytes_of, call, call_json, config, files, write

DATA = Path(__file__).parent.parent / "data"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    shutil.copytree(DATA / "evals-json" / "review-diff", tmp_path / "p" / "skills" / "review-diff")
    return tmp_path / "p"


def test_a_file_becomes_native_and_its_losses_are_told(root: Path) -> None:
    done, value = call_json(root, "import", "skills/review-diff/evals/evals.json", "-o", "evals/own.jsonl")
    assert done.code == 0
    assert done.out == "3 tasks written to evals/own.jsonl; 3 parts of the source not imported\n"
    assert [line.partition(": warning: not imported: ")[2].partition(":")[0] for line in done.lines] == [
        "'force_skill_invocation' of 'explicit-invoke'",
        "'assertions[]' of 'explicit-invoke' and 1 more like it",
    ]
    assert value["schema"] == "skillopt-ci/import/1"
    assert value["tasks"] == 3
    assert len(value["files"]) == 3
    assert value["losses"][0] == {
        "file": "skills/review-diff/evals/evals.json",
        "line": 9,
        "item": "explicit-invoke",
        "field": "force_skill_invocation",
        "reason": "an agent harness decides how a skill is invoked; direct chat always gives it",
    }
    lines = [json.loads(line) for line in (root / "evals/own.jsonl").read_text().splitlines()]
    assert [line["id"] for line in lines] == ["explicit-invoke", "implicit-invoke", "negative-control"]
    assert sorted(lines[0]["files"]) == ["changes.diff", "orders.py"]
    again = call(root, "import", "evals/own.jsonl", "-o", "evals/again.jsonl", "--quiet")
    assert (again.code, again.err, again.out) == (0, "", "3 tasks written to evals/again.jsonl\n")
    first = (root / "evals/own.jsonl").read_text().replace("own_files", "again_files")
    assert (root / "evals/again.jsonl").read_text() == first


def test_where_no_task_can_be_imported_nothing_is_written(root: Path) -> None:
    tests = 'tests:\n  - vars: {q: "What is 1+1?"}\n    assert: [{type: javascript, value: "output.length > 1"}]\n'
    write(root, {"p.yaml": 'prompts: ["{{q}}"]\n' + tests})
    done, value = call_json(root, "import", "p.yaml", "--format", "promptfoo", "-o", "t.jsonl")
    assert (done.code, value["exit_code"], value["tasks"], value["files"]) == (2, 2, 0, [])
    assert done.out == "no task could be imported, and nothing was written: see above why\n"
    assert "code is never run on import" in done.err
    assert [loss["line"] for loss in value["losses"]] == [3, 4]
    assert not (root / "t.jsonl").exists()


def test_a_file_from_elsewhere_and_graders_for_tasks_without(root: Path) -> None:
    source = DATA / "formats" / "inspect" / "samples.jsonl"
    shutil.copytree(source.parent, root.parent / "outside" / "data")
    place = str(root.parent / "outside" / "data" / source.name)
    assert call(root, "import", place, "-o", "t.jsonl", "--grader", "exact", "--format", "inspect").code == 0
    graders = [json.loads(line)["graders"] for line in (root / "t.jsonl").read_text().splitlines()]
    assert graders == [[{"type": "exact"}], [{"type": "exact"}], [{"type": "choice", "choices": ["stone", "apple"]}]]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("none.json", "-o", "t.jsonl"), "none.json: there is no such file or folder"),
        (("/", "-o", "t.jsonl"), "/: that is the whole file system; name the file or folder of the evaluation"),
        (("bad.json", "-o", "t.jsonl"), "bad.json:1:3: 'prompt' must be a string"),
        (("empty.json", "-o", "t.jsonl"), "empty.json: there are no tasks; name the file or folder that has them"),
        (("good.json", "-o", "t.yaml"), "the name of a native task file ends in .jsonl"),
        (("good.json", "-o", "t.jsonl", "--grader", "exakt"), "perhaps you meant 'exact'?"),
        (("good.json", "-o", "t.jsonl", "--format", "evals"), "unknown task format 'evals'"),
        (("good.json", "-o", "good.json/t.jsonl"), "cannot be written"),
        (
            ("good.json", "-o", "mine.jsonl"),
            "--output mine.jsonl: there is such a file; remove it, or name another one",
        ),
        (("twice.json", "-o", "t.jsonl"), "the id '1' is taken by"),
        (("good.json",), "Missing option"),
    ],
)
def test_mistakes(root: Path, words: tuple[str, ...], expected: str) -> None:
    one = {"id": 1, "prompt": "p", "expectations": ["x"]}
    write(
        root,
        {
            "bad.json": '[{"prompt": 5, "expectations": ["x"]}]',
            "empty.json": '{"evals": []}',
            "good.json": json.dumps({"evals": [one]}),
            "mine.jsonl": "mine",
            "twice.json": json.dumps({"evals": [one, {**one, "prompt": "q"}]}),
        },
    )
    done = call(root, "import", *words)
    assert done.code == 2
    assert expected in done.err
    assert not (root / "t.jsonl").exists()
    assert bytes_of(root, ["mine.jsonl"]) == {"mine.jsonl": b"mine"}


@pytest.mark.parametrize("name", ["none.json", "none/x.json", "empty.json", "bad.json"])
def test_an_import_that_fails_leaves_no_result_of_an_earlier_one(root: Path, name: str) -> None:
    write(root, {"bad.json": '[{"prompt": 5, "expectations": ["x"]}]', "empty.json": '{"evals": []}'})
    place = root / "result.json"
    place.write_text('{"exit_code": 0}', encoding="utf-8")
    done = call(root, "import", name, "-o", "t.jsonl", "--json", str(place))
    value = json.loads(place.read_text(encoding="utf-8"))
    assert (done.code, value["schema"], value["exit_code"]) == (2, "skillopt-ci/import/1", 2)
    assert name in str(value.get("message") or value["problems"])


def test_an_attachment_that_cannot_be_written(root: Path) -> None:
    write(root, {"evals/own_files": "in the way"})
    done = call(root, "import", "skills/review-diff/evals/evals.json", "-o", "evals/own.jsonl")
    assert done.code == 2
    assert "evals/own_files/" in done.err
    assert "cannot be written" in done.err


def test_check_shows_losses_and_lists_them_as_json(tmp_path: Path) -> None:
    root = tmp_path / "p"
    write(root, files())
    shutil.copytree(DATA / "evals-json" / "review-diff", root / "evals" / "diff")
    shutil.copytree(DATA / "formats" / "triggers", root / "evals" / "triggers")
    skill = {
        **json.loads(config())["skills"][0],
        "tasks": [TASKS, "evals/diff/evals/evals.json", "evals/triggers"],
        "judge": {"provider": "models", "model": "large"},
    }
    write(root, {"skillopt.yml": config(skills=[skill])})
    done, value = call_json(root, "check")
    assert done.code == 0
    assert value["skills"][0]["train"] + value["skills"][0]["val"] + value["skills"][0]["test"] == 32
    assert [loss["field"] for loss in value["losses"]] == ["force_skill_invocation", "assertions[5]", "assertions[4]"]
    told = "\n".join(done.lines)
    assert "evals/diff/evals/evals.json:9: warning: not imported: 'force_skill_invocation'" in told
    assert "2 tasks are about whether the skill triggers" in told


def test_a_grader_that_would_not_work_is_told_with_the_line_it_came_from(tmp_path: Path) -> None:
    checks = [{"op": "contains", "arg": "a"}, {"op": "max_chars", "arg": -5}]
    lines = [
        {"task_id": name, "task": name, "judge": {"kind": "rule", "checks": found}}
        for name, found in (("good", checks[:1]), ("bad", checks))
    ]
    write(tmp_path, {"skillopt-benchmark.jsonl": "\n".join(map(json.dumps, lines))})
    done = call(tmp_path, "import", "skillopt-benchmark.jsonl", "-o", "own.jsonl")
    assert done.code == 2
    words = "grader 'rules', check 2: check 'max_chars': 'arg' must be a whole number from 0 on, not -5"
    assert done.lines == [f"skillopt-benchmark.jsonl:2: {words}"]
    assert not (tmp_path / "own.jsonl").exists()


def test_the_files_of_a_script_are_no_reason_to_refuse_its_task(tmp_path: Path) -> None:
    grader = {"type": "script", "run": "python check.py", "files": ["evals/check.py"]}
    task = {"id": "a", "prompt": "Do it.", "graders": [grader]}
    write(tmp_path, {"evals/tasks.jsonl": json.dumps(task), "evals/check.py": "print()"})
    assert call(tmp_path, "import", "evals/tasks.jsonl", "-o", "evals/own.jsonl").code == 0
    assert json.loads((tmp_path / "evals/own.jsonl").read_text())["graders"] == [grader]


def test_how_many_more_there_are_is_said_of_the_problem_above(tmp_path: Path) -> None:
    lines = [{"prompt": "p", "metadata": 5}, {"prompt": "p", "tags": 5}] * 7
    write(tmp_path, {"tasks.jsonl": "\n".join(map(json.dumps, lines))})
    told = call(tmp_path, "import", "tasks.jsonl", "-o", "own.jsonl").lines
    places = [f"tasks.jsonl:{number}" for number in range(1, 11)]
    assert [line.partition(": ")[0] for line in told] == [*places[:9], "tasks.jsonl", places[9], "tasks.jsonl"]
    assert told[9] == told[11] == "tasks.jsonl: and 2 more like the last one"
