import pytest

from skillopt_ci import plugins
from skillopt_ci.errors import ConfigError, UsageError
from skillopt_ci.graders.build import build, needs_judge
from tests.graders.helpers import said, spec, task


def test_all_must_pass_and_failures_speak_first() -> None:
    grader = build([spec("exact"), spec("rules", checks=[{"op": "max_chars", "arg": 2}])], None)
    score = grader.grade(task("Paris"), said("Paris"))
    assert (score.value, score.passed) == (0.0, False)
    assert score.hint == "too long: 5 characters, at most 2 allowed (0 of 1 check passed); right"


def test_what_cannot_be_built() -> None:
    with pytest.raises(ConfigError, match="no graders"):
        build([], None)
    with pytest.raises(UsageError, match="unknown grader 'exakt'; perhaps you meant 'exact'"):
        build([spec("exakt")], None)


def test_who_needs_a_judge() -> None:
    assert needs_judge([spec("exact"), spec("judge", rubric="x")])
    assert not needs_judge([spec("exact")])


def test_every_registered_grader_exists() -> None:
    for name in plugins.BUILTIN["graders"]:
        assert callable(plugins.load("graders", name))
