"""A runner of composite actions, as small as action.yml needs it, with the rules of the real one."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.runner.expressions import condition, fill
from tests.runner.protocol import Command, Log, parse_file, read_summary


@dataclass
class Done:
    """A step of a job that used the action."""

    ok: bool
    outputs: dict[str, str]
    log: Log
    summary: str
    raw: str
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def annotations(self) -> list[Command]:
        """What is shown beside files."""
        return self.log.annotations()

    @property
    def shown(self) -> str:
        """The log as people see it: secrets that were registered are stars."""
        text = "\n".join(self.log.text)
        for mask in self.log.masks:
            text = text.replace(mask, "***")
        return text


class Runner:
    """One job: a workspace, a temporary folder, and what the runner tells by GITHUB_ variables."""

    def __init__(self, action: Path, workspace: Path, temp: Path, env: Mapping[str, str]) -> None:
        self.action = action
        self.workspace = workspace
        self.temp = temp
        self.env = dict(env)

    def use(self, inputs: Mapping[str, str]) -> Done:
        """A step with `uses:` this action."""
        definition = yaml.safe_load((self.action / "action.yml").read_text(encoding="utf-8"))
        unknown = set(inputs) - set(definition["inputs"])
        assert not unknown, f"the action has no input {unknown}"
        given = {name: fill(str(d.get("default", "")), {}) for name, d in definition["inputs"].items()} | dict(inputs)
        contexts: dict[str, Any] = {"inputs": given, "runner": {"temp": str(self.temp), "os": "Linux"}, "steps": {}}
        done = Done(ok=True, outputs={}, log=Log(), summary="", raw="")
        for number, step in enumerate(definition["runs"]["steps"]):
            if not condition(step.get("if", "success()"), contexts, failed=not done.ok):
                continue
            outputs = self._uses(step) if "uses" in step else self._run(step, contexts, done, number)
            if "id" in step:
                contexts["steps"][step["id"]] = {"outputs": outputs}
        # Also when a step failed, as the runner does it.
        done.outputs = {name: fill(d["value"], contexts) for name, d in definition["outputs"].items()}
        return done

    def _uses(self, step: Mapping[str, Any]) -> dict[str, str]:
        name, _, ref = step["uses"].partition("@")
        assert name == "actions/setup-python"
        assert len(ref) == 40
        assert step["with"]["update-environment"] is False
        return {"python-path": sys.executable, "python-version": "3"}

    def _run(self, step: Mapping[str, Any], contexts: Mapping[str, Any], done: Done, number: int) -> dict[str, str]:
        assert step["shell"] == "bash"
        assert "${{" not in step["run"]
        folder = self.temp / "_runner_file_commands" / f"{len(list(self.temp.rglob('script-*')))}-{number}"
        folder.mkdir(parents=True)
        files = {name: folder / name for name in ("OUTPUT", "ENV", "PATH", "STEP_SUMMARY")}
        for path in files.values():
            path.touch()
        script = folder / f"script-{number}"
        script.write_text(step["run"], encoding="utf-8")
        env = {
            **{k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG", "TMPDIR") or k.startswith("PIP_")},
            **self.env,
            **done.environment,
            "GITHUB_ACTIONS": "true",
            "GITHUB_WORKSPACE": str(self.workspace),
            "GITHUB_ACTION_PATH": str(self.action),
            "RUNNER_TEMP": str(self.temp),
            **{f"GITHUB_{name}": str(path) for name, path in files.items()},
            # Inputs do not become variables by themselves in a composite action.
            **{k: fill(str(v), contexts) for k, v in step.get("env", {}).items()},
        }
        ended = subprocess.run(
            ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", str(script)],
            cwd=fill(step.get("working-directory", str(self.workspace)), contexts),
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        output = ended.stdout.decode("utf-8")
        done.raw += output
        done.log.feed(output)
        done.summary += read_summary(files["STEP_SUMMARY"])
        done.environment.update(parse_file(files["ENV"].read_text(encoding="utf-8")))
        assert not files["PATH"].read_text(encoding="utf-8")
        done.ok = done.ok and ended.returncode == 0
        return parse_file(files["OUTPUT"].read_text(encoding="utf-8"))
