from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.statements import repeats, statements, unsaid_items

BODY = "# How to answer\n\n- Always write dates as YYYY-MM-DD.\n- Never guess. Say `n/a` instead.\n"


def test_the_same_in_other_dress_is_the_same() -> None:
    for line in ("* **Write the dates as yyyy-mm-dd**", "Please always write dates as YYYY-MM-DD!", "1. never guess"):
        assert repeats(BODY, f"{BODY}{line}\n"), line


def test_a_word_more_or_another_is_something_else() -> None:
    for line in ("Never write dates as YYYY-MM-DD.", "Write dates as DD-MM-YYYY.", "Never guess names.", "guess"):
        assert not repeats(BODY, f"{BODY}- {line}\n"), line
    assert not repeats(BODY, f"{BODY}- Never guess.\n- And this is new.\n")


def test_moving_and_shortening_repeat_nothing() -> None:
    assert not repeats(BODY, BODY)
    assert not repeats(BODY, "- Say `n/a` instead.\n")


def test_a_list_keeps_its_new_items_alone() -> None:
    assert unsaid_items("- Never guess.\n- Name the source.\n", BODY) == "- Name the source."
    assert unsaid_items("\n- One.\n\n- **never guess**\n- Two.\n", BODY) == "- One.\n- Two."
    untouched = ("- Never guess.", "- Never guess.\n* Say `n/a` instead.", "- One.\n- Two.", "Never guess.\nOne.",
                 "- One:\n  - Never guess.", "")  # fmt: skip
    for content in untouched:
        assert unsaid_items(content, BODY) == content


def test_what_counts_of_a_sentence() -> None:
    assert dict(statements("- Use 3 < 5. Use it!\n\n---\n")) == {("use", "3", "<", "5"): 1, ("use", "it"): 1}


@given(st.text(max_size=60))
def test_a_text_said_again_repeats_itself(text: str) -> None:
    said = statements(text)
    assert repeats(f"{text}\n", f"{text}\n\n{text}\n") == bool(said)
