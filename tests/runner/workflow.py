"""A runner of this project's reusable workflows: jobs in order, steps by the runner's rules, artifacts in folders.

Checkout, artifacts and Python are what their actions do here; `$/` is the action itself.
"""

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.forge.repo import Repo
from tests.runner.composite import Done
from tests.runner.expressions import condition, evaluate, fill
from tests.runner.world import ROOT, job


@dataclass
class JobResult:
    """What became of a job: success, failure or skipped."""

    result: str
    outputs: dict[str, str] = field(default_factory=dict)
    steps: dict[str, Done] = field(default_factory=dict)

    @property
    def raw(self) -> str:
        """Everything its action steps have written."""
        return "\n".join(done.raw for done in self.steps.values())


@dataclass
class Event:
    """What started the workflow. `merge` is the commit that `pull_request` checks out when nothing is named."""

    name: str
    payload: Any
    sha: str
    base_ref: str = ""
    ref_name: str = "main"
    tag: bool = False  # `ref_name` is a tag's

    @property
    def ref(self) -> str:
        """Its whole name."""
        return f"refs/{'tags' if self.tag else 'heads'}/{self.ref_name}"


class WorkflowRun:
    """One run of a reusable workflow, called with secrets; artifacts are shared by its jobs."""

    def __init__(
        self, folder: Path, kind: str, origin: Path, secrets: Mapping[str, str], env: Mapping[str, str]
    ) -> None:
        self.folder = folder
        self.definition = yaml.safe_load((ROOT / "workflows" / f"reusable-{kind}.yml").read_text(encoding="utf-8"))
        self.origin = origin
        self.secrets = secrets
        self.env = env
        self.artifacts = folder / "artifacts"
        self.artifacts.mkdir(parents=True)
        self.jobs: dict[str, JobResult] = {}
        self.inputs = {k: v["default"] for k, v in self.definition[True]["workflow_call"]["inputs"].items()}
        self.app: dict[str, str] = {}  # outputs of create-github-app-token

    def run(self, event: Event, token: str) -> dict[str, JobResult]:
        """Every job, in the order of the file, which is that of their needs."""
        for name, spec in self.definition["jobs"].items():
            needs = [spec["needs"]] if isinstance(spec.get("needs"), str) else spec.get("needs", [])
            contexts: dict[str, Any] = {
                "github": {
                    "event_name": event.name, "event": event.payload, "sha": event.sha, "base_ref": event.base_ref,
                    "ref": event.ref, "token": token,
                },
                "inputs": self.inputs,
                "secrets": self.secrets,
                "needs": {n: {"outputs": self.jobs[n].outputs, "result": self.jobs[n].result} for n in needs},
            }  # fmt: skip
            failed = any(self.jobs[n].result != "success" for n in needs)
            if not condition(spec.get("if", "success()"), contexts, failed=failed):
                self.jobs[name] = JobResult("skipped")
            elif "strategy" in spec:
                self.jobs[name] = self._matrix(name, spec, contexts, event)
            else:
                self.jobs[name] = self._job(name, spec, contexts, event)
        return self.jobs

    def _matrix(self, name: str, spec: Mapping[str, Any], contexts: dict[str, Any], event: Event) -> JobResult:
        """One job for each value of a matrix with one name, one after the other; it fails when one of them does."""
        ((key, code),) = spec["strategy"]["matrix"].items()
        done = {}
        for value in evaluate(code.removeprefix("${{").removesuffix("}}"), contexts):
            done[value] = self._job(f"{name}-{value}", spec, {**contexts, "matrix": {key: value}}, event)
        failed = any(job.result == "failure" for job in done.values())
        steps = {f"{step} ({value})": at for value, job in done.items() for step, at in job.steps.items()}
        return JobResult("failure" if failed else "success", steps=steps)

    def _job(self, name: str, spec: Mapping[str, Any], contexts: dict[str, Any], event: Event) -> JobResult:
        folder = self.folder / name
        workspace = folder / "workspace"
        workspace.mkdir(parents=True)
        env = {k: fill(v, contexts) for k, v in spec.get("env", {}).items()}
        env |= {**self.env, "GITHUB_REF_NAME": event.ref_name, "GITHUB_REF": event.ref}
        runner = job(folder, workspace, event.name, event.payload, env=env)
        contexts |= {"runner": {"temp": str(runner.temp)}, "steps": {}}
        result = JobResult("success")
        for step in spec["steps"]:
            if not condition(step.get("if", "success()"), contexts, failed=result.result == "failure"):
                continue
            given = {k: fill(str(v), contexts) for k, v in step.get("with", {}).items()}
            outputs: dict[str, str] = {}
            if step.get("uses") == "$/":
                before = dict(runner.env)
                runner.env |= {k: fill(v, contexts) for k, v in step.get("env", {}).items()}
                done = runner.use(given)
                runner.env = before
                result.steps[step["name"]] = done
                ok, outputs = done.ok, done.outputs
            elif step.get("uses", "").startswith("actions/create-github-app-token@"):
                ok, outputs = True, self.app
            elif "uses" in step:
                ok = self._uses(step["uses"], given, workspace, event)
            else:
                ok = subprocess.run(["bash", "-e", "-c", step["run"]], cwd=workspace, check=False).returncode == 0
            if "id" in step:
                contexts["steps"][step["id"]] = {"outputs": outputs, "outcome": "success" if ok else "failure"}
            if not ok and not step.get("continue-on-error"):
                result.result = "failure"
        result.outputs = {k: fill(v, contexts) for k, v in spec.get("outputs", {}).items()}
        return result

    def _uses(self, uses: str, given: Mapping[str, str], workspace: Path, event: Event) -> bool:
        action = uses.partition("@")[0]
        if action == "actions/checkout":
            assert given["persist-credentials"] == "False"
            place = Repo(workspace)
            place("remote", "add", "origin", str(self.origin))
            place("fetch", "-q", "--no-tags", "origin", "+refs/heads/*:refs/remotes/origin/*", event.sha)
            ref = given.get("ref", event.sha)
            place("checkout", "-q", "--detach", ref if len(ref) == 40 else f"origin/{ref}")
            return True
        place_of = self.artifacts / given["name"]
        if action == "actions/upload-artifact":
            source = Path(given["path"])
            if "*" in given["path"]:  # what comes after the first pattern keeps its place
                root = Path(given["path"].partition("*")[0])
                found = list(root.glob(given["path"].removeprefix(f"{root}/")))
                for folder in found:
                    shutil.copytree(folder, place_of / folder.relative_to(root), dirs_exist_ok=True)
                return bool(found) or given["if-no-files-found"] == "ignore"
            if source.exists():
                shutil.copytree(source, place_of, dirs_exist_ok=True)
            return source.exists() or given["if-no-files-found"] == "ignore"
        assert action == "actions/download-artifact"
        if place_of.exists():
            shutil.copytree(place_of, given["path"], dirs_exist_ok=True)
        return place_of.exists()
