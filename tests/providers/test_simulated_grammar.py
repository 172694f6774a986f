import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.providers.simulated_findings import WORDINGS, wordings
from skillopt_ci.providers.simulated_grammar import read_rules, split_sentences

READ = [
    ("Answer with only the value, never a sentence.", {("only", "")}),
    ("Reply with the name and nothing else.", {("only", "")}),
    ("Don't explain, just give the number.", {("only", "")}),
    ("Answer in a full sentence.", {("sentence", "")}),
    ("Keep answers short.", {("brief", "")}),
    ("Write dates as YYYY-MM-DD.", {("date", "YYYY-MM-DD")}),
    ("Use ISO 8601 for dates.", {("date", "YYYY-MM-DD")}),
    ("Dates look like DD/MM/YYYY.", {("date", "DD/MM/YYYY")}),
    ("Numbers without thousands separators.", {("plain", "")}),
    ("Never use currency symbols.", {("plain", "")}),
    ("Add the three-letter currency code.", {("currency", "")}),
    ("Write amounts with two decimals.", {("decimals", "")}),
    ('If the value is not stated, answer "n/a".', {("missing", "n/a")}),
    ("Answer `none` when the date is missing.", {("missing", "none")}),
    ("If a value is not given, reply with N/A and nothing else.", {("missing", "N/A")}),
    ("Write in lower case.", {("lower", "")}),
    ("USE ALL CAPS.", {("upper", "")}),
    ('Include a section titled "Key Risks".', {("section", "Key Risks")}),
    ("Add a `## Key Risks` section.", {("section", "Key Risks")}),
    ("Add a Key Risks section.", {("section", "Key Risks")}),
    ("End with a section headed Open Points.", {("section", "Open Points")}),
    ('Use the headings "Summary" and "Next Steps".', {("section", "Summary"), ("section", "Next Steps")}),
    ('End with a line "Confidence: high|medium|low".', {("line", "Confidence: high|medium|low")}),
    ("State your confidence.", {("line", "Confidence: high|medium|low")}),
    ('Start with "Summary:".', {("start", "Summary:")}),
    ('Finish with "Over".', {("end", "Over")}),
    ("Keep the answer under 1,200 characters.", {("max_characters", "1200")}),
    ("Never exceed 90 words.", {("max_words", "90")}),
    ("Use 50 words or fewer.", {("max_words", "50")}),
    ("Write at least 400 characters.", {("min_characters", "400")}),
    ("Write more than 100 words.", {("min_words", "100")}),
    ("Answer in one sentence.", {("max_sentences", "1")}),
    ("Be exhaustive.", {("verbose", "")}),
    ('Return JSON with the keys "a" and "b".', {("json", ""), ("key", "a"), ("key", "b")}),
    ("Cite your sources.", {("cite", "")}),
    ('Never write "As an AI".', {("avoid", "As an AI")}),
    ("Restate the question first.", {("restate", "")}),
    ("Explain your reasoning step by step.", {("reason", "")}),
    ("Round the result.", {("round", "")}),
    ("Answer in French.", {("language", "French")}),
    ("Give the letter only.", {("letter", "")}),
    ("Lead with the point that matters.", set()),
]


@pytest.mark.parametrize(("text", "rules"), READ)
def test_a_line_is_read(text: str, rules: set[tuple[str, str]]) -> None:
    assert {(r.kind, r.value) for r in read_rules(text).rules if not r.negated} == rules


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Do not restate the question.", "restate"),
        ("Never round numbers.", "round"),
        ("Avoid being exhaustive or thorough.", "verbose"),
        ('Do not add a section titled "Sources".', "section"),
        ("Answer without explaining your reasoning step by step.", "reason"),
        ("Do not explain, comment, or restate the question.", "restate"),
    ],
)
def test_a_negated_line_is_no_rule(text: str, kind: str) -> None:
    book = read_rules(text)
    assert not book.has(kind)
    assert book.all(kind) == []


def test_the_last_word_counts() -> None:
    assert read_rules("Round numbers. Never round numbers.").find("round") is None
    assert read_rules("Never round numbers. Round numbers.").has("round")


def test_a_negation_ends_where_a_new_command_begins() -> None:
    book = read_rules("Do not round; give only the value.")
    assert book.has("only")
    assert not book.has("round")


def test_rules_know_their_sentence_as_it_stands() -> None:
    text = "# Title\n\n- Be kind. Write dates\n  as YYYY-MM-DD.\n\n```\nAnswer in French.\n```\n<!-- Round numbers. -->"
    book = read_rules(text)
    assert [r.text for r in book.rules] == ["Write dates\n  as YYYY-MM-DD."]
    assert book.rules[0].text in text
    assert book.sentences == 2


@pytest.mark.parametrize("kind", [*WORDINGS])
def test_every_wording_of_the_optimizer_is_understood_by_the_target(kind: str) -> None:
    value = {"date": "DD.MM.YYYY", "max_words": "70", "json": "total|due_date"}.get(kind, "")
    value = value or ("300" if kind.startswith(("max", "min")) else "n/a" if kind == "missing" else "Plain Words")
    argument = value if "{0}" in WORDINGS[kind][0] else ""
    for text in wordings(kind, argument):
        book = read_rules(f"- {text}")
        assert book.has(kind, "" if kind == "json" else argument), text
        if kind == "json":
            assert {r.value for r in book.all("key")} == {"total", "due_date"}


@given(st.text(max_size=400))
def test_any_text_can_be_read(text: str) -> None:
    book = read_rules(text)
    assert book.sentences == len(list(split_sentences(text)))
    assert all(r.text in text for r in book.rules)
