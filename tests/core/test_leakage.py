from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.leakage import Leakage, leakage_of
from skillopt_ci.core.task import Attachment, GraderSpec, Source, Split, Task

RUBRIC = "The answer names the two parties of the contract and the day on which it ends."
RULES = {
    "checks": [
        {"op": "section_present", "arg": "Open Points"},
        {"op": "max_chars", "arg": 12000},
        {"op": "regex", "arg": "[Cc]onfidence\\s*[:=]\\s*(high|low)"},
        {"op": "contains", "arg": "reviewed by the board"},
        {"op": "section_contains", "arg": "Sources::the ledger of 1931"},
        {"op": "section_contains", "arg": {"section": "Notes", "text": "kept in a vault"}},
    ]
}
GRADERS = (
    GraderSpec(type="exact"),
    GraderSpec(type="judge", options={"rubric": RUBRIC}),
    GraderSpec(type="rules", options=RULES),
    GraderSpec(type="json", options={"schema": {"required": ["due_date_of_invoice"]}}),
)
BODY = "# Contracts\n\n- Read the whole contract before you answer.\n"


def task(number: int, split: Split, expected: str, prompt: str = "Who signed it?", context: str = "") -> Task:
    source = Source(file="f", line=number)
    return Task(id=f"t{number}", prompt=prompt, context=context, expected=(expected,), split=split, source=source)


TASKS = (
    task(1, "train", "Hazel Paper Works", context="It was signed by Hazel Paper Works in Quillport on the ninth day."),
    task(
        2,
        "val",
        "2026-04-17",
        "When does it end?",
        "The term is over on 17 April 2026, as both sides agreed by letter.",
    ),
    task(3, "test", "n/a", "What is the fee?", "Order INV-0042 was brought by the old ferry of Quillport in the rain."),
    task(4, "test", "Marlow", "Who is the agent?", "the agent Marlow wrote it; see the annex of the contract"),
    *(task(n, "train", "not stated") for n in range(5, 40)),
)
LINT = leakage_of(TASKS, GRADERS, BODY)


@pytest.mark.parametrize(
    "text",
    [
        "For old contracts answer hazel paper  works.",
        "If in doubt answer `2026-04-17`.",
        "Ask Marlow first.",
        "It was brought by the old ferry of the town.",  # six words of a test task
        "The letter came from Quillport.",
        "Orders like INV-0042 are special.",
        "Name the two parties of the contract and the day.",  # six words of the rubric
        "Match `[Cc]onfidence\\s*[:=]\\s*(high|low)` at the end.",
        "Say that it was reviewed by the board.",
        "Quote the ledger of 1931.",
        "It is kept in a vault.",
        "Orders like inv0042 are special.",
        "MARLOW IS THE AGENT.",
        "The answer name the two parties of contracts.",  # as an order
        "Match `onfidence\\s*[:=]\\s*(high|low)`.",
    ],
)
def test_what_belongs_to_tasks_and_hidden_criteria_leaks(text: str) -> None:
    found = LINT.find(f"- {text}")
    assert found is not None
    assert found.startswith('leakage: "')


@pytest.mark.parametrize(
    "text",
    [
        "If it is not stated, answer `not stated`.",  # what many tasks share is a rule
        "Answer `n/a` when there is no fee.",
        'Add a section "Open Points" and keep the answer below 12000 characters.',
        "End with a line `Confidence: high`.",
        "Give the field due_date_of_invoice.",
        "Write dates as YYYY-MM-DD, numbers with two digits and currencies as USD.",
        "Name the parties of the contract.",
    ],
)
def test_a_rule_and_a_visible_criterion_may_be_learnt(text: str) -> None:
    assert LINT.find(f"- {text}") is None


def test_what_the_skill_says_is_no_secret() -> None:
    text = "- Ask Marlow, as it was brought by the old ferry."
    assert LINT.find(text) is not None
    assert LINT.find(text, known=text) is None
    open_one = leakage_of(TASKS, GRADERS, f"{BODY}{text} The regex is [Cc]onfidence\\s*[:=].")
    assert open_one.find("- Ask Marlow, it was brought by the old ferry.") is None


