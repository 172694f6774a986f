"""Rules for SKILL.md files: what is refused, what is warned about, and on which line."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.skill_rules import check_skill

SEEDS = Path(__file__).parent.parent / "data" / "gbrain-skillopt-v1"
GOOD = "---\nname: invoices\ndescription: Reads invoices.\n---\n# Invoices\n\nRead them.\n"


def said(text: str | bytes, directory: str = "skills/invoices") -> list[str]:
    data = text.encode() if isinstance(text, str) else text
    return [str(p) for p in check_skill(data, path="SKILL.md", directory=directory)]


def test_a_skill_within_the_rules_is_not_mentioned() -> None:
    assert said(GOOD) == []
    assert said(GOOD, "skills/invoices/") == []
    assert said(GOOD, "") == []
    assert said("\ufeff" + GOOD.replace("\n", "\r\n")) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"---\nname: a\n---\nab\xff", "SKILL.md:4:3: not valid UTF-8 (byte 0xff); save the file as UTF-8"),
        (
            "---\nname: a\n---# A heading\n",
            "SKILL.md:1:1: the frontmatter is opened with '---' and never closed; end it with a line '---'",
        ),
        ("---\na: b\nc: d: e\n---\n", "SKILL.md:3:5: the frontmatter cannot be read: not valid YAML: mapping values"),
        (
            "---\na: b: c\n---\n",
            "SKILL.md:2:5: the frontmatter cannot be read: not valid YAML: mapping values are not "
            "allowed here; quote a text that holds a ':', or check the indent",
        ),
        (
            "---\na: b\n\tc: d\n---\n",
            "SKILL.md:3:1: the frontmatter cannot be read: not valid YAML: found character "
            "'\\t' that cannot start any token; indent with spaces, not with tabs",
        ),
        (
            "---\na: @reads invoices\n---\n",
            "SKILL.md:2:4: the frontmatter cannot be read: not valid YAML: found character '@' that cannot start any "
            "token; quote a text that begins with '@', '`' or '%'",
        ),
        (
            "---\na: > Reads invoices.\n---\n",
            "SKILL.md:2:6: the frontmatter cannot be read: not valid YAML: expected a comment or a line break, but "
            "found 'R'; the text after '>' or '|' begins on the next line",
        ),
        (
            "---\na: **Reads** invoices\n---\n",
            "SKILL.md:2:5: the frontmatter cannot be read: not valid YAML: expected alphabetic or numeric character, "
            "but found '*'; quote a text that begins with '*' or '&'",
        ),
        (
            "---\na: - Reads invoices\n---\n",
            "SKILL.md:2:4: the frontmatter cannot be read: not valid YAML: sequence entries are not allowed here; "
            "quote a text that begins with '-'",
        ),
        (
            "---\na: [Finance] Reads invoices\n---\n",
            "SKILL.md:2:14: the frontmatter cannot be read: not valid YAML: expected <block end>, but found "
            "'<scalar>'; quote the whole of a text that begins with '[' or a quotation mark, or check the indent",
        ),
        (
            "---\na: b\nc: d\x01\n---\n",
            "SKILL.md:3:5: the frontmatter cannot be read: not valid YAML: the control character U+0001; delete it",
        ),
        (
            "---\na: Reads\n- invoices\n---\n",
            "SKILL.md:3:1: the frontmatter cannot be read: not valid YAML: expected <block end>, but found '-'; indent "
            "every '-' of a list alike, or write a text of several lines below '|'",
        ),
        ("---\n- a\n---\n", "SKILL.md:2:1: the frontmatter cannot be read: it must be a mapping"),
        ("---\n? [a]\n: b\n---\n", "SKILL.md:2:3: the frontmatter cannot be read: a key must be a word"),
        ("---\na: 1\nb: 2\na: 3\n---\n", "SKILL.md:4:1: the frontmatter cannot be read: the key 'a' is there twice"),
        (
            "---\na: " + "[" * 50 + "]" * 50 + "\n---\n",
            "SKILL.md:2:35: the frontmatter cannot be read: nested deeper",
        ),
        ("---\na: !!bool x\n---\n", "SKILL.md:2:4: the frontmatter cannot be read: the tag 'tag:yaml.org,2002:bool'"),
        (
            "---\na: 2026-02-31\n---\n",
            "SKILL.md:1:1: the frontmatter is not valid YAML: a value cannot be read: day ",
        ),
    ],
)
def test_files_that_cannot_be_read_are_one_error(text: str | bytes, expected: str) -> None:
    messages = said(text)
    assert len(messages) == 1
    assert messages[0].startswith(expected)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (GOOD[: GOOD.index("#")], "", "SKILL.md:1: warning: no frontmatter"),
        ("name: invoices\n", "", "SKILL.md:1: warning: 'name' is missing or not a string"),
        ("name: invoices", "name: 7", "SKILL.md:2:1: warning: 'name' is missing or not a string"),
        ("name: invoices", "name: bills", "SKILL.md:2:1: warning: 'name' is 'bills', the folder is 'invoices'"),
        ("description: Reads invoices.", "description:", "SKILL.md:3:1: warning: 'description' is missing, empty"),
        ("description: Reads", "description: " + "x" * 1100, "SKILL.md:3:1: warning: 'description' has 11"),
        ("Reads invoices", "Reads <b>", "SKILL.md:3:1: warning: 'description' has '<' or '>'"),
        ("name:", "compatibility: " + "x" * 501 + "\nname:", "SKILL.md:2:1: warning: 'compatibility' has 501"),
        ("name:", "descripton: x\nname:", "SKILL.md:2:1: warning: unknown key 'descripton'; perhaps you meant 'desc"),
        ("name:", "triggers: [x]\nname:", "SKILL.md:2:1: warning: unknown key 'triggers'; it is kept as it is"),
        ("Read them.", "Read\n" * 500, "SKILL.md:5: warning: the body has 503 lines; below 500"),
        ("Read them.", "Read" * 5000, "SKILL.md:5: warning: the body has about 5004 tokens; below 5000"),
        ("Read them.", "a\u200bb\n\u200b\u202ec", "SKILL.md:7: warning: hidden character ZERO WIDTH SPACE"),
        ("Read them.", "<!-- skillopt:protect -->\nx", "SKILL.md:7: warning: the protected region <!-- skillopt:prot"),
        ("Read them.", "\n<!-- SLOW_UPDATE_START -->", "SKILL.md:8: warning: the protected region <!-- SLOW_UPDATE"),
    ],
)
def test_what_the_rules_advise_against_is_a_warning_with_its_line(old: str, new: str, expected: str) -> None:
    messages = said(GOOD.replace(old, new, 1))
    assert messages
    assert messages[0].startswith(expected)
    assert all(": warning: " in m for m in messages)


@pytest.mark.parametrize("name", ["Invoices", "-invoices", "in--voices", "in_voices", "in voices", "a" * 65])
def test_names_outside_the_rules(name: str) -> None:
    text = GOOD.replace("name: invoices", f"name: {name}")
    assert [m for m in said(text, name) if "'name'" in m]


def test_letters_of_any_script_are_a_name() -> None:
    assert said(GOOD.replace("name: invoices", "name: счета-2"), "счета-2") == []


def test_closed_regions_and_repeated_hidden_characters() -> None:
    body = "<!-- skillopt:protect -->\nx\n<!-- skillopt:end-protect -->\n"
    assert said(GOOD + body + body) == []
    two_kinds = said(GOOD + "a\u200b\nb\u200b\nc\u202e\n")
    assert [m.split(":")[1] for m in two_kinds] == ["8", "10"]


def test_empty_frontmatter_is_named_by_what_is_missing() -> None:
    messages = said("---\n---\nbody\n")
    assert [m.split("warning: ")[1][:13] for m in messages] == ["'description'", "'name' is mis"]


@pytest.mark.parametrize("seed", ["seed-missing-structure", "seed-verbose"])
def test_published_skills_have_no_errors(seed: str) -> None:
    data = (SEEDS / seed / "SKILL.md").read_bytes()
    problems = check_skill(data, path="SKILL.md", directory=seed)
    assert [p.line for p in problems if "unknown key" in p.message] == [3, 5, 7]
    assert all(p.warning for p in problems)


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda t: f"---\n{t}\n---\n".encode("utf-8", "replace")))
def test_any_bytes_give_problems_and_never_a_traceback(data: bytes) -> None:
    assert all(p.message and p.file == "SKILL.md" for p in check_skill(data, path="SKILL.md", directory="x"))


def test_licence_of_the_seeds_is_beside_them() -> None:
    assert "MIT" in (SEEDS / "LICENSE").read_text()
