"""action.yml, the entry module, the command line, the README and docs/action.md say the same."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from skillopt_ci.cli import action_inputs
from skillopt_ci.cli.action_inputs import Inputs, read_inputs
from skillopt_ci.cli.action_results import OUTPUTS
from skillopt_ci.cli.main import COMMANDS

ROOT = Path(__file__).parents[2]
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
# Public: a name that is taken away breaks workflows of others.
INPUTS = (
    "command", "config", "skills", "base", "head", "github-token", "openai-api-key", "anthropic-api-key", "max-usd",
    "args", "python",
)  # fmt: skip


def variable(name: str) -> str:
    return f"INPUT_{name.replace('-', '_').upper()}"


def test_the_names_are_the_documented_ones() -> None:
    assert tuple(ACTION["inputs"]) == INPUTS
    assert tuple(ACTION["outputs"]) == OUTPUTS


def test_every_input_reaches_the_entry_module() -> None:
    env = ACTION["runs"]["steps"][-1]["env"]
    given = {k: v for k, v in env.items() if k.startswith("INPUT_")}
    wanted = [name for name in INPUTS if name != "python"]
    assert given == {variable(name): f"${{{{ inputs.{name} }}}}" for name in wanted}
    values = {name: "gate" if name == "command" else f"--x-{name}" for name in wanted}
    read = read_inputs({variable(name): value for name, value in values.items()})
    lists = ("skills", "args")
    assert read == Inputs(**{n.replace("-", "_"): (v,) if n in lists else v for n, v in values.items()})  # type: ignore[arg-type]


def test_every_output_comes_from_the_entry_module() -> None:
    assert {n: o["value"] for n, o in ACTION["outputs"].items()} == {
        name: f"${{{{ steps.run.outputs.{name} }}}}" for name in OUTPUTS
    }


def test_the_commands_are_commands() -> None:
    assert set(action_inputs.COMMANDS) <= set(COMMANDS)
    told = ACTION["inputs"]["command"]["description"]
    assert all(command in told for command in action_inputs.COMMANDS)


def test_no_logic_and_no_expression_in_a_script() -> None:
    scripts = [step["run"] for step in ACTION["runs"]["steps"] if "run" in step]
    assert len(scripts) == 2
    for script in scripts:
        assert script.count("\n") == 0
        assert script.startswith('exec "$SKILLOPT_CI_PYTHON" -I -X utf8 ')
        assert "${{" not in script
    assert all(s["working-directory"] == "${{ runner.temp }}" for s in ACTION["runs"]["steps"] if "run" in s)


@pytest.mark.parametrize("page_name", ["README.md", "docs/action.md"])
def test_the_pages_have_the_tables(page_name: str) -> None:
    page = (ROOT / page_name).read_text(encoding="utf-8")
    rows = ["| input | default | what it is |", "|---|---|---|"]
    for name, spec in ACTION["inputs"].items():
        default = "required" if spec.get("required") else f"`{spec['default']}`" if spec["default"] else ""
        rows.append(f"| `{name}` | {default} | {spec['description']} |")
    assert "\n".join(rows) + "\n" in page
    rows = ["| output | what it is |", "|---|---|"]
    rows += [f"| `{name}` | {spec['description']} |" for name, spec in ACTION["outputs"].items()]
    assert "\n".join(rows) + "\n" in page
