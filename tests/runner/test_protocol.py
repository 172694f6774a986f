"""The tests' own runner is held to what the real one does."""

import pytest

from tests.runner.expressions import condition, evaluate, fill
from tests.runner.protocol import FileCommandError, Log, lines_of, parse, parse_file


@pytest.mark.parametrize(
    ("line", "name", "data"),
    [
        ("::error::x", "error", "x"),
        ("  \t::ERROR file=a,line=1::x%0Ay", "error", "x\ny"),
        ("\u00a0::notice::x", "notice", "x"),
        ("text before ##[add-mask]x", "add-mask", "x"),
        ("##[error file=a;line=1]x", "error", "x"),
    ],
)
def test_lines_that_are_commands(line: str, name: str, data: str) -> None:
    found = parse(line)
    assert found is not None
    assert (found.name, found.data) == (name, data)


@pytest.mark.parametrize("line", ["x ::error::x", ": :error::x", "::error", "::unknown::x", "##[unknown]x", "##[error"])
def test_lines_that_are_text(line: str) -> None:
    assert parse(line) is None


def test_lines_end_as_in_net() -> None:
    assert lines_of("a\rb\r\nc\nd\x0be\u2028f\x85g") == ["a", "b", "c", "d\x0be\u2028f\x85g"]


def test_a_log_stops_and_goes_on() -> None:
    log = Log().feed("::stop-commands::k\n::error::a\n::K::\n::error::b\n::add-mask::s\n")
    assert [c.data for c in log.commands] == ["b", "s"]
    assert log.masks == {"s"}
    assert log.text == ["::error::a", ""]


def test_files_of_a_step() -> None:
    assert parse_file("a=1\nb<<E\nx=2\ny\nE\nc=<<\n") == {"a": "1", "b": "x=2\ny", "c": "<<"}
    for text in ("a", "a<<E\nb", "=1", "<<E\nE"):
        with pytest.raises(FileCommandError):
            parse_file(text)


def test_expressions() -> None:
    contexts = {"inputs": {"a": "X", "b": ""}, "steps": {"s": {"outputs": {"o": "1"}}}}
    assert fill("${{ inputs.a }}-${{ steps.s.outputs.o || 'none' }}-${{ steps.t.outputs.o || 'none' }}", contexts) == (
        "X-1-none"
    )
    assert evaluate("inputs.a == 'x' && !(inputs.b != '')", contexts) is True
    assert condition("inputs.a != 'x'", contexts, failed=False) is False
    assert condition("inputs.a == 'x'", contexts, failed=True) is False
    assert condition("always()", contexts, failed=True) is True
    with pytest.raises(SyntaxError):
        evaluate("inputs.a +", contexts)
