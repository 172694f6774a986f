"""What holds for every foreign format: it is recognised, read without errors, written natively, and never crashes."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci import plugins
from skillopt_ci.core.split import SplitWeights
from skillopt_ci.graders.validate import validate
from skillopt_ci.suites import native
from skillopt_ci.suites.base import ReadResult
from skillopt_ci.suites.detect import detect
from skillopt_ci.suites.load import TaskEntry, load_suite
from skillopt_ci.suites.write import to_jsonl
from tests.fakes import MemoryTree
from tests.suites.samples import DATA, FORMATS, SAMPLES, reader, sample, tree_of

PUBLIC = [f"{name}/evals/evals.json" for name in ("review-diff", "validate-config")]
TREE = tree_of(FORMATS)


def read(path: str) -> ReadResult:
    return sample(path, FORMATS if path in SAMPLES else DATA / "evals-json")


@pytest.mark.parametrize(("path", "expected"), SAMPLES.items())
def test_the_format_is_found_out(path: str, expected: str) -> None:
    assert detect(path, (FORMATS / path).read_bytes()) == expected
    assert expected in plugins.names("suites")


def test_every_format_has_a_sample() -> None:
    own = {"native", "gbrain", "skillopt-splits"}
    # these have tests and examples of their own: test_benchmarks.py, examples/benchmarks
    own |= {"docvqa", "searchqa", "officeqa", "livemath", "spreadsheetbench", "spreadsheetbench-chat"}
    assert set(SAMPLES.values()) | own == set(plugins.BUILTIN["suites"])


@pytest.mark.parametrize("path", [*SAMPLES, *PUBLIC])
def test_samples_are_read_without_errors_and_their_graders_fit(path: str) -> None:
    result = read(path)
    assert [str(p) for p in result.problems] == []
    for task in result.tasks:
        assert task.source.line >= 1
        assert validate(task.graders or (), task) == [] or not task.graders
    for loss in result.losses:
        assert loss.line >= 1
        assert loss.reason
        assert loss.item in {"", *(t.id for t in result.tasks), "extract", "not-found", "off-001", "refunds"}


@pytest.mark.parametrize("path", [*SAMPLES, *PUBLIC])
def test_written_natively_and_read_again_the_tasks_are_the_same(path: str) -> None:
    tasks = read(path).tasks
    written = to_jsonl(tasks, folder="own_files")
    tree = MemoryTree({f"evals/{name}": data for name, data in written.files.items()})
    again = native.read(tree, "evals/own.jsonl", written.text.encode())
    assert again.problems == ()
    assert [t.identity() for t in again.tasks] == [t.identity() for t in tasks]
    assert [(t.tags, dict(t.metadata)) for t in again.tasks] == [(t.tags, dict(t.metadata)) for t in tasks]


@given(
    st.sampled_from(sorted(SAMPLES)),
    st.integers(0, 5000),
    st.binary(max_size=3) | st.sampled_from([b"[", b"{}", b"null", b"- ", b'"', b": 1", b"true", b"\n"]),
    st.booleans(),
)
def test_mutated_files_give_messages_with_file_and_line_and_never_a_traceback(
    path: str, at: int, junk: bytes, cut: bool
) -> None:
    data = (FORMATS / path).read_bytes()
    at %= len(data)
    changed = data[:at] + junk + (b"" if cut else data[at + len(junk) :])
    tree = MemoryTree({**TREE.files, path: changed})
    assert detect(path, changed)
    result = reader(SAMPLES[path])(tree, path, changed)
    for problem in result.problems:
        assert problem.file in TREE.files
        assert problem.line >= 1
        assert problem.message
        assert "\n" not in problem.message
    for task in result.tasks:
        assert task.identity()
        assert task.prompt.strip()


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", " ", "x", "file://x", "{{a}}", "../../x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "value", "a"]), inner),
    max_leaves=6,
)


def _places(value: object, at: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(place for key, one in inner for place in _places(one, (*at, key)))]


def _replaced(value: object, at: tuple[str | int, ...], new: object) -> object:
    if not at:
        return new
    if isinstance(value, dict):
        return {k: _replaced(v, at[1:], new) if k == at[0] else v for k, v in value.items()}
    assert isinstance(value, list)
    return [_replaced(v, at[1:], new) if n == at[0] else v for n, v in enumerate(value)]


def _json_of(path: str) -> object:
    from skillopt_ci.suites.document import parse_document

    document, _ = parse_document(path, (FORMATS / path).read_text())
    return json.loads(json.dumps(document.value if document else None))


_STRUCTURES = {p: _json_of(p) for p in SAMPLES if re.search(r"\.(json|ya?ml)$", p)}


@given(st.data())
def test_any_value_in_any_place_is_answered_with_words(data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(sorted(_STRUCTURES)))
    at = data.draw(st.sampled_from(_places(_STRUCTURES[path])))
    changed = json.dumps(_replaced(_STRUCTURES[path], at, data.draw(_VALUES)), indent=1).encode()
    tree = MemoryTree({**TREE.files, path: changed})
    result = reader(SAMPLES[path])(tree, path, changed)
    assert all(p.line >= 0 and p.file in TREE.files for p in result.problems)
    assert all(t.prompt.strip() for t in result.tasks)
    for task in result.tasks:
        validate(task.graders or (), task)


@pytest.mark.parametrize("path", SAMPLES)
def test_bytes_that_are_no_text_and_unreviewed_files_are_refused(path: str) -> None:
    read_one = reader(SAMPLES[path])
    (problem, *_) = read_one(TREE, path, b"\xff").problems
    assert "not valid UTF-8" in problem.message
    if not path.endswith((".jsonl", ".md")):
        data = (FORMATS / path).read_bytes() + b"\n# BOOTSTRAP_PENDING_REVIEW\n"
        result = read_one(MemoryTree({**TREE.files, path: data}), path, data)
        assert result.tasks == ()
        assert any("not reviewed" in p.message and p.line > 1 for p in result.problems)


def test_a_whole_folder_is_read_and_parts_of_suites_are_no_suites() -> None:
    for folder, count in (("waza", 1), ("plugin-eval", 1), ("tessl", 1), ("promptfoo", 12), ("triggers", 2)):
        suite, problems, _ = load_suite(TREE, [TaskEntry(pattern=f"{folder}/**")], split=SplitWeights())
        assert [str(p) for p in problems if not p.warning] == []
        assert len(suite.tasks) == count
        named, _, _ = load_suite(TREE, [TaskEntry(pattern=folder)], split=SplitWeights())
        assert [t.id for t in named.tasks] == [t.id for t in suite.tasks]


def test_a_part_that_is_named_itself_is_told_what_it_is() -> None:
    _, (problem,), _ = load_suite(
        TREE, [TaskEntry(pattern="plugin-eval/evals/refund/graders/tone.md")], split=SplitWeights()
    )
    assert "name the file it belongs to" in problem.message


def test_direct_chat_leaves_out_what_is_about_triggering() -> None:
    entries = [TaskEntry(pattern=p) for p in ("triggers", "evals-json/evals.json", "trigger-tests")]
    suite, problems, _ = load_suite(TREE, entries[:2], split=SplitWeights(), triggers=False)
    assert [t.id for t in suite.tasks] == ["1", "3"]
    words = [str(p) for p in problems if "triggers" in p.message]
    assert words == [
        "evals-json/evals.json:11: warning: the task '2' is about whether the skill triggers, "
        "which needs an agent whose choice is seen; direct chat, and `command` without `tools`, leave them out",
        "triggers/eval_queries.json:2: warning: 2 tasks are about whether the skill triggers, "
        "which needs an agent whose choice is seen; direct chat, and `command` without `tools`, leave them out",
    ]
    suite, _, _ = load_suite(TREE, entries[:2], split=SplitWeights())
    assert len(suite.tasks) == 5


def test_the_public_files_and_what_is_lost_of_them() -> None:
    root = DATA / "evals-json"
    results = {Path(p).parts[0]: sample(p, root) for p in PUBLIC}
    assert {n: [t.id for t in r.tasks] for n, r in results.items()} == {
        "review-diff": ["explicit-invoke", "implicit-invoke", "negative-control"],
        "validate-config": ["explicit-invoke", "implicit-invoke", "reference-knowledge", "negative-control"],
    }
    assert {n: [(x.line, x.item, x.field) for x in r.losses] for n, r in results.items()} == {
        "review-diff": [
            (16, "explicit-invoke", "assertions[5]"),
            (9, "explicit-invoke", "force_skill_invocation"),
            (29, "implicit-invoke", "assertions[4]"),
        ],
        "validate-config": [
            (11, "explicit-invoke", "assertions[0]"),
            (12, "explicit-invoke", "assertions[1]"),
            (9, "explicit-invoke", "force_skill_invocation"),
            (26, "implicit-invoke", "assertions[0]"),
            (27, "implicit-invoke", "assertions[1]"),
            (52, "negative-control", "assertions[1]"),
            (53, "negative-control", "assertions[2]"),
        ],
    }
    assert [f.name for f in results["review-diff"].tasks[0].files] == ["changes.diff", "orders.py"]
    assert [t.should_trigger for t in results["review-diff"].tasks] == [None, None, False]
