"""The publishers' layouts of five benchmarks of the paper."""

import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci import plugins
from skillopt_ci.core.task import Attachment
from skillopt_ci.graders.build import build
from skillopt_ci.suites.base import ReadResult
from skillopt_ci.suites.detect import detect
from skillopt_ci.suites.livemath import shuffled
from skillopt_ci.suites.write import to_jsonl
from tests.books import workbook
from tests.fakes import MemoryTree
from tests.graders.helpers import said as answered

PNG = b"\x89PNG\r\n\x1a\n"


def read(path: str, data: bytes | str, kind: str = "", **beside: bytes) -> ReadResult:
    raw = data.encode() if isinstance(data, str) else data
    files = {path: raw, **{name.replace("__", "/"): content for name, content in beside.items()}}
    return read_in(files, path, kind)


def read_in(files: Mapping[str, bytes], path: str, kind: str = "") -> ReadResult:
    found = detect(path, files[path])
    result: ReadResult = plugins.load("suites", kind or found)(MemoryTree(files), path, files[path])
    return result


def told(result: ReadResult) -> list[str]:
    return [str(p) for p in result.problems]


QUESTION = {
    "questionId": 337, "question": "What is the date?", "question_types": ["form"], "image": "documents/a_1.png",
    "docId": 279, "ucsf_document_id": "a", "ucsf_document_page_no": "1", "answers": ["1/8/93", "1/8/93"],
    "data_split": "val",
}  # fmt: skip


def docvqa(*changes: dict[str, object]) -> str:
    data = [{**QUESTION, **c} for c in changes]
    return json.dumps({"dataset_name": "docvqa", "dataset_version": "1.0", "dataset_split": "val", "data": data})


@pytest.mark.parametrize("place", ["d/documents/a_1.png", "d/a_1.png", "d/spdocvqa_images/a_1.png"])
def test_docvqa_attaches_its_images(place: str) -> None:
    result = read_in({"d/val_v1.0.json": docvqa({}, {"questionId": 338}).encode(), place: PNG}, "d/val_v1.0.json")
    assert told(result) == []
    assert result.losses == ()
    first, second = result.tasks
    assert (first.id, first.prompt, first.expected) == ("337", "What is the date?", ("1/8/93",))
    assert first.files == (Attachment(name="a_1.png", data=PNG),)
    assert first.files[0].data is second.files[0].data
    assert (first.cluster, first.split, first.graders) == ("document 279", None, None)


def test_docvqa_without_answers_is_lost_and_without_images_is_an_error() -> None:
    result = read("val.json", docvqa({"answers": []}, {"questionId": 2}))
    assert [(loss.item, loss.reason[:26]) for loss in result.losses] == [("337", "a question without answers")]
    (problem,) = told(result)
    assert "'image': there is no file 'documents/a_1.png' beside this one" in problem
    many = read("val.json", docvqa(*({"questionId": n, "image": f"{n}.png"} for n in range(30))))
    assert len(many.problems) == 11
    assert "30 images are missing in all" in "".join(told(many))
    rows = json.dumps([{k: v for k, v in QUESTION.items() if k != "image"} | {"image_path": "x.png"}])
    assert read("rows.json", rows, **{"x.png": PNG}).tasks[0].files[0].name == "x.png"


ROW = {
    "key": "k1",
    "question": "Who sang it?",
    "context": "[DOC] A sang it.",
    "answers": ["A"],
    "labels": [{"start": 1}],
}
MRQA = [
    {"header": {"dataset": "SearchQA", "split": "dev"}},
    {"id": "", "context": "[DOC] A sang it.", "context_tokens": [], "qas": [
        {"qid": "k1", "question": "Who sang it?", "answers": ["A"], "detected_answers": [], "question_tokens": []}]},
]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("rows.jsonl", json.dumps(ROW) + "\n"),
        ("rows.json", json.dumps([ROW])),
        ("SearchQA.jsonl", "".join(json.dumps(line) + "\n" for line in MRQA)),
        ("test.txt", "[DOC] A sang it. ||| Who sang it? ||| A\n"),
    ],
)
def test_searchqa_in_its_three_layouts(path: str, text: str) -> None:
    result = read(path, text)
    assert told(result) == []
    (task,) = result.tasks
    assert (task.prompt, task.context, task.expected) == ("Who sang it?", "[DOC] A sang it.", ("A",))
    assert task.id == "k1" or path.endswith(".txt")
    assert [loss.field for loss in result.losses] in ([], ["qas[0]"], [""])