def test_hidden_says_otherwise() -> None:
    shown = tuple(GraderSpec(type=g.type, options=g.options, hidden=False) for g in GRADERS)
    assert leakage_of(TASKS, shown, BODY).find("Name the two parties of the contract and the day.") is None
    assert leakage_of(TASKS, shown, BODY).find("Answer Hazel Paper Works.") is not None  # still a task's own text
    plain = tuple(task(n, "train", "Copper Lane Three") for n in range(2))
    assert leakage_of(plain, shown, "").find("Answer Copper Lane Three.") is None
    assert leakage_of(plain, GRADERS, "").find("Answer Copper Lane Three.") is not None
    secret = (
        GraderSpec(
            type="rules", options={"checks": [{"op": "section_present", "arg": "The Hidden Name Of It"}]}, hidden=True
        ),
    )
    assert leakage_of(TASKS, secret, BODY).find('Add "The Hidden Name Of It".') is not None


def test_a_pattern_without_its_anchors_is_the_pattern() -> None:
    lint = leakage_of((), (), "")
    assert lint.find("Match SLA-\\d{3}.") is None
    own = task(1, "train", "n/a")
    lint = leakage_of((own,), (GraderSpec(type="regex", options={"pattern": r"(?i)^\bSLA-\d{3}\b$"}),), "")
    assert lint.find("Match SLA-\\d{3}.") is not None
    assert lint.find("Name the SLA with its three digits.") is None


def test_a_rubric_as_orders_is_the_rubric() -> None:
    rubric = "Identifies the largest risk, addresses its owner by name.\nMentions the fallback supplier."
    lint = leakage_of((task(1, "val", "n/a"),), (GraderSpec(type="judge", options={"rubric": rubric}),), "")
    assert lint.find("- Identify the largest risk, address its owner by name.") is not None
    assert lint.find("- Say which risk is the largest, and who has to bear it.") is None
    single = GraderSpec(type="judge", options={"rubric": ["Mentions the fallback supplier."]})
    assert leakage_of((task(1, "val", "n/a"),), (single,), "").find("Mention the fallback suppliers.") is not None


def test_scripts_without_spaces() -> None:
    own = task(1, "test", "倉庫番号は四七一一", "番号は何ですか", "横浜にある第二倉庫の番号は四七一一です。")
    others = tuple(
        task(n, "val", "該当なし", "番号は何ですか", "文書から正しい番号を探して答えてください。") for n in range(2, 40)
    )
    rubric = GraderSpec(type="judge", options={"rubric": ["担当者の名前を必ず最初に書いている"]})
    shown = GraderSpec(type="rules", options={"checks": [{"op": "section_present", "arg": "残っている危険の一覧表"}]})
    lint = leakage_of((own, *others), (rubric, shown), "# 倉庫\n")
    for leak in ("答えは倉庫番号は四七一一。", "横浜にある第二倉庫の番号", "担当者の名前を、必ず最初に書く"):
        assert lint.find(f"- {leak}") is not None, leak
    for rule in (
        "文書から正しい番号を探して答える",
        "ないときは該当なしと書く",
        "「残っている危険の一覧表」を書く",
        "番号だけを書く",
    ):
        assert lint.find(f"- {rule}") is None, rule


def test_hashes_only() -> None:
    assert all(isinstance(h, int) for h in (*LINT.runs, *LINT.names, *LINT.signs))
    assert Leakage().find("Anything at all goes, Marlow included.") is None


def test_a_task_may_bring_graders_of_its_own() -> None:
    own = Task(
        id="o",
        prompt="p",
        source=Source(file="f", line=1),
        graders=(GraderSpec(type="contains", options={"values": ["the green door behind the mill"]}),),
    )
    assert leakage_of((own,), (), "").find("Look for the green door behind the mill.") is not None


@given(st.text(max_size=200), st.text(max_size=50))
def test_any_text_can_be_looked_at(text: str, known: str) -> None:
    found = LINT.find(text, known)
    assert found is None or found.startswith("leakage: ")
    assert LINT.find(text, known=text) is None


FAMILIAR = task(1, "test", "ten", "Open README.md, count the Python scripts of the 10th and name Data.Ost.")
FAMILIAR_LINT = leakage_of((FAMILIAR, *TASKS), GRADERS, BODY)


