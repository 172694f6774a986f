"""The JSON Schema for editors agrees with the loader, and the reference page with the schema."""

import runpy
from pathlib import Path

import jsonschema
import pytest
import yaml

from skillopt_ci.config.json_schema import json_schema
from tests.config.samples import FULL, MINIMAL, SKILL
from tests.config.test_load import ADDED
from tests.config.test_resolve import MANY

SCHEMA = json_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
ROOT = Path(__file__).parents[2]


def test_it_is_a_schema_of_its_dialect() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert SCHEMA["title"] == "skillopt.yml"
    assert "$id" not in SCHEMA


@pytest.mark.parametrize("text", [FULL, MINIMAL, MANY], ids=["full", "minimal", "many"])
def test_what_loads_is_accepted(text: str) -> None:
    assert list(VALIDATOR.iter_errors(yaml.safe_load(text))) == []


# What needs a look at several keys, or at the text itself, is the loader's alone.
LOADER_ONLY = (
    "there is no provider",
    "is missing",
    "no such key",
    "twice",
    "at least one of",
    "must not hold",
    "not both",
    "takes no options",
    "unknown option",
    "never shows",
    "nobody sees",
    "trains bodies",
    ".nan",
    ".inf",
)


@pytest.mark.parametrize(
    "line", [line for line, problem in ADDED if not any(w in line + problem for w in LOADER_ONLY)], ids=str
)
def test_what_one_value_makes_wrong_is_refused(line: str) -> None:
    assert not VALIDATOR.is_valid(yaml.safe_load(MINIMAL + line))


def test_every_key_is_described() -> None:
    for name, model in [("", SCHEMA), *SCHEMA["$defs"].items()]:
        for key, value in model["properties"].items():
            assert value.get("description") or "$ref" in value, f"{name}.{key}"


def test_the_smallest_example_of_the_page_loads() -> None:
    assert SKILL in MINIMAL
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    VALIDATOR.validate(yaml.safe_load(page.split("```yaml\n")[1].split("```")[0]))


@pytest.mark.parametrize("name", ["configuration.md", "commands.md", "graders.md"])
def test_the_generated_pages_are_up_to_date(name: str) -> None:
    made = runpy.run_path(str(ROOT / "docs" / "generate.py"))["PAGES"][name]()
    written = (ROOT / "docs" / name).read_text(encoding="utf-8")
    assert made == written, "run: make docs"


def test_the_table_of_graders_is_that_of_the_code_and_a_drift_is_said() -> None:
    problems = runpy.run_path(str(ROOT / "docs" / "generate.py"))["tasks_page_problems"]
    page = (ROOT / "docs" / "tasks.md").read_text(encoding="utf-8")
    assert problems(page) == []
    row = next(line for line in page.splitlines() if line.startswith("| `numeric` |"))
    assert problems(page.replace(row + "\n", "")) == ["grader 'numeric' is not in the table"]
    assert problems(page.replace(row, f"{row}\n| `guess` | `luck` | it is lucky |")) == ["there is no grader 'guess'"]
    changed = problems(page.replace(row, row.replace("`relative`", "`share`")))
    assert changed == ["grader 'numeric' takes relative, tolerance; the table says share, tolerance"]
    assert problems(page.replace("`no_refusal`", "`refuses`")) == ["the checks of 'rules' differ: no_refusal, refuses"]
    assert len(problems("")) > 20
