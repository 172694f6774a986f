"""Patterns of other dialects: the same meaning, or none."""

import re
import warnings

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.suites.patterns import inline_flags, translate

LETTERS = {"i": regex.IGNORECASE, "m": regex.MULTILINE, "s": regex.DOTALL}


def found(pattern: str, text: str, dialect: str, flags: str = "") -> bool:
    made = translate(pattern, flags, dialect)
    assert made is not None
    bits = 0
    for letter in made[1]:
        bits |= LETTERS[letter]
    return regex.compile(made[0], bits).search(text) is not None


@pytest.mark.parametrize(
    ("dialect", "pattern", "yes", "no"),
    [
        ("javascript", r"^\d+$", "12", "12\n"),
        ("javascript", r"\w", "a", "é"),
        ("javascript", r"\bn\b", "é n", "an"),
        ("javascript", r"\Bn", "an", " n"),
        ("javascript", "a.b", "a-b", "a\u2028b"),
        ("javascript", r"[\W]", "é", "a_1"),
        ("javascript", r"[^\D]", "1", "x"),
        ("javascript", "x[^]y", "x\ny", "xy"),
        ("javascript", "a{e}", "a{e}", "a"),
        ("javascript", r"(?<n>a)\k<n>", "aa", "ab"),
        ("javascript", r"a\/b\-c", "a/b-c", "a"),
        ("javascript", "[[]", "[", "]"),
        ("javascript", r"[\d\-x]", "-", "y"),
        ("javascript", r"\u0041", "A", "B"),
        ("go", "(?i)ab$", "xAB", "ab\n"),
        ("go", r"\s", "\t", "\u00a0"),
        ("go", r"[\s]", " ", "\u00a0"),
        ("go", r"\Aa\z", "a", "a\n"),
        ("go", "[[:alpha:]]", "a", "1"),
        ("go", r"\p{Greek}", "α", "a"),
        ("python", r"^a$", "a\n", "b\na"),
        ("python", r"a\Z", "a", "a\n"),
        ("python", "(?m)^a", "b\na", "ba"),
        ("python", "a{,2}b", "aab", "c"),
        ("dotnet", r"a\Z", "a\n", "a\n\n"),
        ("dotnet", r"a\z", "a", "a\n"),
        ("ere", "^b[^x]c", "a\nb-c", "b\nc"),
        ("ere", r"a\sb", "a b", "a\nb"),
        ("ere", r"\<b\>", "a b", "ab"),
        ("ere", r"[\w]", "\\", "a"),
        ("ere", "[]x]", "]", "y"),
        ("ere", "[[:digit:]]+", "1", "x"),
    ],
)
def test_the_same_meaning(dialect: str, pattern: str, yes: str, no: str) -> None:
    assert found(pattern, yes, dialect)
    assert not found(pattern, no, dialect)


@pytest.mark.parametrize(
    ("dialect", "pattern", "flags"),
    [
        ("javascript", "(?i)a", ""),
        ("javascript", r"\p{L}", ""),
        ("javascript", r"\Aa", ""),
        ("javascript", r"\u{41}", ""),
        ("javascript", r"\cA", ""),
        ("javascript", "(", ""),
        ("javascript", "[a", ""),
        ("javascript", "[a\\", ""),
        ("javascript", "a\\", ""),
        ("javascript", "(?m:a$)", ""),
        ("javascript", "", ""),
        ("go", r"\Qa", ""),
        ("go", r"[\S]", ""),
        ("go", "(?U)a", ""),
        ("python", "(?x)a", ""),
        ("python", r"\z", ""),
        ("python", "a", "z"),
        ("python", "(?:a{300}){300}", ""),
        ("ere", r"\d", ""),
        ("ere", r"\n", ""),
        ("ere", "a{x", ""),
        ("ere", r"\`a", ""),
    ],
)
def test_no_equivalent(dialect: str, pattern: str, flags: str) -> None:
    assert translate(pattern, flags, dialect) is None


def test_flags() -> None:
    assert translate("a", "gi", "javascript") == ("a", "i")
    assert translate("a.$", "s", "javascript") == (r"a.\Z", "s")
    assert translate("(?i)a", "m", "python") == ("a", "im")
    assert inline_flags("(?is)a") == ("a", "is")


@given(st.text("ab.^$|()[]*+?{}\\dwsbn-,1", max_size=8), st.text("ab1 \n-é", max_size=6))
def test_python_patterns_find_what_python_finds(pattern: str, text: str) -> None:
    made = translate(pattern, "", "python")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            expected = re.search(pattern, text) is not None
    except re.error:
        return
    if made is not None and not re.search(r"[*+?}][+]", pattern):  # possessive only from Python 3.11 on
        assert (regex.search(made[0], text) is not None) is expected
