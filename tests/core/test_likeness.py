import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.likeness import Alike, alike_across_splits, plain, same_text
from skillopt_ci.core.task import Attachment, Source, Split, Task

WORDS = [f"w{n}" for n in range(5000)]


def task(name: str, prompt: str, split: Split = "train", context: str = "", cluster: str | None = None) -> Task:
    metadata = {} if cluster is None else {"cluster": cluster}
    source = Source(file="f", line=1)
    return Task(id=name, prompt=prompt, split=split, context=context, source=source, metadata=metadata)


def text(seed: int, count: int = 60) -> str:
    return " ".join(random.Random(seed).choices(WORDS, k=count))


def pairs(*tasks: Task) -> list[tuple[str, str]]:
    return [(found.task.id, found.other.id) for found in alike_across_splits(tasks)]


def test_plain() -> None:
    assert plain("What's  the TOTAL?") == plain("whats the total") or plain("What's") == "what s"
    assert plain("A, b: C!") == plain("a b c") == "a b c"
    assert plain("2 + 3") != plain("2 - 3")
    assert plain("ﬁne Ａ") == "fine a"


def test_nearly_equal_texts_of_two_splits_are_found() -> None:
    changed = text(1).replace(text(1).split()[30], "other", 1)
    assert pairs(task("a", text(1)), task("b", changed, "test")) == [("b", "a")]
    assert pairs(task("a", text(1)), task("b", text(1).upper(), "val")) == [("b", "a")]
    assert pairs(task("a", "One?", context=text(1)), task("b", "Two?", "test", context=text(1))) == [("b", "a")]
    attached = replace(task("b", "Read it.", "test"), files=(Attachment(name="x", data=text(1).encode()),))
    assert pairs(task("a", text(1)), attached) == [("b", "a")]


def test_what_is_no_leak() -> None:
    assert pairs(task("a", text(1)), task("b", text(1))) == []  # one split
    assert pairs(task("a", text(1)), task("b", text(2), "test")) == []
    half = " ".join([*text(1).split()[:30], *text(2).split()[:30]])
    assert pairs(task("a", text(1)), task("b", half, "test")) == []
    assert (
        pairs(task("a", "What is the total of this invoice?"), task("b", "What is the total of this order?", "test"))
        == []
    )


def test_what_a_template_says_counts_for_nothing() -> None:
    template = text(0, 200)
    tasks = [task(f"t{n}", f"{template} {text(n, 12)}", ("train", "val", "test")[n % 3]) for n in range(1, 60)]  # type: ignore[arg-type]
    assert pairs(*tasks) == []
    double = task("double", tasks[0].prompt + " please", "test")
    assert pairs(*tasks, double) == [("double", "t1")]


@given(st.integers(1, 300), st.integers(0, 10_000))
def test_a_copy_is_found_in_any_crowd(size: int, seed: int) -> None:
    crowd = [task(f"t{n}", text(seed + n, 40), ("train", "val")[n % 2]) for n in range(size)]  # type: ignore[arg-type]
    copy = task("copy", crowd[size // 2].prompt + " or so", "test")
    found = alike_across_splits([*crowd, copy])
    assert [(f.task.id, f.other.id) for f in found] == [("copy", f"t{size // 2}")]
    assert isinstance(found[0], Alike)
    assert found[0].share == pytest.approx(38 / 40)


def test_same_text() -> None:
    a, b, c = task("a", "What is it?"), task("b", "what is it", "test"), task("c", "What is it?", context="x")
    assert [[t.id for t in group] for group in same_text([a, b, c])] == [["a", "b"]]
    files = (Attachment(name="x", data=b"1"),)
    assert same_text([a, replace(b, files=files)]) == []