def test_searchqa_says_what_is_wrong_with_its_line() -> None:
    assert told(read("a.txt", "a ||| b ||| c\nonly ||| two\n"))[0].startswith("a.txt:2: must be context |||")
    assert "it has no answers" in told(read("a.jsonl", json.dumps({**ROW, "answers": []}) + "\n"))[0]


OFFICE = (
    "uid,question,answer,source_docs,source_files,difficulty\n"
    'UID0001,"How much, in\nmillions?",543 million,https://x.example,"a.txt; far/b.txt",hard\n'
    "UID0002,Which month?,March 1977,,b.txt,easy\n"
)


def test_officeqa_attaches_the_documents_that_are_there() -> None:
    files = {"d/q.csv": OFFICE.encode(), "d/treasury_bulletins_parsed/transformed/b.txt": b"Table 1"}
    result = read_in(files, "d/q.csv")
    assert told(result) == []
    first, second = result.tasks
    assert (first.id, first.expected, first.source.line) == ("UID0001", ("543 million",), 2)
    assert second.source.line == 4
    assert first.files == second.files == (Attachment(name="b.txt", data=b"Table 1"),)
    assert [(loss.item, loss.field) for loss in result.losses] == [("UID0001", "source_files")]
    assert first.metadata["difficulty"] == "hard"
    assert "it has no answer" in told(read("q.csv", "uid,question,answer,source_files\nU1,Q?,,\n"))[0]


CHOICES = [
    {"label": label, "text": text} for label, text in zip("ABCD", ("$n>2$", "$n<2$", "none", "all"), strict=True)
]
THEOREM = {
    "month": "202602", "no": 22, "paper_link": "http://arxiv.example/1", "theorem": "T", "sketch": "S",
    "theorem_type": ["Existence"],
    "mcq": {"question": "Which holds?", "choices": CHOICES, "correct_choice": {"label": "A", "text": "$n>2$"}},
}  # fmt: skip


def livemath(**changes: object) -> ReadResult:
    return read("qa_202602_final.json", json.dumps([{**THEOREM, **changes}]))


def test_livemath_sends_choices_in_an_order_of_the_task() -> None:
    result = livemath()
    assert told(result) == []
    assert result.losses == ()
    (task,) = result.tasks
    assert task.id == "202602:22"
    order = shuffled("202602:22", ["$n>2$", "$n<2$", "none", "all"])
    assert task.prompt == "Which holds?\n\n" + "\n".join(f"{x}) {t}" for x, t in zip("ABCD", order, strict=True))
    assert task.expected == ("ABCD"[order.index("$n>2$")],)
    assert "sketch" not in task.prompt
    turned = livemath(mcq={**THEOREM["mcq"], "choices": CHOICES[::-1]})  # type: ignore[dict-item]
    assert turned.tasks[0].prompt == task.prompt
    assert task.graders is not None
    assert build(task.graders, None).grade(task, answered(f"<answer>{task.expected[0]}</answer>")).passed
    letters = {livemath(no=n).tasks[0].expected[0] for n in range(40)}
    assert letters == set("ABCD")


def test_livemath_takes_other_forms_and_refuses_what_is_no_question() -> None:
    flat = {"no": 3, "question": "Q?", "choices": {"A": "x", "B": "y"}, "correct_choice": "B"}
    (task,) = read("qa.json", json.dumps([flat])).tasks
    assert (task.id, task.metadata["no"]) == ("3", 3)
    listed = {"mcq": {"question": "Q?", "choices": ["x", "y"], "correct_choice": {"label": "E", "text": "z"}}}
    assert "z" in read("qa.json", json.dumps([listed])).tasks[0].prompt
    for wrong, words in (
        ({"correct_choice": "C"}, "is none of the choices"),
        ({"choices": {"A": "x"}}, "must be 2 to 26 different texts"),
        ({"choices": {"A": "x", "B": " x"}}, "must be 2 to 26 different texts"),
    ):
        assert words in told(read("qa.json", json.dumps([{**flat, **wrong}])))[0]


SHEETS = {
    "id": 7, "instruction": "Sum up.", "spreadsheet_path": "spreadsheet/7", "instruction_type": "Cell-Level",
    "answer_position": "Data!B3",
}  # fmt: skip
START = {"A1": 1, "A2": 2, "A3": "Sum"}
NAMES = {
    "{}_7_input.xlsx": "{}_7_answer.xlsx",
    "{}_7_init.xlsx": "{}_7_golden.xlsx",
}


