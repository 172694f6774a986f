import json

import pytest

from skillopt_ci.core.rollout import Score
from skillopt_ci.core.task import GraderSpec
from skillopt_ci.errors import ConfigError
from skillopt_ci.graders.build import build
from skillopt_ci.graders.rule_checks import citations, refuses, section
from tests.graders.helpers import grade, said, spec, task

BRIEF = """# Free tier: yes

Lead.

## Key Risks
Costs grow.

### Detail
Support load.

## Next
Confidence: high
"""
# The lines of gbrain's two public seeds, as they stand in their files.
STRUCTURE = json.loads(
    r'{"kind":"rule","checks":[{"op":"section_present","arg":"Key Risks"},'
    r'{"op":"regex","arg":"[Cc]onfidence\\s*[:=]"}]}'
)
VERBOSE = json.loads('{"kind":"rule","checks":[{"op":"max_chars","arg":1200}]}')


def one(op: str, arg: object, answer: str, hidden: bool | None = None) -> Score:
    return grade(spec("rules", hidden, checks=[{"op": op, "arg": arg}]), answer)


def test_gbrain_seeds() -> None:
    structure = spec("rules", checks=STRUCTURE["checks"])
    assert grade(structure, BRIEF).value == 1.0
    half = grade(structure, "**Key Risks**: none\n\nconfidence = low")
    assert (half.value, half.passed) == (0.5, False)
    assert half.hint == 'missing section "Key Risks" (1 of 2 checks passed)'
    other = grade(structure, "## key risks\nnone")
    assert other.hint == "a required pattern was not found (1 of 2 checks passed)"
    assert "onfidence" in other.why
    verbose = spec("rules", checks=VERBOSE["checks"])
    assert grade(verbose, "x" * 1200).passed
    assert grade(verbose, "x" * 2313).hint == ("too long: 2313 characters, at most 1200 allowed (0 of 1 check passed)")


@pytest.mark.parametrize(
    ("op", "arg", "good", "bad", "hint"),
    [
        ("contains", "Acme", "by Acme Inc", "by acme", "a required text was not found"),
        ("not_contains", "TODO", "todo later", "TODO later", 'must not contain "TODO"'),
        ("regex", "^b$", "a\nb\nc", "abc", "a required pattern was not found"),
        ("section_present", "## Key Risks", BRIEF, "Key Risks", 'missing section "Key Risks"'),
        ("section_contains", "Key Risks::Support", BRIEF, "# Next", 'missing section "Key Risks"'),
        ("section_contains", "Next::high", BRIEF, "# Next\nlow", 'section "Next" lacks a required text'),
        ("section_contains", {"section": "Next", "text": "high"}, BRIEF, "", 'missing section "Next"'),
        ("min_chars", 3, "abc", "ab", "too short: 2 characters, at least 3 required"),
        ("max_chars", 2.0, "ab", "abc", "too long: 3 characters, at most 2 allowed"),
        ("min_citations", "2", "[a](b) and [1]", "[a](b)", "too few citations: 1, at least 2 required"),
        ("no_refusal", None, "Sure.", "Sorry, I can’t do that.", "the answer refuses the task"),
    ],
)
def test_every_op(op: str, arg: object, good: str, bad: str, hint: str) -> None:
    assert one(op, arg, good).hint == "1 of 1 check passed"
    missed = one(op, arg, bad)
    assert (missed.value, missed.passed) == (0.0, False)
    assert missed.hint == f"{hint} (0 of 1 check passed)"
    assert one(op, arg, bad, hidden=True).hint == "0 of 1 check passed"
    open_hint = one(op, arg, bad, hidden=False)
    assert open_hint.hint == open_hint.why


def test_tools() -> None:
    grader = build(
        [spec("rules", checks=[{"op": "tool_called", "arg": "search"}, {"op": "tool_not_called", "arg": "rm"}])], None
    )
    assert grader.grade(task(), said("x", "search")).value == 1.0
    bad = grader.grade(task(), said("x", "rm"))
    assert bad.value == 0.0
    assert bad.hint == (
        'tool "search" was not called; tool "rm" was called, which is not allowed (0 of 2 checks passed)'
    )


def test_hidden_texts_are_shown_to_people_only() -> None:
    for op, arg in (("contains", "s3cret"), ("regex", "s3cret"), ("section_contains", "Next::s3cret")):
        score = one(op, arg, "# Next\nhello")
        assert "s3cret" in score.why
        assert "s3cret" not in score.hint


def test_same_hints_are_told_once() -> None:
    grader = spec("rules", checks=[{"op": "contains", "arg": a} for a in "xyz"])
    assert grade(grader, "just z").hint == "a required text was not found (1 of 3 checks passed)"


def test_sections() -> None:
    assert section(BRIEF, "key risks") == "Costs grow.\n\n### Detail\nSupport load.\n"
    assert section(BRIEF, "Detail") == "Support load.\n"
    assert section(BRIEF, "Risks") is None
    assert section("## Key Risks  \r\nx", "### Key Risks") == "x"
    assert section("####### Seven", "Seven") is None


def test_long_runs_cost_nothing() -> None:
    for run in (" ", "[", "(", "#", "a/", "> "):
        text = f"# A {run * 200_000}b"
        assert section(text, "A") is None
        assert citations(text) == 0
        assert not refuses(text)


