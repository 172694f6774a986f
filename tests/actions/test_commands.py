import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.actions.commands import (
    MAX_MESSAGE,
    annotation,
    annotations,
    escape_data,
    escape_property,
    masks,
    no_commands,
)
from skillopt_ci.errors import Problem
from tests.runner.protocol import Log, parse

words = st.text(st.characters(codec="utf-8"), max_size=30) | st.text("%:,=\r\n [#]AD0", max_size=30)


def test_the_escapes_of_the_runner() -> None:
    assert escape_data("100%\r\na:b,c") == "100%25%0D%0Aa:b,c"
    assert escape_property("a:b,c%\n") == "a%3Ab%2Cc%25%0A"


def test_an_annotation_with_its_place() -> None:
    problem = Problem("a/b.yml", 14, 3, "unknown key")
    assert annotation("error", problem.message, problem) == "::error file=a/b.yml,line=14,col=3::unknown key"
    assert annotation("error", "x", Problem("a.yml", 0, 0, "x")) == "::error file=a.yml::x"
    assert annotation("notice", "done") == "::notice::done"


@given(words, words, st.integers(0, 9), st.integers(0, 9))
def test_what_the_runner_reads_is_what_was_said(file: str, message: str, line: int, column: int) -> None:
    text = annotation("warning", message, Problem(file, line, column, message))
    assert "\n" not in text
    assert "\r" not in text
    found = parse(text)
    assert found is not None
    assert (found.name, found.data) == ("warning", message)
    # The runner trims the list of properties, and a file name of nothing but white space is none.
    assert found.properties.get("file", "").strip() == file.strip()


def test_a_long_message_is_cut() -> None:
    text = annotation("error", "x" * 9999)
    found = parse(text)
    assert found is not None
    assert len(found.data) == MAX_MESSAGE
    assert found.data.endswith("…")


def test_the_tenth_of_many_says_how_many_are_left_out() -> None:
    problems = [Problem("a.yml", n, 0, f"message {n}", warning=n > 20) for n in range(1, 26)]
    lines = annotations(problems)
    assert len(lines) == 15
    assert lines[8].endswith("message 9")
    assert lines[9] == "::error::11 more are in the log and in the summary"
    assert lines[10] == "::warning file=a.yml,line=21::message 21"
    assert annotations(problems[:10]) == [*lines[:9], "::error file=a.yml,line=10::message 10"]


def test_secrets_are_masked_line_by_line_and_words_are_not() -> None:
    assert masks(["sk-aaaaaaaa", "line-one-long\nline%two-long\r\n", "word", "sk-aaaaaaaa"]) == [
        "::add-mask::sk-aaaaaaaa",
        "::add-mask::line-one-long",
        "::add-mask::line%25two-long",
    ]


@pytest.mark.parametrize("end", ["", "\n", "\r"])
def test_between_stop_and_go_nothing_is_a_command(end: str) -> None:
    written: list[str] = []
    with no_commands(written.append):
        written.append("::set-output name=verdict::pass\n##[add-mask]a\r::stop-commands::mine" + end)
    written.append("::notice::after\n")
    log = Log().feed("".join(written))
    assert [c.name for c in log.commands] == ["notice"]
    assert not log.stopped


def test_commands_go_on_after_an_error() -> None:
    written: list[str] = []
    with pytest.raises(ValueError, match="broken"), no_commands(written.append):
        raise ValueError("broken")
    assert not Log().feed("".join(written)).stopped


def test_the_word_that_ends_it_is_new_every_time() -> None:
    written: list[str] = []
    for _ in range(2):
        with no_commands(written.append):
            pass
    assert len(set(written)) == 4
