import pytest

from skillopt_ci import errors
from skillopt_ci.errors import CallFailedError, ConfigError, Problem, SkilloptError


def test_every_error_has_an_exit_code_and_a_reason_of_the_table() -> None:
    found = {c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, SkilloptError)}
    assert len(found) >= 9
    assert {c.exit_code for c in found} == {2, 3, 4, 5, 130}
    assert {c.__name__: c.exit_code for c in found if c.exit_code not in (2,)} == {
        "InconclusiveError": 3,
        "BudgetReachedError": 4,
        "ProviderDownError": 5,
        "GitError": 5,
        "ForgeError": 5,
        "InterruptedRunError": 130,
    }
    assert all(c.reason for c in found)


def test_a_failed_call_is_no_error_of_the_run() -> None:
    error = CallFailedError("timeout", "after 3 s")
    assert not isinstance(error, SkilloptError)
    assert (error.kind, error.message, str(error)) == ("timeout", "after 3 s", "timeout: after 3 s")


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (Problem("f", 0, 0, "m"), "f: m"),
        (Problem("f", 2, 0, "m"), "f:2: m"),
        (Problem("f", 2, 3, "m"), "f:2:3: m"),
        (Problem("f", 2, 3, "m", warning=True), "f:2:3: warning: m"),
    ],
)
def test_where_a_problem_is(problem: Problem, text: str) -> None:
    assert str(problem) == text


def test_all_problems_are_told() -> None:
    one, two = Problem("f", 2, 1, "b"), Problem("f", 1, 1, "a")
    error = ConfigError([one, two])
    assert (error.problems, str(error)) == ((one, two), "f:2:1: b\nf:1:1: a")
    assert (ConfigError("plain").problems, str(ConfigError("plain"))) == ((), "plain")
    assert sorted([one, two]) == [two, one]
