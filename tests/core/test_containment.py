import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.characters import hidden_characters, visible
from skillopt_ci.core.containment import contained, mark
from skillopt_ci.core.digest import digest


@given(st.text())
def test_nothing_is_hidden_and_nothing_visible_is_lost(text: str) -> None:
    shown = contained(text)
    assert not hidden_characters(shown)
    assert shown.replace(" ", "") == visible(text).replace(" ", "")
    assert contained(shown) == shown


@pytest.mark.parametrize(
    "token",
    ["<|im_start|>", "<|eot_id|>", "</s>", "<s>", "[INST]", "[/inst]", "<<SYS>>", "<</SYS>>", "<start_of_turn>",
     "<end_of_turn>", "<bos>", "<eos>", "<｜User｜>"],
)  # fmt: skip
def test_control_marks_are_broken(token: str) -> None:
    assert token not in contained(f"a {token} b")
    assert token not in contained(token * 3)


def test_the_end_of_a_control_mark_is_broken_by_itself() -> None:
    assert contained("a|> b <| c") == "a| > b < | c"


def test_plain_text_stays() -> None:
    text = "1 < 2 | 3 > 2, a[0], List<String>, <sub>x</sub>\n\ttab 👩‍💻 é"
    assert contained(text) == text


@given(st.lists(st.text(), max_size=4))
def test_no_text_holds_its_mark(texts: list[str]) -> None:
    made = mark(texts)
    assert not any(made in text for text in texts)
    assert made == mark(texts)
    assert made != mark([*texts, "x"])


def test_a_mark_that_is_held_is_not_used() -> None:
    class Held(str):
        """A text that claims to hold the first mark that is tried."""

        __slots__ = ()

        def __contains__(self, part: object) -> bool:
            return part == digest(["a"])[:16] or super().__contains__(part)  # type: ignore[operator]

    assert mark([Held("a")]) not in ("a", digest(["a"])[:16])