def test_citations_are_counted_as_gbrain_does() -> None:
    assert citations("See [docs](https://x.y/z), [2], wiki/free-tier and people/ann.") == 4
    assert citations("[1](wiki/page)") == 3
    assert citations("[^1] none") == 0


def test_refusals() -> None:
    for text in ("", "> **I cannot** do that.", "1. I'm unable to help", "Unable to complete the task."):
        assert refuses(text)
    for text in ("I'm sorry, I can't help with that.", "I am sorry, but I cannot do this.", "Sorry, but I can’t."):
        assert refuses(text)
    for text in ("I’m not able to do that.", "Unfortunately, I can't help.", "I apologize, but I cannot assist."):
        assert refuses(text)
    for text in ("As an AI language model, I cannot say.", "I'm afraid I won't be able to.", "I must decline."):
        assert refuses(text)
    for text in ("as an ai " * 66, "As an AI would say: 5.", "I'm afraid it is 5."):
        assert not refuses(text)
    for text in ("I can do that.", "Sorry, but it is 5.", "I cannot confirm X. " + "But here is what I found. " * 40):
        assert not refuses(text)


@pytest.mark.parametrize(
    ("checks", "words"),
    [
        ([], "at least one"),
        ("max_chars", "must be list, not str"),
        ([{"arg": 1}], "check 1: must be a mapping of 'op' and 'arg'"),
        ([{"op": "contains", "arg": "x", "flags": "i"}], "check 'contains' takes no 'flags'"),
        (
            [{"op": "contains", "arg": "x"}, {"op": "max_char", "arg": 1}],
            "check 2: unknown op 'max_char'; perhaps you meant 'max_chars'",
        ),
        ([{"op": 7}], "unknown op 7; known: contains"),
        ([{"op": "contains", "arg": " "}], "check 'contains': 'arg' must be a text that is not empty"),
        ([{"op": "section_present", "arg": "##"}], "must be a text that is not empty"),
        ([{"op": "section_contains", "arg": "Next"}], "Section::text"),
        ([{"op": "regex", "arg": "("}], "check 1: invalid pattern"),
        ([{"op": "max_chars", "arg": -1}], "whole number from 0 on, not -1"),
        ([{"op": "max_chars", "arg": 1.5}], "whole number"),
        ([{"op": "max_chars", "arg": float("nan")}], "whole number"),
        ([{"op": "max_chars", "arg": float("inf")}], "whole number"),
        ([{"op": "min_chars", "arg": True}], "whole number"),
        ([{"op": "min_citations", "arg": "many"}], "whole number"),
    ],
)
def test_bad_checks(checks: object, words: str) -> None:
    with pytest.raises(ConfigError, match=words.replace("(", r"\(")):
        build([GraderSpec(type="rules", options={"checks": checks})], None)


@pytest.mark.parametrize(
    ("check", "answer", "passed"),
    [
        ({"op": "contains", "arg": "Paris", "ignore_case": True}, "PARIS", True),
        ({"op": "contains", "arg": "Paris", "ignore_case": False}, "PARIS", False),
        ({"op": "not_contains", "arg": "Paris", "ignore_case": True}, "PARIS", False),
        ({"op": "contains_any", "arg": ["a", "B"]}, "xB", True),
        ({"op": "contains_any", "arg": ["a", "B"]}, "xb", False),
        ({"op": "contains_any", "arg": ["a", "B"], "ignore_case": True}, "xb", True),
        ({"op": "regex", "arg": "^b"}, "a\nb", True),
        ({"op": "regex", "arg": "^b", "flags": ""}, "a\nb", False),
        ({"op": "regex", "arg": "^B", "flags": "im"}, "a\nb", True),
        ({"op": "not_regex", "arg": "b$"}, "ab\nc", False),
        ({"op": "not_regex", "arg": "b$", "flags": ""}, "ab\nc", True),
    ],
)
def test_case_flags_and_alternatives(check: dict[str, object], answer: str, passed: bool) -> None:
    assert grade(spec("rules", checks=[check]), answer).passed is passed


@pytest.mark.parametrize(
    ("check", "words"),
    [
        ({"op": "max_chars", "arg": 1, "ignore_case": True}, "check 'max_chars' takes no 'ignore_case'"),
        ({"op": "regex", "arg": "x", "ignore_case": True}, "check 'regex' takes no 'ignore_case'"),
        ({"op": "contains", "arg": "x", "ignore_case": "yes"}, "'ignore_case' must be true or false"),
        ({"op": "regex", "arg": "x", "flags": 1}, "'flags' a text"),
        ({"op": "regex", "arg": "x", "flags": "q"}, "unknown regex flag 'q'"),
        ({"op": "contains_any", "arg": []}, "'arg' must be a list of texts"),
        ({"op": "contains_any", "arg": [" "]}, "'arg' must be a text that is not empty"),
    ],
)
def test_options_of_checks_that_do_not_fit(check: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        grade(spec("rules", checks=[check]), "x")


def test_a_forbidden_pattern_is_not_given_away() -> None:
    score = grade(spec("rules", checks=[{"op": "not_regex", "arg": "se.ret"}]), "a secret")
    assert "se.ret" in score.why
    assert "se.ret" not in score.hint
