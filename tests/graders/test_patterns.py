import pytest

from skillopt_ci.errors import CallFailedError, ConfigError
from skillopt_ci.graders.patterns import compiled, found


def test_a_pattern_is_searched_with_its_flags() -> None:
    assert found(compiled("regex", "^b$", "mi"), "a\nB\nc", "regex")
    assert not found(compiled("regex", "^b$"), "a\nb", "regex")


def test_no_warning_reaches_the_terminal() -> None:
    assert found(compiled("regex", "[[a]"), "[", "regex")


@pytest.mark.parametrize(
    ("pattern", "flags", "words"),
    [
        ("(", "", "invalid pattern"),
        ("", "", "empty"),
        ("a", "q", "unknown regex flag 'q'"),
        ("(" * 9000, "", "invalid"),
    ],
)
def test_bad_patterns_are_refused(pattern: str, flags: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        compiled("regex", pattern, flags)
    assert "\n" not in str(caught.value)


# Small enough to be compiled by a machine that does it all the same.
@pytest.mark.parametrize(
    "pattern",
    [
        "a{60000}",
        "a{100000000000000000000}",
        "(?:a{300}){300}",
        "(?:a{300}){300,}?",
        "(?:a{300} ) #\n {300}",
        "(?:(?:ab|c){100}d){100}",
        "[[a]{60000}",
        "a{ 60 000 }",
        "a{#c\n60000}",
        "a{6#c\n0000}",
    ],
)
def test_repeats_without_measure_are_refused_before_they_are_written_out(pattern: str) -> None:
    with pytest.raises(ConfigError, match="too large when its repeats are written out"):
        compiled("regex", pattern, "x")


@pytest.mark.parametrize(
    "pattern",
    [
        r"\d{4}-\d{2}-\d{2}",
        r"^.{20000,}$",
        r"(?:\S+\s+){2000,}",
        "a{,1000000}",
        "[0-9a-f]{40} [0-9a-f]{64}",
        "x{e<=3}",
        r"\{\{#each}}",
    ],
)
def test_repeats_that_answers_are_held_to_are_taken(pattern: str) -> None:
    assert compiled("regex", pattern)


def test_endless_backtracking_is_a_failure() -> None:
    with pytest.raises(CallFailedError, match="ran over 1 s") as caught:
        found(compiled("regex", r"^(?:(a|aa)+)+\1{9}b$"), "a" * 60, "regex")
    assert caught.value.kind == "grader"