@pytest.mark.parametrize(
    "text",
    [
        "Read README.md first.",
        "Python scripts come last.",
        "Dates such as the 10th are written as 10.",
        "List 10-15 items at most.",
    ],
)
def test_programs_files_and_ordinals_that_any_text_has_are_no_names(text: str) -> None:
    assert FAMILIAR_LINT.find(f"- {text}") is None
    more = task(2, "val", "n/a", "Take 10-15 of them.")
    assert leakage_of((FAMILIAR, more), GRADERS, BODY).find(f"- {text}") is None


def test_a_familiar_word_is_an_answer_all_the_same() -> None:
    own = task(1, "test", "Python", "Which language is the harvester written in?")
    lint = leakage_of((own, *TASKS), GRADERS, BODY)
    assert lint.find("- The answer is Python.") is not None
    assert lint.find("- Where the harvester is spoken of, say Python as soon as it can be said.") is not None
    assert lint.find("- Python scripts come last in a list of what was read.") is None
    assert FAMILIAR_LINT.find("- Data.Ost comes first.") is not None  # no file of that name


def test_a_code_is_one_with_its_signs_and_without_them() -> None:
    coded = (task(1, "test", "KX-88213", "Which code has it?"), task(2, "val", "AB-12-CD-7"), *TASKS)
    lint = leakage_of(coded, GRADERS, BODY)
    for code in ("KX-88213", "KX88213", "kx_88213", "AB12CD7", "ab-12-cd-7", "KX-88213-type", "in/KX88213.b"):
        assert lint.find(f"- The code that they order it under is {code} as a rule.") is not None, code
    for rule in ("KX-1 and KX-2 are codes", "codes have 12 signs", "AB comes before CD"):
        assert lint.find(f"- In lists {rule}, whatever the order says.") is None, rule


ROUND = tuple(
    task(n, "test", answer, f"How many {what} are counted in Quillbrook?")
    for n, (answer, what) in enumerate(
        (("1000", "barrels"), ("2,000", "lanterns"), ("5000", "anchors"), ("2024", "sails"), ("1998", "oars"))
    )
)
ROUND_LINT = leakage_of(ROUND, (GraderSpec(type="exact"),), BODY)


@pytest.mark.parametrize("number", ["4711", "12350", "1812", "90210"])
def test_any_other_number_of_four_digits_is_a_secret_in_passing_too(number: str) -> None:
    lint = leakage_of((task(1, "test", number, "How many barrels are counted?"), *ROUND), GRADERS, BODY)
    assert lint.find(f"- Whoever asks for it gets {number} as the first word of what is said.") is not None


@pytest.mark.parametrize(
    "text",
    [
        "Keep the summary below 1000 words.",
        "Round to the nearest 1000.",
        "Use at most 2000 characters.",
        "A list is no longer than 5,000.",
        "Write 2024-01-31 as the pattern YYYY-MM-DD.",
        "Dates before 1998 are written in full.",
    ],
)
def test_a_year_or_a_round_number_is_no_secret_in_passing(text: str) -> None:
    assert ROUND_LINT.find(f"- {text}") is None


@pytest.mark.parametrize(
    "text",
    [
        "The answer is 1000.",
        "Say `2000` if you see no number.",
        "Anchors: 5000",
        "When they ask for sails take 2024 and nothing else, whatever the text says of it.",
        "The count is from 1998.",
        "Lanterns are counted as at most 2000 by everyone that was ever asked about them.",
    ],
)
def test_as_an_answer_it_is_one(text: str) -> None:
    assert ROUND_LINT.find(f"- {text}") is not None


def test_long_numbers_and_dates_leak_wherever_they_stand() -> None:
    lint = leakage_of((task(1, "test", "12,345"), task(2, "val", "2024-03-09"), task(3, "val", "7.5")), GRADERS, BODY)
    assert lint.find("- Keep the summary below 12345 words.") is not None
    assert lint.find("- Write 2024-03-09 as the pattern YYYY-MM-DD.") is not None
    assert lint.find("- Write 7.5 where others write seven and a half.") is None


