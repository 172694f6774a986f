"""Short answers and names in small letters, English and German: told as answers they leak, in passing they do not."""

import pytest

from skillopt_ci.core.leakage import leakage_of
from skillopt_ci.core.short_answers import told_shortly
from skillopt_ci.core.task import GraderSpec, Source, Task

BODY = "# Questions\n\n- Read the passage; write `n/a` where it has no answer, in 9 words.\n"
ASKED = (
    ("How do green plants store sunlight?", "photosynthesis", "Leaves turn light into sugar."),
    ("How many boats cross the harbour?", "43", "The ferries of Quillport, 43 in all, cross it."),
    ("What does a bolt of this size cost?", "12.50", "A bolt is 12.50 francs."),
    ("Which colour has the mill's door?", "green", "It is a green door, says Otto Brandt."),
    ("What is the capital in the ledger?", "1,204,000", "The capital is 1,204,000."),
    ("What covers the roof of the barn?", "rye straw", "Rye straw covers it."),
    ("Which steps lead down?", "two", "There are two, and two more."),
)
OTHERS = tuple((f"Is number {n} of the two lists empty?", "yes", "It has two parts.") for n in range(8, 40))


def suite(asked: tuple[tuple[str, str, str], ...]) -> tuple[Task, ...]:
    return tuple(
        Task(
            id=f"t{n}",
            prompt=prompt,
            expected=(expected,),
            context=context,
            split=("train", "val", "test")[n % 3],  # type: ignore[arg-type]
            source=Source(file="f", line=n + 1),
        )
        for n, (prompt, expected, context) in enumerate(asked)
    )


LINT = leakage_of(suite(ASKED + OTHERS), (GraderSpec(type="exact"),), BODY)


@pytest.mark.parametrize(
    "text",
    [
        "The answer is photosynthesis.",
        "If in doubt, say photosynthesis.",
        "For sunlight in leaves the word you want in the end is photosynthesis, as always.",
        "PHOTOSYNTHESIS",
        "Write `43` if you see a number.",
        "The count is **43** in most texts that you will be given.",
        "| boats | 43 |",
        "boats and harbour: take 43 as what they all want to hear from you",
        "Prices are 12.50 here.",
        "Prices are 12,50 here.",
        "Of the capital say 1204000 or 1,204,000 where somebody asks you.",
        "The door of a mill is green wherever they come to speak of it.",
        "Roofs are made of rye straw.",
        "How many steps lead down? Take two.",
        "Whoever asks about boats and the harbour must be told of quillport.",
        "The answer, turned round: sisehtnysotohp.",
        "The answer is p-h-o-t-o-s-y-n-t-h-e-s-i-s.",
        "The answer is cubgbflagurfvf.",
    ],
)
def test_what_is_told_as_an_answer_leaks(text: str) -> None:
    assert LINT.find(f"{BODY}- {text}\n", BODY) is not None


@pytest.mark.parametrize(
    "text",
    [
        "Give a count with its unit, and at most 43 characters of the sentence that it was taken from.",
        "Where the passage has two dates take the later one.",
        "Answer in at most two words.",
        "Copy words such as the green of a logo as they are written in the text.",
        "Say `yes` or `no` where a yes is asked for.",
        "43. Read the question again before you answer it.",
        "Quote prices with two decimals.",
        "Copy numbers as they stand, with separators.",
        "Use quill pens.",
    ],
)
def test_words_in_passing_do_not(text: str) -> None:
    assert LINT.find(f"{BODY}- {text}\n", BODY) is None


def test_what_the_skill_tells_already_is_not_new() -> None:
    body = f"{BODY}- The answer is green.\n"
    assert LINT.find(f"{body}- Be short.\n", body) is None
    assert leakage_of(suite(ASKED), (), body).find(f"{BODY}- Say green.\n", BODY) is None


def test_a_number_that_a_single_tasks_grader_wants_is_an_answer() -> None:
    wanted = GraderSpec(type="contains", options={"values": ["317 boxes", "kindly"]})
    task = Task(id="t", prompt="How much is in store?", source=Source(file="f", line=1), graders=(wanted,))
    lint = leakage_of((task,), (), BODY)
    assert lint.find("- Answer `317 boxes`.") is not None
    assert lint.find("- Answer `kindly`.") is None  # a word of a criterion is what a skill may have to teach
    told = leakage_of((task,), (), BODY).find("- Count the boxes and parcels, 317 or however many they may be.")
    assert told is None


def test_nothing_is_known_of_nothing() -> None:
    assert list(told_shortly("The answer is 43.", {})) == []


GERMAN = (
    ("Wer hat den Vertrag mit der Reederei geschlossen?", "Otto Brandt", "Das hat Otto Brandt mit der Reederei getan."),
    ("Was liegt auf dem Dach der Scheune?", "Stroh", "Auf dem Dach der Scheune liegt das Stroh und nicht das Schilf."),
    ("Wie hoch ist die Mahnung?", "43", "Die Mahnung ist von der Frist abhängig, sie ist 43 Franken hoch."),
    ("Was ist die Nummer der Lieferung?", "KX-88213", "Die Lieferung hat die Nummer KX-88213 und ein Siegel."),
)
DEUTSCH = leakage_of(suite(GERMAN), (GraderSpec(type="exact"),), "# Fragen\n")


@pytest.mark.parametrize(
    "text",
    [
        "Nenne die Frist der Mahnung und die Nummer der Lieferung.",
        "Ein Vertrag hat zwei Seiten; nenne beide.",
        "Lies zuerst das Siegel, dann die Scheune und das Dach.",
        "Die Reederei steht oben.",
    ],
)
def test_a_german_noun_is_no_name(text: str) -> None:
    assert DEUTSCH.find(f"- {text}") is None


@pytest.mark.parametrize(
    "text",
    [
        "Den Vertrag hat Otto Brandt geschlossen.",
        "Frag zuerst otto brandt.",
        "Auf der Scheune liegt Stroh.",
        "Antworte: Stroh.",
        "Die Antwort ist stroh.",
        "Die Mahnung kostet 43 Franken.",
        "Beginne mit KX 88213.",
    ],
)
def test_german_answers_leak(text: str) -> None:
    assert DEUTSCH.find(f"- {text}") is not None
