"""inspect_ai samples."""

import base64
import json

from tests.suites.samples import graders, lost, said, sample, text


def test_json_lines() -> None:
    result = sample("inspect/samples.jsonl")
    sums, capital, fruit = result.tasks
    assert (sums.id, sums.expected, sums.graders) == ("1", ("4",), None)
    assert dict(sums.metadata) == {"cluster_as_written": ["odd"], "level": 1}
    assert (capital.prompt, capital.expected) == ("Capital of France?", ("Paris", "paris"))
    assert fruit.prompt == "Which is a fruit?\n\nA) stone\nB) apple"
    assert graders(fruit) == {"choice": {"choices": ["stone", "apple"]}}
    assert [(f.name, f.data) for f in fruit.files] == [("a.txt", b"hi"), ("b.txt", b"inline")]
    assert lost(result) == [(2, "", "input[0]"), (2, "", "sandbox"), (4, "", "")]


def test_choices_that_are_right_together_are_no_accepted_answers_one_by_one() -> None:
    targets: list[object] = [["A", "C"], "AC", "A", ["B"], "yes"]
    lines = [json.dumps({"input": f"q{t}", "target": t, "choices": ["AB", "no", "yes"]}) for t in targets]
    result = text("inspect", "\n".join(lines), path="s.jsonl")
    assert [t.expected for t in result.tasks] == [("A",), ("B",), ("yes",)]
    assert [(loss.line, loss.reason) for loss in result.losses] == [
        (1, "several choices that are right together; `choice` takes one"),
        (2, "several choices that are right together; `choice` takes one"),
    ]


def test_metadata_may_be_json_in_a_text() -> None:
    result = text("inspect", json.dumps({"input": "q", "target": "a", "metadata": '{"level": 2}'}), path="s.jsonl")
    assert dict(result.tasks[0].metadata) == {"level": 2}
    result = text("inspect", json.dumps({"input": "q", "target": "a", "metadata": "[2]"}), path="s.jsonl")
    assert said(result) == ["s.jsonl:1: 'metadata' must be a mapping, not a string"]


def test_tables() -> None:
    which, many = sample("inspect/samples.csv").tasks
    assert (which.source.line, which.expected, graders(which)) == (2, ("A",), {"choice": {"choices": ["x", "y"]}})
    assert (many.source.line, many.expected, many.graders) == (3, ("4",), None)
    listed = text("inspect", 'input,choices,metadata\n"two\nlines","a, b",{bad\n\nq,,\n', "s.csv")
    assert [t.source.line for t in listed.tasks] == [5]
    assert said(listed) == ["s.csv:2: 'metadata' must be a mapping, not a string"]
    assert "not a valid table" in said(text("inspect", "input\n" + "x" * 200_000, "s.csv"))[0]


def test_files_beside_and_bad_ones_and_parts_of_messages() -> None:
    content = (
        '{"input": [{"role": "user", "content": [{"type": "text", "text": "Look"}, {"type": "image", "image": "x"}]}],'
        ' "target": "a", "files": {"f.txt": "f.txt", "g.txt": "data:text/plain,a%20b", "h.txt": "data:x;base64,!"}}\n'
        '{"input": "p", "choices": ["a", "a"], "files": {"../x": "y"}}\n'
    )
    result = text("inspect", content, "s.jsonl", **{"f.txt": "beside"})
    (task,) = result.tasks
    assert task.prompt == "Look"
    assert [f.data for f in task.files] == [b"beside", b"a b", b"data:x;base64,!"]
    assert [loss.reason for loss in result.losses] == ["an image that is not beside the samples"]
    assert [m.partition(": ")[2][:40] for m in said(result)] == [
        "'choices' must be 2 to 26 different text",
        "'files': '../x' must be a relative path ",
    ]


def test_images_of_the_message_are_attached() -> None:
    png = b"\x89PNG\r\n\x1a\n"
    url = f"data:image/png;base64,{base64.b64encode(png).decode()}"
    parts = [
        {"type": "text", "text": "Look"},
        {"type": "image", "image": "pics/a.png", "detail": "high"},
        {"type": "image", "image": url},
        {"type": "image", "image": "pics/a.png"},
        {"type": "image", "image": "https://example.org/b.png"},
        {"type": "audio", "audio": "c.wav"},
    ]
    line = json.dumps({"input": [{"role": "user", "content": parts}], "target": "ball", "files": {"z.txt": "z"}})
    result = text("inspect", line + "\n", "s.jsonl", **{"pics/a.png": png})
    (task,) = result.tasks
    assert [(f.name, f.data) for f in task.files] == [("a.png", png), ("image-1", png), ("z.txt", b"z")]
    assert [loss.field for loss in result.losses] == [
        "input[0].content[5]",
        "input[0].content[3]",
        "input[0].content[4]",
    ]