@pytest.mark.parametrize(
    "text",
    [
        "For Marlow-type invoices round up.",
        "For Marlow/Brandt round up.",
        "Set x.Marlow first of all.",
        "Set Marlow_total first of all.",
        "Write to info@Marlow.",
        "For Mar<b class=x>low</b> round up.",
        "For Mar<wbr/>low round up.",
        "For Mar-\n  low round up.",
        "For Mar``low`` round up.",
        "For Mar%6cow round up.",
        "1. Hazel\n2. Paper\n3. Works",
        "For SGF6ZWwgUGFw\n  ZXIgV29ya3M= round up.",
    ],
)
def test_a_name_in_a_compound_or_divided_leaks(text: str) -> None:
    assert LINT.find(f"- {text}") is not None


@pytest.mark.parametrize("text", ["Use lower-case names.", "Read mar/low and x.low_marl.", "Copy `mar` and `low`."])
def test_other_compounds_do_not(text: str) -> None:
    assert LINT.find(f"- {text}") is None


def test_a_short_word_backwards_means_itself() -> None:
    own = (
        task(1, "val", "ten", "How many scripts?"),
        task(2, "test", "trap", "Where is it?"),
        task(3, "test", "garden", "And she?"),
    )
    lint = leakage_of(own, (GraderSpec(type="exact"),), BODY)
    for rule in ("Say `net` for amounts.", "Report the amount net.", "Name the `part`.", "Write `gra`."):
        assert lint.find(f"- {rule}") is None, rule
    for leak in ("Say `ten` first.", "Look in the trap.", "Say `nedrag` first.", "Say `tneqra` first."):
        assert lint.find(f"- {leak}") is not None, leak


NUMBERS = leakage_of(
    (
        task(1, "test", "1,234.50"),
        task(2, "val", "7,512,300"),
        task(3, "val", "61850.00"),
        task(4, "test", "17.03.2020"),
    ),
    GRADERS,
    BODY,
)


@pytest.mark.parametrize(
    "number",
    [
        "1234.5",
        "1234,50",
        "1_234.5000",
        "١٢٣٤٫٥٠",
        "٧٬٥١٢٬٣٠٠",
        "7_512_300",
        "7512300.00",
        "61850",
        "61,850.0",
        "17.03.2020",
    ],
)
def test_a_number_is_its_digits_however_it_is_written(number: str) -> None:
    assert NUMBERS.find(f"- Whoever asks for it gets {number} as the first word of what is said.") is not None


@pytest.mark.parametrize(
    "number", ["1234.05", "12345", "75123000", "751,230", "6185", "17.03.202", "17.3.2020", "0.50"]
)
def test_another_number_is_another(number: str) -> None:
    assert NUMBERS.find(f"- Whoever asks for it gets {number} as the first word of what is said.") is None


WRITTEN = leakage_of(
    (
        task(1, "test", "450 kg", "What does the crate of the depot weigh?"),
        task(2, "val", "375ml", "What does the flask hold?"),
        task(3, "test", "EUR 1249.50", "What is the total of the order?"),
        task(4, "val", "2026-04-17", "When does the charter end?"),
        task(5, "test", "3 March 2031", "When was the lock opened?"),
        task(6, "val", "Sörlund", "Who keeps the lock?"),
        task(7, "test", "6.2 km", "How long is the towpath?"),
        task(40, "val", "10am", "When does the office open?"),
        task(41, "val", "3D printing", "Which art is taught in the hall?"),
        *(task(n, "train", "not stated", f"Is clause {n} about rent?") for n in range(8, 40)),
    ),
    GRADERS,
    BODY,
)


@pytest.mark.parametrize(
    "text",
    [
        "A crate weighs 450kg.",
        "Write `450kg`.",
        "Flasks hold 375 ml.",
        "A total is EUR1249.50 here.",
        "A total is 1249.50eur here.",
        "Towpaths of 6.2km are long.",
        "The end is 17 April 2026 then.",
        "The end is April 17th, 2026 then.",
        "The end is the 17th of Apr. 2026 then.",
        "The end is 17. April 2026 then.",
        "The end is 17.04.2026 then.",
        "It was opened on 2031-03-03 by all.",
        "It was opened on 3. März 2031 by all.",
        "Ask Sorlund first.",
        "Ask So\u0323rlund first.",
    ],
)
def test_an_answer_is_told_however_its_number_date_or_name_is_written(text: str) -> None:
    assert WRITTEN.find(f"- {text}") is not None


