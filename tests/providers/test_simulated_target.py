import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.providers.simulated_essay import cut
from skillopt_ci.providers.simulated_reading import read_task
from skillopt_ci.providers.simulated_target import answer
from skillopt_ci.providers.simulated_values import Format, written

INVOICE = """INVOICE
Supplier: Northwind GmbH
Invoice number: INV-2291
Invoice date: 3 March 2026
Due date: April 2, 2026
Customer: Anna Becker
Total amount: €1,234.50
Currency: €
Order: -
"""
LAKE = (
    "The Aldersee lies in northern Tirol and is 43 metres deep. It was first surveyed by Maria Holt in 1878. "
    "A ferry operated by Seelinie carries about 45,000 visitors a year."
)
WRITING = "Write a brief on whether a small team should adopt Kubernetes."


def ask(skill: str, question: str, material: str = INVOICE) -> str:
    return answer(skill, f"{question}\n\n{material}", "seed", 0.0)


@pytest.mark.parametrize(
    ("skill", "question", "expected"),
    [
        ("Only the value.", "When is it due?", "April 2, 2026"),
        ("Only the value.", "What is the date of the invoice?", "3 March 2026"),
        ("Only the value.", "Who is the customer?", "Anna Becker"),
        ("Only the value.", "How much is the total amount?", "€1,234.50"),
        ("Only the value. Write dates as YYYY-MM-DD.", "What is the due date?", "2026-04-02"),
        ("Only the value. Write dates as DD.MM.YYYY.", "What is the due date?", "02.04.2026"),
        ("Only the value. Use plain numbers.", "What is the total amount?", "1234.50"),
        ("Only the value. Plain numbers with currency code.", "What is the total amount?", "1234.50 EUR"),
        ("Only the value. Add the currency code.", "Which currency is used?", "EUR"),
        ("Only the value. Round amounts.", "What is the total amount?", "€1235"),
        ("Only the value. Lower case.", "Who is the customer?", "anna becker"),
        ("Only the value. Upper case.", "Who is the customer?", "ANNA BECKER"),
        ('If it is not stated, answer "n/a".', "What is the order?", "n/a"),
        ('If it is not stated, answer "n/a".', "What is the delivery address?", "n/a"),
        ("", "What is the delivery address?", "The delivery address is not stated in the document."),
        ("Only the value. Answer in German.", "Who is the customer?", "Die Antwort lautet: Anna Becker."),
        (
            'Only the value. Start with "Field:". End with "Done".',
            "Who is the customer?",
            "Field:\n\nAnna Becker\n\nDone",
        ),
        ('Only the value. Never write "Anna ".', "Who is the customer?", "Becker"),
        ("Only the value. Cite it.", "Who is the customer?", "Anna Becker [1]"),
    ],
)
def test_records(skill: str, question: str, expected: str) -> None:
    assert ask(skill, question) == expected


def test_without_a_rule_the_answer_is_a_sentence_around_the_value() -> None:
    said = ask("", "Who is the customer?")
    assert said.endswith("Anna Becker.")
    assert len(said.split()) > 4


@pytest.mark.parametrize("skill", ["Restate the question.", "Explain your reasoning step by step."])
def test_harmful_lines_put_words_before_the_answer(skill: str) -> None:
    said = ask(f"Only the value. {skill}", "Who is the customer?")
    assert said.endswith("\n\nAnna Becker")
    assert not said.startswith("Anna")


@pytest.mark.parametrize("style", ["Keep it short.", "Only the value. Answer in a complete sentence."])
def test_soft_and_opposed_rules_are_taken_differently_from_task_to_task(style: str) -> None:
    names = [f"Person {chr(65 + i)}" for i in range(26)]
    bare = [ask(style, "Who is the customer?", f"Customer: {n}\nTotal: 5") == n for n in names]
    assert 5 < sum(bare) < 25


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("How deep is the Aldersee?", "43"),
        ("Who first surveyed the lake?", "Maria Holt"),
        ("In which year was it first surveyed?", "1878"),
        ("Which company operates the ferry?", "Seelinie"),
        ("How many visitors does the ferry carry?", "45,000"),
    ],
)
def test_passages(question: str, expected: str) -> None:
    assert ask("Only the value.", question, LAKE) == expected
    assert expected in ask("", question, LAKE)
    assert ask("", question, LAKE) in LAKE


def test_a_passage_without_the_answer_is_not_stated() -> None:
    assert "not stated" in ask("", "Which zebra sleeps?", LAKE)
    assert ask("Only the value.", "What does it show?", "Its emblem shows a heron.") == "heron"


def test_arithmetic_and_choices() -> None:
    assert answer("Only the number.", "What is 12 + 30?", "s", 0) == "42"
    assert answer("Only the number.", "What is 7 / 2?", "s", 0) == "3.5"
    assert answer("Only the number.", "What is 7 / 0?", "s", 0) == "0"
    assert answer("Only the number.", "What is 6 x 7?", "s", 0) == "42"
    assert answer("Only the number.", "What is 6 - 7?", "s", 0) == "-1"
    asked = "Which word means apple?\nA) stone\nB) apple fruit"
    assert answer("", asked, "s", 0) == "Considering the options, apple fruit fits best."
    assert answer("Only the answer.", asked, "s", 0) == "apple fruit"
    assert answer("Answer with the letter.", asked, "s", 0) == "B"


