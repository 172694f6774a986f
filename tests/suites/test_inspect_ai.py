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