def bench(names: tuple[str, str], *sums: int, **changes: object) -> dict[str, bytes]:
    files = {"d/dataset.json": json.dumps([{**SHEETS, **changes}]).encode()}
    for number, total in enumerate(sums, 1):
        for name, cells in zip(names, (START, {**START, "B3": total}), strict=True):
            files[f"d/spreadsheet/7/{name.format(number)}"] = workbook(Data=cells)
    return files


@pytest.mark.parametrize("names", NAMES.items())
def test_spreadsheetbench_gives_inputs_and_keeps_answers(names: tuple[str, str]) -> None:
    result = read_in(bench(names, 3, 9), "d/dataset.json")
    assert told(result) == []
    assert result.losses == ()
    (task,) = result.tasks
    assert [f.name for f in task.files] == [names[0].format(1), names[0].format(2)]
    assert task.prompt.endswith(
        f"Data!B3. Save the changed workbook: {names[0].format(1)} as 1_7_output.xlsx, "
        f"{names[0].format(2)} as 2_7_output.xlsx."
    )
    assert task.graders is not None
    assert [c["values"] for c in task.graders[0].options["cases"]] == [{"Data!B3": 3.0}, {"Data!B3": 9.0}]  # type: ignore[attr-defined]
    again = to_jsonl(result.tasks, folder="f")
    files = {"t.jsonl": again.text.encode(), **again.files}
    assert read_in(files, "t.jsonl").tasks[0].graders == task.graders


def test_spreadsheetbench_in_chat_is_one_case_as_text() -> None:
    files = bench(("initial.xlsx", "golden.xlsx"), 3)
    result = read_in(files, "d/dataset.json", "spreadsheetbench-chat")
    (task,) = result.tasks
    assert task.files == ()
    assert task.context == 'Data!A1: 1.0\nData!A2: 2.0\nData!A3: "Sum"'
    assert task.graders is not None
    grader = build(task.graders, None)
    assert grader.grade(task, answered('{"Data!B3": 3}')).passed
    assert not grader.grade(task, answered('{"Data!B3": 4}')).passed
    large = {**files, "d/spreadsheet/7/initial.xlsx": workbook(Data={f"A{n}": "x" * 400 for n in range(1, 200)})}
    left_out = read_in(large, "d/dataset.json", "spreadsheetbench-chat")
    assert (left_out.tasks, len(left_out.losses)) == ((), 1)


def test_spreadsheetbench_says_what_is_missing() -> None:
    names = ("{}_7_input.xlsx", "{}_7_answer.xlsx")
    for files, words in (
        (bench(names), "there are no workbooks with their answers in 'd/spreadsheet/7'"),
        (bench(names, 3, spreadsheet_path="../x"), "there are no workbooks with their answers"),
        (bench(names, 3, answer_position="Far!A1"), "there is no sheet 'Far'"),
        (bench(names, 3, answer_position="A0"), "'answer_position': 'A0' lies outside of a sheet"),
        (bench(names, 3) | {"d/spreadsheet/7/1_7_answer.xlsx": b"no"}, "no xlsx workbook"),
    ):
        (problem,) = told(read_in(files, "d/dataset.json"))
        assert problem.startswith("d/dataset.json:1:")
        assert words in problem


DOCUMENTS = {
    "val.json": docvqa({}), "rows.json": json.dumps([ROW]), "test.txt": "a ||| b ||| c\n", "q.csv": OFFICE,
    "qa.json": json.dumps([THEOREM]), "dataset.json": json.dumps([SHEETS]),
}  # fmt: skip
KINDS = {
    "val.json": "docvqa", "rows.json": "searchqa", "test.txt": "searchqa", "q.csv": "officeqa", "qa.json": "livemath",
    "dataset.json": "spreadsheetbench",
}  # fmt: skip


@pytest.mark.parametrize("path", DOCUMENTS)
def test_each_is_told_by_its_shape(path: str) -> None:
    assert detect(path, DOCUMENTS[path].encode()) == KINDS[path]


@given(st.sampled_from(sorted(DOCUMENTS)), st.integers(0, 400), st.text('{}[]",:|\n0a', max_size=6))
def test_damaged_files_have_tasks_or_problems_with_their_file(path: str, at: int, noise: str) -> None:
    text = DOCUMENTS[path]
    at = min(at, len(text))
    result = read(path, text[:at] + noise + text[at + len(noise) :], KINDS[path])
    assert all(p.file == path for p in result.problems)
    assert all(t.id and t.prompt.strip() for t in result.tasks)