def test_the_question_may_stand_anywhere() -> None:
    assert read_task(f"{LAKE}\n\nHow deep is the Aldersee?").question == "How deep is the Aldersee?"
    assert read_task(f"{LAKE}\nQuestion: How deep is it?").question == "How deep is it?"
    assert read_task("").question == ""
    filed = f'Who is the customer?\n\n<file name="a.txt">\n{INVOICE}\n</file>'
    assert answer("Only the value.", filed, "s", 0) == "Anna Becker"


def test_rules_in_the_question_count_too() -> None:
    assert ask("", "Give only the name of the customer.") == "Anna Becker"


def test_json() -> None:
    skill = 'Answer as JSON with the keys "customer", "due_date" and "address". Dates as YYYY-MM-DD.'
    assert json.loads(ask(skill, "Read the invoice.")) == {
        "customer": "Anna Becker",
        "due_date": "2026-04-02",
        "address": None,
    }
    assert json.loads(ask("Answer as JSON.", "Who is the customer?")) == {"answer": "Anna Becker"}


def test_writing_has_the_wanted_length() -> None:
    usual, verbose = answer("", WRITING, "s", 0), answer("Be exhaustive.", WRITING, "s", 0)
    assert 650 < len(usual) < 1000
    assert 2200 < len(verbose) < 2900
    assert len(answer("Keep it short.", WRITING, "s", 0)) < len(usual)
    assert "Kubernetes" in usual
    assert "##" not in usual
    assert "onfidence" not in usual


@pytest.mark.parametrize("skill", ["At most 600 characters.", "Be exhaustive. At most 600 characters."])
def test_a_limit_is_kept_with_sections_and_lines(skill: str) -> None:
    rules = '\nAdd a section titled "Key Risks".\nEnd with a line "Confidence: high|medium|low".'
    said = answer(skill + rules, WRITING, "s", 0)
    assert len(said) <= 600
    assert re.search(r"^## Key Risks$", said, re.MULTILINE)
    assert said.endswith("\n\nConfidence: medium")


def test_other_limits() -> None:
    assert len(answer("At most 40 words.", WRITING, "s", 0).split()) <= 40
    assert answer("Answer in one sentence.", WRITING, "s", 0).count(".") == 1
    assert len(answer("Write at least 3000 characters.", WRITING, "s", 0)) >= 3000
    assert len(answer("Write at least 300 words.", WRITING, "s", 0).split()) >= 300
    assert len(re.findall(r"\[\d+\]", answer("Cite your sources.", WRITING, "s", 0))) > 3


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("Confidence: <level>", "Confidence: medium"),
        ("Confidence: 80%", "Confidence: 80%"),
        ("Status: open / closed", "Status: closed"),
        ("Thank you", "Thank you"),
        ("Confidence:", "Confidence: medium"),
    ],
)
def test_lines_are_filled_in(line: str, shown: str) -> None:
    assert answer(f'End with a line "{line}".', WRITING, "s", 0).endswith(f"\n\n{shown}")


def test_noise_overlooks_rules_about_as_often_as_it_says() -> None:
    said = [answer("Only the value.", f"Who is the supplier?\n\n{INVOICE}", f"s{i}", 0.2) for i in range(400)]
    share = sum(s == "Northwind GmbH" for s in said) / len(said)
    assert 0.6 < share < 0.85
    assert any(s != "Northwind GmbH" and len(s.split()) <= 3 for s in said)  # misread


def test_dead_weight_costs() -> None:
    ballast = "".join(f"\n- Think of the colour number {i}." for i in range(60))

    def share(skill: str) -> float:
        asked = f"Who is the supplier?\n\n{INVOICE}"
        return sum(answer(skill, asked, f"s{i}", 0.1) == "Northwind GmbH" for i in range(300)) / 300

    assert share("Only the value." + ballast) < share("Only the value.") - 0.1
    assert answer("Only the value." + ballast, f"Who is the supplier?\n\n{INVOICE}", "s", 0) == "Northwind GmbH"


@pytest.mark.parametrize(
    ("value", "form", "expected"),
    [
        ("1.234,50 EUR", Format(plain=True), "1234.50 EUR"),
        ("EUR 1,234.50", Format(currency=True), "1,234.50 EUR"),
        ("EUR 1,234.50", Format(plain=True), "1234.50"),
        ("12 dollars", Format(currency=True), "12 USD"),
        ("1,234", Format(plain=True), "1234"),
        ("$5", Format(decimals=True), "$5.00"),
        ("€9.50", Format(round=True), "€10"),
        ("03/04/2026", Format(date="YYYY-MM-DD"), "2026-04-03"),
        ("04/23/2026", Format(date="YYYY-MM-DD"), "2026-04-23"),
        ("2026-04-23", Format(date="DD.MM.YYYY"), "23.04.2026"),
        ("1st of May 2026", Format(date="YYYY-MM-DD"), "2026-05-01"),
        ("12", Format(plain=True, round=True), "12"),
        ("INV-12", Format(plain=True, currency=True), "INV-12"),
        ("12%", Format(plain=True), "12%"),
    ],
)
def test_values(value: str, form: Format, expected: str) -> None:
    assert written(value, form) == expected
    if not form.date:
        assert written(value, Format()) == value


def test_cutting() -> None:
    assert cut("One two three. Four five.", "words", 3) == "One two three."
    assert cut("One two three four", "words", 2) == "One two"
    assert cut("abcdef", "characters", 3) == "abc"
    assert cut("One. Two.", "sentences", 0) == ""


@given(st.text(max_size=300), st.text(max_size=300), st.floats(0, 1))
def test_any_task_gets_an_answer(skill: str, user: str, noise: float) -> None:
    assert answer(skill, user, "seed", noise) == answer(skill, user, "seed", noise)