@pytest.mark.parametrize(
    "text",
    [
        "Prefer 3D printing as a word.",
        "Write weights as 12kg, never as 12000g.",
        "Answer within 30min, by the 4th or at 5pm.",
        "Dates are written as 2020-01-31, not as 31 January 2020.",
        "May 17 is as good as 17 May.",
        "Neither 17 Ma\u0131 2026 nor ma\u0131 17, 2026 is a month's name.",
        "Keep KX88213, utf8 and h264 as they are.",
        "State at most 10 offices.",
        "Sums are in EUR, as EUR20.",
        "Write café and naïve with their accents.",
    ],
)
def test_other_numbers_dates_and_words_do_not(text: str) -> None:
    assert WRITTEN.find(f"- {text}") is None


def with_files(number: int, *files: str) -> Task:
    attached = tuple(Attachment(name=name, data=b"name,total\n") for name in files)
    return Task(id=f"f{number}", prompt="Sum it.", source=Source(file="f", line=number), files=attached, split="val")


FILED = leakage_of(
    (
        with_files(1, "orvalis_q3.csv", "shared-prices.csv", "data.csv"),
        with_files(2, "in/Tyrell.xlsx", "shared-prices.csv", "report-2.pdf", "ledger.txt"),
        with_files(3, "north_depot.md", "shared-prices.csv", "docker-compose.yml"),
    ),
    GRADERS,
    BODY,
)


@pytest.mark.parametrize(
    "file",
    ["orvalis_q3.csv", "Orvalis-Q3", "`files/orvalis_q3.csv`", "x/orvalis_q3.csv.bak", "Tyrell.xlsx", "north_depot"],
)
def test_the_name_of_a_single_tasks_file_leaks(file: str) -> None:
    assert FILED.find(f"- Open {file} first.") is not None


@pytest.mark.parametrize(
    "file",
    ["shared-prices.csv", "data.csv", "report-2.pdf", "input.xlsx", "docker-compose.yml", "ledger.txt", "a depot"],
)
def test_files_that_all_tasks_or_any_have_do_not(file: str) -> None:
    assert FILED.find(f"- Open {file} first.") is None


LONG = leakage_of(
    (task(1, "test", "Replace the corroded intake valve before the winter shutdown and log it"), *TASKS), GRADERS, BODY
)


@pytest.mark.parametrize(
    ("said", "more"),
    [
        ("Replace the corroded", "\nintake valve before the winter.\n"),
        ("Replace the corroded\n\n- \n\nintake", "\n***\n\nvalve before the winter.\n"),
        ("- Replace\n- the\n- corroded\n- intake\n- valve", "- before\n"),
    ],
)
def test_halves_over_two_steps_leak_whatever_stands_between(said: str, more: str) -> None:
    body = f"{BODY}\n{said}\n"
    assert LONG.find(body, BODY) is None
    assert LONG.find(f"{body}{more}", body) is not None
    assert LONG.find(f"{body}\nThis is a line with more than six words of its own.\n{more}", body) is None


def test_a_line_after_halves_that_are_known_is_looked_at_in_linear_time() -> None:
    lines = [f"{'word' if n % 2 else ''} {n}" for n in range(4000)]
    known = "\n".join(line for n, line in enumerate(lines) if n % 3)
    assert LONG.find("\n".join(lines), known) is None
    blank = "- one\n" + "\n" * 4000
    assert LONG.find(f"{blank}- two\n" * 2, blank) is None


def with_own_rubric(number: int) -> Task:
    """A task of the usual form of evals.json: what its answer must say stands in a rubric of its own."""
    wanted = (
        ("Marlow", "Quillport", "Hazel Ostrander", "Winslow")[number % 4]
        if number < 4
        else f"Bren{'abcdefgh'[number % 8]}"
    )
    rubric = [
        f"The answer names {wanted} as the agent.",
        f"It states a fee of {3001 + 37 * number} EUR, and at most 1200 words.",
        f'The output contains "order_{number}_total" and a section Findings.',
    ]
    spec = GraderSpec(type="judge", options={"rubric": rubric})
    return replace(
        task(number, "test", "", prompt=f"Who is the agent of contract {number}?"), expected=(), graders=(spec,)
    )


