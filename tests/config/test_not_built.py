"""The table of what is not built: every line is refused at its place, and nothing that works is in it."""

import pytest

from skillopt_ci import plugins
from skillopt_ci.config.json_schema import json_schema
from skillopt_ci.config.not_built import PLANNED, Planned
from skillopt_ci.errors import ConfigError
from tests.config.samples import MINIMAL, load


@pytest.mark.parametrize("planned", [p for p in PLANNED if "*" not in p.key], ids=lambda p: p.key)
def test_every_line_is_refused(planned: Planned) -> None:
    section, _, key = planned.key.rpartition(".")
    for value in planned.values or ("1",):
        line = f"{section}:\n  {key}: {value}\n" if section else f"{key}: {value}\n"
        with pytest.raises(ConfigError) as caught:
            load(MINIMAL + line)
        [problem] = caught.value.problems
        assert f"'{planned.key}" in problem.message
        assert "is not built yet (planned)" in problem.message
        assert problem.line == (6 if section else 5)


def test_what_is_registered_is_not_planned() -> None:
    kinds = {"harness": "harnesses", "train.method": "optimizers", "graders.*.type": "graders"}
    for planned in PLANNED:
        if planned.key in kinds:
            assert not set(planned.values) & set(plugins.BUILTIN[kinds[planned.key]])


def test_a_planned_key_is_not_in_the_schema() -> None:
    schema = json_schema()
    for planned in PLANNED:
        if planned.values:
            continue
        section, _, key = planned.key.rpartition(".")
        holder = schema
        if section:
            holder = schema["$defs"][schema["properties"][section]["$ref"].rpartition("/")[2]]
        assert key not in holder["properties"]
