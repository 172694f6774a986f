import pytest

from skillopt_ci.errors import CallFailedError, ConfigError
from skillopt_ci.graders.build import build
from skillopt_ci.graders.choice import chosen, options_in
from tests.graders.helpers import grade, spec

CITIES = {"A": "London", "B": "Paris", "C": "New York", "D": "York"}
QUESTION = "Which is the capital of France?\nA) London\nB) Paris\nC. New York\n(D) York"


@pytest.mark.parametrize(
    ("answer", "letter"),
    [
        ("B", "B"),
        ("(b)", "B"),
        ("**B**.", "B"),
        ("The answer is B.", "B"),
        ("Answer: (C)", "C"),
        ("**Answer:** D", "D"),
        ("The correct answer is: **(B) Paris**", "B"),
        ("answer: b", "B"),
        ("\\boxed{C}", "C"),
        ("Option A is wrong.\n\nThe answer is B, not A.", "B"),
        ("I first chose A. Final answer: D", "D"),
        ("B) Paris", "B"),
        ("A is an island city.\n\nB. Paris it is", "B"),
        ("Paris", "B"),
        ("It is paris, of course", "B"),
        ("New York", "C"),
        ("York", "D"),
        ("Not A. So (B).", "B"),
        ("I take C here", "C"),
        ("A good idea is B", "B"),
        ("The answer is a matter of taste", None),
        ("London or Paris", None),
        ("(A) or (B)", None),
        ("A) no\nB) no\nC) perhaps", None),
        ("A) too small\nB) fits\n\n**B**", "B"),
        ("C\n\nA) is an island, B) a river", "C"),
        ("The answer is B. Option C is too large, and option A is wrong.", "B"),
        ("The answer is B, because choice D fails", "B"),
        ("The answer is B and A is wrong", "B"),
        ("I would take option B", "B"),
        ("Final answer\n\nB", "B"),
        ("Either A or B.", None),
        ("A or B", None),
        ("The answer is B or C", None),
        ("Answer: **B** / **C**", None),
        ("B) or C)", None),
        ("Answer: B and C", None),
        ("A and B are both wrong", None),
        ("It is neither A nor B", None),
        ("The answer is not B", None),
        ("Option B is wrong.", None),
        ("B isn't right", None),
        ("Option B is fine; option A is wrong", "B"),
        ("Definitely not option B", None),
        ("option B, or option C", None),
        ("A, B", None),
        ("Answer: B, C", None),
        ("Answer: B; D", None),
        ("Answer: B + C", None),
        ("The answer is B and/or C", None),
        ("The answer is B, C and D", None),
        ("Both A and B are correct", None),
        ("Answer: B, A is too small", "B"),
        ("The answer is B, I think", "B"),
        ("It cannot be B", None),
        ("I rule out B", None),
        ("Neither C nor B", None),
        ("It is not C or D", None),
        ("It isn't C but B", "B"),
        ("C is wrong, D is wrong. B", "B"),
        ("C is too large and D too far, so the answer must be B", "B"),
        ("$\\boxed{\\textbf{B}}$ and not C", "B"),
        ("\\boxed{B) Paris} is not in C", "B"),
        ("B is the correct answer: A is in England, C in America, and option D is too small", "B"),
        ("(C) is the best choice, as B is too small and D is too large", "C"),
        ("B is not the correct answer", None),
        ("It is not Paris", None),
        ("Paris is wrong", None),
        ("Paris is not the largest one, but it is Paris", "B"),
        ("no idea", None),
        ("E", None),
        ("", None),
    ],
)
def test_the_chosen_letter(answer: str, letter: str | None) -> None:
    assert chosen(answer, CITIES) == letter


@pytest.mark.parametrize("run", [" ", "\n", "(", "*", "answer ", "E) ", "is ", ",", "E, ", "not "])
def test_long_runs_cost_nothing(run: str) -> None:
    long = run * 50_000
    assert chosen(f"the answer {long} or so", CITIES) is None
    assert options_in(f"A) x\n {long} or so") == {}


def test_choices_are_read_from_the_prompt() -> None:
    assert options_in(QUESTION) == CITIES
    assert options_in("A) old\nB) older\n\nNow:\nA) new\nB) newer") == {"A": "new", "B": "newer"}
    assert options_in("A. lonely") == {}
    assert options_in("no choices") == {}


def test_expected_is_a_letter_or_a_text() -> None:
    for expected in ("B", "b", "(B)", "Paris", "B) Paris"):
        assert grade(spec("choice"), "I say Paris", expected, prompt=QUESTION).passed
    assert grade(spec("choice", choices=["yes", "no"]), "No.", "no").passed
    assert grade(spec("choice", choices=["yes", "no"]), "B", "no").passed
    assert grade(spec("choice"), "The answer is C", "C").passed


def test_words_for_people_and_for_the_optimizer() -> None:
    wrong = grade(spec("choice"), "A", "B", prompt=QUESTION)
    assert (wrong.value, wrong.why, wrong.hint) == (0.0, 'expected "B", chose A', "the wrong choice")
    none = grade(spec("choice"), "hm", "B", prompt=QUESTION)
    assert none.hint == "no choice found in the answer: end with the letter of one choice"


def test_what_cannot_be_graded() -> None:
    with pytest.raises(CallFailedError, match='"Rome" is not one of the choices'):
        grade(spec("choice"), "A", "Rome", prompt=QUESTION)
    with pytest.raises(CallFailedError, match="is not a letter"):
        grade(spec("choice"), "A", "Rome")
    with pytest.raises(CallFailedError, match="needs 'expected'"):
        grade(spec("choice"), "A")


@pytest.mark.parametrize("choices", [["one"], [], ["x", " x\n"], ["x", " "], ["x"] * 27])
def test_bad_choices(choices: list[str]) -> None:
    with pytest.raises(ConfigError, match="option 'choices' must"):
        build([spec("choice", choices=choices)], None)


MATH = ["$n > 2$", "$n < 2$", "$n \\ge 2$", "$N > 2$"]


@pytest.mark.parametrize(
    ("answer", "right"),
    [("B", True), ("The answer is B.", True), ("$n < 2$", True), (" $n  < 2$", True), ("$n > 2$", False), ("A", False)],
)
def test_choices_may_differ_in_signs_or_in_case_alone(answer: str, right: bool) -> None:
    for expected in ("B", "$n < 2$"):
        assert grade(spec("choice", choices=MATH), answer, expected).passed is right
    assert grade(spec("choice", choices=MATH), "$N > 2$", "D").passed