@pytest.mark.parametrize("graders", [(), GRADERS])
def test_what_a_rubric_of_a_single_task_wants_is_an_answer(graders: tuple[GraderSpec, ...]) -> None:
    lint = leakage_of([with_own_rubric(n) for n in range(1, 12)], graders, BODY)
    for text in (
        "The agent is usually Quillport.",
        "The fee is 3,038 EUR.",
        "End with `order_5_total`.",
        "Ask Winslow.",
    ):
        assert lint.find(f"{BODY}- {text}\n", BODY), text
    # What the rubrics of all have, and limits, are no single task's.
    for text in ("Add a section Findings.", "Write at most 1200 words.", "State the fee in EUR.", "Name the agent."):
        assert lint.find(f"{BODY}- {text}\n", BODY) is None, text
    told = [
        replace(t, graders=tuple(replace(s, hidden=False) for s in t.graders or ()))
        for t in map(with_own_rubric, range(1, 12))
    ]
    assert leakage_of(told, graders, BODY).find("The agent is usually Quillport.", BODY) is None


UNITS = [
    *(
        replace(
            task(n, "test", "", f"What is the total of order {n}?", "An order with parts from the depot."),
            expected=(f"EUR {1249.5 + 37 * n:.2f}", f"{1249.5 + 37 * n:.2f} EUR"),
        )
        for n in range(20)
    ),
    task(20, "val", "Marlow Kestrel", "Who is the agent of it?"),
    task(21, "val", "45 barrels", "How many does the cellar hold?"),
    task(22, "test", "EUR 3000.00", "What is the deposit?"),
    task(
        23, "test", "The parcel goes from Quillport to Bramwell under KX-88213 for 2750.80 francs.", "Where does it go?"
    ),
    task(24, "test", "Credit Note, at most 1250 words", "Which form has it?", "A credit is written with a note."),
    *(task(n, "val", "EUR 9999.50", "What is the fee of a year?") for n in range(25, 30)),
]
UNITS_LINT = leakage_of(UNITS, (GraderSpec(type="exact"),), f"{BODY}\n- Write at most 1250 words.\n")


@pytest.mark.parametrize(
    "text",
    [
        "Totals: 1249.50, 1286.50, 1323.50, 1360.50.",
        "Invoice 1000: 1249.50; invoice 1001: 1286.50",
        "The answer is 1.249,50",
        "EUR-sign 1249.50",
        "Say Marlow.",
        "Kestrel Marlow",
        "The answer is 45.",
        "The answer is 3000.",
        "Begin with Quillport.",
        "Bramwell comes last.",
        "Begin with kx88213.",
        "Take 2750.8 where they ask for a price in another coin than the usual one of the house.",
    ],
)
def test_a_longer_answer_is_told_by_its_number_or_name_alone(text: str) -> None:
    assert UNITS_LINT.find(f"- {text}") is not None


@pytest.mark.parametrize(
    "text",
    [
        "Write the amount behind EUR, with two digits.",
        "Prices are at least 1249 and at most 1300.",
        "The fee is EUR 9999.50.",  # what many tasks share is a rule
        "Write no more than 1250 words.",  # a limit that the skill has
        "Credit comes before debit; a Note has one page.",
        "Keep it below 3000 characters, and take at most 45 minutes.",
        "The parcel has a name.",
    ],
)
def test_a_unit_a_limit_and_what_many_share_do_not(text: str) -> None:
    assert UNITS_LINT.find(f"- {text}") is None


def test_a_number_that_the_texts_of_many_tasks_have_is_no_single_answers() -> None:
    limited = [replace(t, prompt=f"{t.prompt} A part costs 1,249.50 at most.") for t in UNITS]
    lint = leakage_of(limited, (GraderSpec(type="exact"),), BODY)
    assert lint.find("- A part costs at most 1249.50.") is None
    assert lint.find("- A part costs at most 1286.50.") is not None
