"""YAML with places: what is read, and what is refused where."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.config.locate import MAX_BYTES, Located, locate
from skillopt_ci.errors import ConfigError, Problem


def read(text: str) -> Located:
    return locate(text.encode(), "f.yml")


def refused(data: str | bytes) -> Problem:
    with pytest.raises(ConfigError) as caught:
        locate(data.encode() if isinstance(data, str) else data, "f.yml")
    assert len(caught.value.problems) == 1
    return caught.value.problems[0]


def test_values_and_places() -> None:
    found = read("a: 1\nb:\n  - {c: x, d: true}\n  - null\n  - 2.5\n")
    assert found.value == {"a": 1, "b": [{"c": "x", "d": True}, None, 2.5]}
    assert found.keys[("b", 0, "d")] == (3, 12)
    assert found.values[("b", 0, "d")] == (3, 15)
    assert found.values[()] == (1, 1)
    assert ("b", 0) not in found.keys


def test_keys_and_dates_stay_text() -> None:
    assert read("on: 2026-02-31\n1: y\nnull: '5'").value == {"on": "2026-02-31", "1": "y", "null": "5"}


def test_a_byte_order_mark_is_no_content() -> None:
    assert locate(b"\xef\xbb\xbfa: 1\n", "f.yml").value == {"a": 1}


def test_anchors_and_merge_keys() -> None:
    found = read("x: &x {a: 1, b: 2}\ny: {<<: *x, b: 3}\nz:\n  <<: [{a: 7}, *x]\nw: *x\n")
    assert found.value["y"] == {"a": 1, "b": 3}
    assert found.value["z"] == {"a": 7, "b": 2}
    assert found.value["w"] == {"a": 1, "b": 2}
    assert found.keys[("y", "a")] == (1, 8)
    found.value["w"]["a"] = 5
    assert found.value["x"]["a"] == 1


def test_duplicate_keys_are_all_reported_and_the_first_stays() -> None:
    found = read("a: 1\nb: &b {c: 1, c: 2}\na: 3\nd: *b\nsk-abcdefgh123: 1\nsk-abcdefgh123: 2\n")
    assert [str(p) for p in found.problems] == [
        "f.yml:3:1: the key 'a' stands here a second time (first on line 1)",
        "f.yml:6:1: this key stands here a second time (first on line 5)",
        "f.yml:2:14: the key 'c' stands here a second time (first on line 2)",
    ]
    assert found.value["a"] == 1


def test_a_problem_falls_back_to_the_nearest_place_above() -> None:
    found = read("a:\n  b: 1\n")
    assert found.problem(("a", "b"), "m") == Problem("f.yml", 2, 6, "m")
    assert found.problem(("a", "b"), "m", at_key=True) == Problem("f.yml", 2, 3, "m")
    assert found.problem(("a", "zz", 0), "m") == Problem("f.yml", 1, 1, "m")
    assert Located("g.yml").problem(("a",), "m") == Problem("g.yml", 0, 0, "m")


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("a:\n\tb: 1", (2, 1), "a tab is used for indentation; use spaces"),
        ("a: 1\n\tb: 2", (2, 1), "a tab is used for indentation; use spaces"),
        ("a: @x", (1, 4), "a text cannot begin with '@'; quote it"),
        ("a: b: c", (1, 5), "a ':' stands where no key can be"),
        ("a: 1\nb\n", (2, 1), "neither 'key: value' nor '- item'"),
        ('a: 1\nb: "x\n', (2, 4), "a quote is opened and never closed"),
        ('a: "\\z"', (1, 5), "a backslash in double quotes"),
        ("a:\n  [1, 2\nb: 3", (2, 3), "a '[' is not closed"),
        ("a: {x: 1", (1, 4), "a '{' is not closed"),
        ("a:\n  - b\n c: 1", (3, 2), "the indentation does not fit"),
        ("a: *", (1, 5), "begin an alias or an anchor"),
        ("}", (1, 1), "the indentation does not fit"),
        ("%YAML 2.0\n---\na: 1", (1, 1), "found incompatible YAML document"),
        ("a: 1\n---\nb: 1", (2, 1), "a second YAML document begins here"),
        ("a: *x", (1, 4), "'*x' refers to an anchor that is not defined"),
        ("a: &x [*x]", (1, 8), "'*x' stands inside the value it refers to"),
        ("a: !!python/object:os.system x", (1, 4), "the YAML tag '!!python/object:os.system' is not allowed"),
        ("a: !!set {b}", (1, 4), "the YAML tag '!!set' is not allowed"),
        ("? [a]\n: 1", (1, 3), "a key must be a plain word"),
        ("<<: 1\n", (1, 1), "'<<' takes a mapping"),
        ("a: 0x_", (1, 4), "'0x_' is not a number"),
        ("a: " + "9" * 5000, (1, 4), "a number of more than 300 characters"),
        ("a: 0x" + "f" * 5000, (1, 4), "a number of more than 300 characters"),
        ("a: 1" + ":1" * 500_000, (1, 4), "a number of more than 300 characters"),  # base 60
        ("a: \x07", (1, 4), "control character U+0007"),
        ('b: 1\na: "\\0"', (2, 4), "control character U+0000"),
        ("[" * 60, (1, 42), "nested more than 40 levels deep"),
        ("", (0, 0), "the file is empty"),
        ("# nothing\n", (0, 0), "the file is empty"),
        ("---\n", (0, 0), "the file is empty"),
    ],
)
def test_what_cannot_be_read(text: str, place: tuple[int, int], words: str) -> None:
    problem = refused(text)
    assert (problem.line, problem.column) == place
    assert words in problem.message


def test_not_utf8_names_the_line() -> None:
    assert str(refused(b"a: 1\nb: \xff\n")) == "f.yml:2: not valid UTF-8 (byte 0xff); save the file as UTF-8"


def test_a_file_over_the_limit() -> None:
    assert "larger than 1 MiB" in refused(b"#" * (MAX_BYTES + 1)).message


@pytest.mark.parametrize(
    "line", ["{0}: &{0} [*{1}, *{1}, *{1}, *{1}, *{1}, *{1}, *{1}, *{1}]", "{0}: &{0} {{<<: [{2}]}}"]
)
def test_alias_bombs(line: str) -> None:
    text = "z: &z {k: 1}\n"
    for name, before in zip("abcdefghij", "zabcdefghi", strict=True):
        text += line.format(name, before, ", ".join([f"*{before}"] * 8)) + "\n"
    assert "more than 50000 values once its aliases are expanded" in refused(text).message


def test_merged_keys_count_each_time() -> None:
    keys = ", ".join(f"k{n}: 1" for n in range(30_000))
    text = f"a: &a {{{keys}}}\nb: {{<<: [{', '.join(['*a'] * 40_000)}]}}\n"
    assert "more than 50000 values once its aliases are expanded" in refused(text).message


def test_merges_of_merges_end_somewhere() -> None:
    lines = [f"  m{n}: &m{n} {{<<: *m{n - 1}}}\n" for n in range(1, 2000)]
    assert (
        "merged more than 40 levels deep"
        in refused("a:\n  m0: &m0 {k: 1}\n" + "".join(lines) + "  <<: *m1999\n").message
    )
    assert read("m0: &m0 {k: 1}\n" + "".join(line.strip() + "\n" for line in lines[:40])).value["m40"] == {"k": 1}


def test_the_parser_without_libyaml_gives_the_same_events() -> None:
    """libyaml is not everywhere; the events of both parsers are alike."""
    text = "a: &x {b: [1, two]}\nc: {<<: *x}\n"
    fast = [type(e) for e in yaml.parse(text, Loader=yaml.CSafeLoader)]
    assert fast == [type(e) for e in yaml.parse(text, Loader=yaml.SafeLoader)]


_plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(codec="ascii")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcXY_-", min_size=1), inner, max_size=4),
    max_leaves=12,
)


def outcome(data: bytes) -> Located | str:
    """What was read, or the words of the refusal; any other exception is a traceback that a person would see."""
    try:
        return locate(data, "f.yml")
    except ConfigError as error:
        return str(error)


@given(st.dictionaries(st.text("abcXY_", min_size=1), _plain, min_size=1))
def test_what_yaml_writes_is_read_the_same(value: dict[str, object]) -> None:
    text = yaml.safe_dump(value)
    found = outcome(text.encode())
    if isinstance(found, str):
        assert "control character" in found
    else:
        assert found.value == yaml.load(text, Loader=yaml.SafeLoader)


@given(st.binary(max_size=200) | st.text("{}[]:-,&*!|>'\"%@`#?ab \n\t", max_size=80).map(str.encode))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    found = outcome(data)
    if isinstance(found, str):
        assert found.startswith("f.yml")
        assert "\n" not in found
    else:
        assert () in found.values
