"""YAML lists: places of fields, aliases within bounds, JSON values only; the same with both parsers."""

from typing import Any

import pytest
import yaml

from skillopt_ci.suites.yaml_items import LOADER, parse_yaml_list

LOADERS = [LOADER, yaml.SafeLoader]
BOMB = "- &a0 {x: 1}\n" + "".join(f"- &a{i} {{x: [{', '.join([f'*a{i - 1}'] * 10)}]}}\n" for i in range(1, 12))


@pytest.mark.parametrize("loader", LOADERS)
def test_items_and_fields_have_places(loader: Any) -> None:
    items, problems = parse_yaml_list("t.yaml", "# tasks\n- prompt: a\n  split: x\n-\n  prompt: b\n", loader=loader)
    assert problems == []
    assert [(i.line, dict(i.places)) for i in items] == [
        (2, {"prompt": (2, 3), "split": (3, 3)}),
        (5, {"prompt": (5, 3)}),
    ]


@pytest.mark.parametrize("loader", LOADERS)
def test_scalars_are_those_of_json(loader: Any) -> None:
    text = (
        "- {a: yes, b: true, c: 1, d: 1.50, e: null, f: ~, g: 2026-02-31, h: '1', i: !!str 1, j: ! 1, k: 1e999, l: }\n"
    )
    ((item,), _) = parse_yaml_list("t.yaml", text, loader=loader)
    assert item.value == {
        **{"a": "yes", "b": True, "c": 1, "d": 1.5, "e": None, "f": None, "g": "2026-02-31"},
        **{"h": "1", "i": "1", "j": "1", "k": "1e999", "l": None},
    }


@pytest.mark.parametrize("loader", LOADERS)
def test_aliases_and_merge_keys(loader: Any) -> None:
    text = "- &base {prompt: a, tags: &t [x]}\n- {<<: *base, prompt: b}\n- {<<: [*base, {id: z}], tags: *t}\n- *base\n"
    items, problems = parse_yaml_list("t.yaml", text, loader=loader)
    assert problems == []
    assert [dict(i.value) for i in items] == [
        {"prompt": "a", "tags": ["x"]},
        {"prompt": "b", "tags": ["x"]},
        {"prompt": "a", "tags": ["x"], "id": "z"},
        {"prompt": "a", "tags": ["x"]},
    ]
    assert [i.line for i in items] == [1, 2, 3, 4]


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("prompt: a\n", "t.yaml:1:1: must be a list of tasks: every task starts with '- '; it has no format of"),
        ("just text\n", "t.yaml:1:1: must be a list of tasks"),
        ("- a\n- 5\n", "t.yaml:1:3: a task must be a mapping of fields, not a string"),
        ("- {a: 1}\n- {b: [}\n", "t.yaml:2:"),
        ("- a: 1\n\tb: 2\n", "t.yaml:2:1: not valid YAML: "),
        ("- {a: 1, a: 2}\n", "t.yaml:1:10: the key 'a' is there twice"),
        ("- {[a]: 1}\n", "t.yaml:1:4: a key must be a plain word or a string"),
        ("- {<<: 5}\n", "t.yaml:1:4: '<<' must be followed by an alias of a mapping"),
        ("- {a: *nothing}\n", "t.yaml:1:7: the alias '*nothing' has no anchor before it"),
        ("- &a {a: *a}\n", "t.yaml:1:10: the alias '*a' has no anchor before it"),
        ("- {a: !!python/name:os.system x}\n", "t.yaml:1:7: the tag 'tag:yaml.org,2002:python/name:os.system'"),
        ("- !!omap [a: 1]\n", "t.yaml:1:3: the tag 'tag:yaml.org,2002:omap' is not supported"),
        ("- {a: " + "[" * 70 + "]" * 70 + "}\n", "t.yaml:1:70: nested deeper than 64 levels"),
        ("- {a: 1}\n---\n- {b: 1}\n", "t.yaml:2:1: a second document ('---'); keep everything in one"),
        ("- a: x\x01\n", "t.yaml:1:7: not valid YAML: the character U+0001 is not allowed"),
        (BOMB, "t.yaml:"),
        ('- {a: "\\ud800"}\n', "t.yaml:1:"),
    ],
)
def test_what_is_refused_is_told_with_its_place(text: str, expected: str, loader: Any) -> None:
    _, problems = parse_yaml_list("t.yaml", text, loader=loader)
    assert problems
    assert str(problems[0]).startswith(expected)
    assert "\n" not in str(problems[0])


def test_an_alias_bomb_is_named() -> None:
    _, (problem,) = parse_yaml_list("t.yaml", BOMB)
    assert problem.message == "more than 1000000 values, aliases included"


def test_many_merged_mappings_are_read_once_each() -> None:
    sources = ", ".join(f"{{k{n}: 1, k: {n}}}" for n in range(60_000))
    (item,), problems = parse_yaml_list("t.yaml", f"- {{<<: [{sources}], k1: 2}}\n")
    assert problems == []
    assert (len(item.value), item.value["k"], item.value["k1"]) == (60_001, 0, 2)


@pytest.mark.parametrize("text", ["", "# nothing\n", "[]\n"])
def test_nothing_is_no_tasks(text: str) -> None:
    assert parse_yaml_list("t.yaml", text) == ([], [])


def test_too_many_mistakes_are_cut() -> None:
    assert len(parse_yaml_list("t.yaml", "- 1\n" * 500)[1]) == 100
