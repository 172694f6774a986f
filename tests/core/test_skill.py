from contextlib import suppress
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.skill import (
    MAX_BYTES,
    Skill,
    estimate_tokens,
    opens_frontmatter,
    parse_frontmatter,
    parse_skill,
    split_text,
)
from skillopt_ci.errors import ConfigError
from tests.core.bodies import REAL


def front(inner: str) -> str:
    return f"---\n{inner}\n---\n"


@given(st.text())
def test_a_split_text_joins_to_the_same_text(text: str) -> None:
    try:
        frontmatter, body = split_text(text)
    except ValueError:
        assert opens_frontmatter(text)
    else:
        assert frontmatter + body == text
        assert bool(frontmatter) == opens_frontmatter(text)


@given(
    bom=st.sampled_from(["", "\ufeff"]),
    end=st.sampled_from(["\n", "\r\n"]),
    keys=st.lists(
        st.sampled_from(["name: a", "x-unknown: [1, {b: c}]", "# comment", "description: >\n  long", ""]), unique=True
    ),
    body=st.text(alphabet=st.characters(exclude_categories=["Cs"])),
    last=st.booleans(),
)
def test_a_file_round_trips_byte_for_byte(bom: str, end: str, keys: list[str], body: str, last: bool) -> None:
    head = bom + end.join(["---", *("\n".join(keys).split("\n")), "---"])
    data = (head + (end + body if body or last else "")).encode()
    skill = parse_skill(data, path="SKILL.md", name="fallback")
    assert skill.text.encode() == data
    assert skill.body == body
    assert skill.name == ("a" if "name: a" in keys else "fallback")
    assert skill.with_body(body + "x").frontmatter == skill.frontmatter


@pytest.mark.parametrize("path", sorted(REAL.glob("*/SKILL.md")), ids=lambda p: p.parent.name)
def test_real_skills_round_trip(path: "object") -> None:
    data = path.read_bytes()  # type: ignore[attr-defined]
    skill = parse_skill(data, path="SKILL.md", name="a")
    assert skill.text.encode() == data
    assert skill.tokens > 100


@pytest.mark.parametrize(
    ("text", "frontmatter"),
    [
        ("", ""),
        ("---", ""),
        ("----\na\n---\n", ""),
        (" ---\na\n---\n", ""),
        ("---\n---", "---\n---"),
        ("--- \t\nname: a\n---  \nbody", "--- \t\nname: a\n---  \n"),
        ("---\na: '---'\nb: |\n  ---\n---\n---\n", "---\na: '---'\nb: |\n  ---\n---\n"),
    ],
)
def test_where_the_frontmatter_ends(text: str, frontmatter: str) -> None:
    assert split_text(text) == (frontmatter, text[len(frontmatter) :])


def test_frontmatter_keys_are_read_as_yaml() -> None:
    assert parse_frontmatter("\ufeff---\r\nname: a\r\nunknown: [1]\r\n1: x\r\n---\r\n") == {
        "name": "a",
        "unknown": [1],
        "1": "x",
    }
    assert parse_frontmatter("---\n---") == {}
    assert parse_frontmatter(front('name: "a\u2028b"'))["name"] != "a"


@pytest.mark.parametrize(
    "inner",
    [
        "name: [",
        "name: a: b",
        "- a",
        "text",
        "name: \x07",
        "when: 2026-02-31",
        "flag: !!bool perhaps",
        'number: !!int ""',
        'number: !!float ""',
        "when: !!timestamp soon",
        "name: !!python/object:os.system x",
        "? {a: b}\n: c",
        "a: " + "[" * 600,
        "name: " + "9" * 5000,
        "a: *nowhere",
        "a: &a {k: v}\nb: *a",
        "a: &a {k: v}\nb: {<<: *a}",
        "\n".join(
            ["a0: &a0 {k: v}", *(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}]}}" for n in range(1, 21))]
        ),
        "name: 0x" + "f" * 5000,
        "name: " + "1:1" + ":1" * 490_000,  # base 60
        "a:\tb\n\t- c",
    ],
    ids=range(21),
)
def test_bad_frontmatter_is_one_line_with_the_file(inner: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_skill(front(inner).encode(), path="skills/a/SKILL.md", name="a")
    (problem,) = caught.value.problems
    assert str(caught.value).startswith("skills/a/SKILL.md:1:1: the frontmatter")
    assert "\n" not in problem.message


@given(st.text(alphabet="abc:[]{}!&*#|>-?'\"% \n\t019.", max_size=60))
def test_any_frontmatter_is_a_mapping_or_a_value_error(inner: str) -> None:
    with suppress(ValueError):
        assert isinstance(parse_frontmatter(front(inner)), dict)


def test_invalid_utf8_names_line_and_column() -> None:
    with pytest.raises(ConfigError, match=r"^a/SKILL.md:2:3: not valid UTF-8 \(byte 0xff\)"):
        parse_skill(b"ab\ncd\xffe", path="a/SKILL.md", name="a")


def test_a_file_that_is_too_large_is_no_skill() -> None:
    assert len(parse_skill(b"a" * MAX_BYTES, path="a/SKILL.md", name="a").body) == MAX_BYTES
    with pytest.raises(ConfigError, match=r"^a/SKILL.md:1:1: 1,000,001 bytes; a skill has at most 1,000,000$"):
        parse_skill(b"a" * (MAX_BYTES + 1), path="a/SKILL.md", name="a")


def test_unclosed_frontmatter_is_an_error() -> None:
    with pytest.raises(ConfigError, match="never closed"):
        parse_skill(b"---\nname: a\n", path="a", name="a")


def test_a_name_that_is_no_text_is_not_used() -> None:
    for name in ("[a]", "3", '" "', ""):
        assert parse_skill(front(f"name: {name}").encode(), path="a", name="folder").name == "folder"


def test_digest_covers_text_and_bundled_files() -> None:
    def digest(text: str, **bundle: str) -> str:
        files = {path: data.encode() for path, data in bundle.items()}
        return parse_skill(text.encode(), path="p", name="n", bundle=files).digest

    assert digest("a", x="1") == digest("a", x="1")
    assert len({digest("a"), digest("b"), digest("a", x="1"), digest("a", x="2"), digest("a", y="1")}) == 5
    assert Skill(name="other", frontmatter="", body="a").digest == digest("a")


def test_a_skill_carries_its_bundled_files_and_their_digests() -> None:
    skill = parse_skill(b"a", path="p", name="n", bundle={"scripts/run.sh": b"x"})
    assert skill.bundle == {"scripts/run.sh": b"x"}
    assert skill.resources == {"scripts/run.sh": sha256(b"x").hexdigest()}
    assert skill.with_body("b").bundle == skill.bundle
    assert "b'x'" not in repr(skill)


def test_a_new_body_keeps_the_frontmatter_a_frontmatter() -> None:
    skill = Skill(name="a", frontmatter="---\r\nname: a\r\n---", body="")
    assert skill.with_body("x").text == "---\r\nname: a\r\n---\r\nx"
    assert skill.with_body("\r\nx").text == "---\r\nname: a\r\n---\r\nx"
    assert skill.with_body("").text == skill.text
    assert Skill(name="a", frontmatter="", body="").with_body("x").text == "x"


def test_tokens_round_up() -> None:
    assert [estimate_tokens("a" * n) for n in (0, 1, 4, 5)] == [0, 1, 1, 2]
