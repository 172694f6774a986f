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


def test_endless_backtracking_is_a_failure() -> None:
    with pytest.raises(CallFailedError, match="ran over 1 s") as caught:
        found(compiled("regex", r"^(?:(a|aa)+)+\1{9}b$"), "a" * 60, "regex")
    assert caught.value.kind == "grader"
