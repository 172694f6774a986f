from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.errors import CallFailedError, ConfigError
from skillopt_ci.graders.build import build
from skillopt_ci.graders.numeric import numbers
from tests.graders.helpers import grade, spec


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("1,234.50", ["1234.50"]),
        ("$-5 or -$5", ["-5", "-5"]),
        ("USD 5", ["5"]),
        ("USD1,234 or EUR5", ["1234", "5"]),
        ("1.234.567,89 €", ["1234567.89"]),
        ("1.234,5", ["1234.5"]),
        ("1.234", ["1.234"]),
        ("1,5", ["1.5"]),
        ("2,3,5", ["2", "3", "5"]),
        ("0,234", ["0.234"]),
        ("H2O v1.2.3", []),
        ("6.02 × 10^23", ["6.02E+23"]),
        ("6.02e-3", ["0.00602"]),
        ("\u22127", ["-7"]),
        ("\u20137 \u20117 \u20107 \u20127 \uff0d7 $\u20137 \u2013$7", ["-7"] * 7),
        ("2019\u20132021, pp. 3\u20114", ["2019", "2021", "3", "4"]),
        ("so \u2013 7, \u20147", ["7", "7"]),
        ("2 x 10^\u20113", ["0.002"]),
        ("2024-03-01", ["2024", "3", "1"]),
        ("5-3", ["5", "3"]),
        ("- 5", ["5"]),
        ("10 000 and 1'234'567.8", ["10000", "1234567.8"]),
        (".5", ["0.5"]),
        ("It is **42**.", ["42"]),
        ("\\boxed{-3}", ["-3"]),
        ("9" * 101, []),
        ("minus 5, negative $5, -\\$5", ["-5", "-5", "-5"]),
        ("10 minus 5", ["10", "5"]),
        ("5{,}000 and 1,\\!234 and 5\\,000", ["5000", "1234", "5000"]),
        ("12,34,567.50", ["1234567.50"]),
        ("25 cm^2, 9 m s^{-1}, 3x^2", ["25", "9", "3"]),
        ("10^6, 2 \\times 10^{-3}, 5 × 10³", ["1000000", "0.002", "5000"]),
        ("3/4, -1/2, 3 1/2, \\frac{-1}{4}, 2\\dfrac12", ["0.75", "-0.5", "3.5", "-0.25", "2.5"]),
        ("3/4/2024, 1/0, 1/2.5", ["3", "4", "2024", "1", "0", "1", "2.5"]),
    ],
)
def test_numbers_in_a_text(text: str, found: list[str]) -> None:
    assert [n.value for n in numbers(text)] == [Decimal(f) for f in found]


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**15), max_value=10**15))
def test_written_numbers_are_read_back(value: Decimal) -> None:
    for text in (f"{value:f}", f"{value:,f}", f"so x = {value:,f} m", f"{value:e}"):
        assert numbers(text)[0].value == value


@pytest.mark.parametrize(
    "run",
    ["1", "1,", "1.", "1.111", ".111", ",111", " 111", "1e", "$ ", "-", "1/", "minus ", "\\frac1", "10^", "}^1", "1 k"],
)
def test_long_runs_cost_nothing(run: str) -> None:
    assert numbers(f"{run * 30_000} = 7")[-1].value == 7


@given(st.text("0123456789.,-+eE %$'^{}x×/³kM", max_size=200))
def test_no_text_breaks_the_reader(text: str) -> None:
    assert all(n.value.is_finite() for n in numbers(text))


@pytest.mark.parametrize(
    ("options", "answer", "expected", "passed"),
    [
        ({}, "The total is $1,234.50.", "1234.5", True),
        ({}, "0.3", "0.30", True),
        ({}, "12345678901234567891", "12345678901234567890", False),
        ({"tolerance": 0.1}, "3.2", "3.1", True),  # exact decimals: 3.2 - 3.1 is 0.1
        ({"tolerance": 0.1}, "3.21", "3.1", False),
        ({"relative": 0.01}, "101", "100", True),
        ({"relative": 0.01}, "102", "100", False),
        ({"tolerance": 5, "relative": 0.01}, "104", "100", True),
        ({}, "50%", "50", True),
        ({}, "50%", "0.5", True),
        ({}, "0.5", "50 %", True),
        ({}, "50%", "0.5%", False),
        ({}, "9e9999", "-9e9999", False),
        ({}, "minus 5", "5", False),
        ({}, "1/2", "0.5", True),
        ({}, "3/4", "1/4", False),  # the last number of both was 4
        ({}, "30 cm^2", "25 cm^2", False),  # and of these 2
        ({}, "50\\%", "0.5", True),
        ({}, "50 percent", "0.5", True),
        ({}, "5k", "5000", True),
        ({}, "$5 m", "5,000,000", True),
        ({}, "1.2 million", "1200000", True),
        ({}, "1.2 million people", "1.2", True),  # it may have been asked for in millions
        ({}, "1,200,000", "1.2 million", True),
        ({}, "1200 thousand", "1.2 million", True),
        ({}, "1.2 billion", "1.2 million", False),
        ({"tolerance": 1}, "50.5", "50%", True),
        ({"tolerance": 1}, "0.505", "50%", True),
        ({"tolerance": 1}, "1.2", "50%", False),  # it was near enough to 0.5
        ({"tolerance": 0.1}, "1,250,000", "1.2 million", True),
        ({"tolerance": 0.1}, "1.25 million", "1.2 million", True),
        ({}, "300 K", "300", True),
        ({}, "5 m", "5000000", False),
    ],
)
def test_numeric(options: dict[str, object], answer: str, expected: str, passed: bool) -> None:
    score = grade(spec("numeric", **options), answer, expected)
    assert (score.passed, score.value) == (passed, float(passed))


def test_words_for_people_and_for_the_optimizer() -> None:
    assert grade(spec("numeric"), "none", "42").hint == "no number found in the answer"
    assert grade(spec("numeric"), "41", "42").hint == "off by more than the tolerance"
    assert grade(spec("numeric"), "1, 2 and 3", "42").hint == (
        "several numbers found (3), the last one counts; it is off by more than the tolerance"
    )
    assert grade(spec("numeric"), "42 of 50", "42").hint.endswith(
        "an accepted number stands before it: end with the answer"
    )
    assert grade(spec("numeric"), "41%", "42", "43").why == 'expected "42" or "43", got 41%'
    assert grade(spec("numeric"), "5 billion", "5 million").why == 'expected "5 million", got 5 × 10^9'


def test_what_cannot_be_graded() -> None:
    with pytest.raises(CallFailedError, match='the expected answer "many" holds no number'):
        grade(spec("numeric"), "4", "4", "many")
    with pytest.raises(CallFailedError, match="needs 'expected'"):
        grade(spec("numeric"), "4")


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf"), "1", 10**400])
def test_bad_tolerance(value: object) -> None:
    with pytest.raises(ConfigError, match="option 'tolerance' must be"):
        build([spec("numeric", tolerance=value)], None)
