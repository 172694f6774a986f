"""What is wrong in a workflow file that uses this tool: pure, from the file's text to findings."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from skillopt_ci.core.json_values import mapping
from skillopt_ci.suites.yaml_items import parse_yaml_document

Level = Literal["ok", "warning", "error"]
# This repository under whatever owner, or a mirror of another name by the workflows that only it has.
_USES = re.compile(
    r"(?:(?:^|/)skillopt-ci(?:/[^@]*)?|/\.github/workflows/reusable-(?:gate|train|baseline)\.yml)@(?P<ref>.+)$"
)
_SHA = re.compile(r"[0-9a-f]{40}")
_RUN = re.compile(r"(?:^|[\s;&|])skillopt-ci\s+([a-z]+)")
_COMMANDS = ("train", "gate", "baseline", "pr", "publish", "eval", "check")
_HISTORY = ("gate", "pr")
_MEASURING = frozenset({"gate", "train", "baseline", "eval"})
_KEYS = re.compile(r"secrets\.[A-Z0-9_]*(?:OPENAI|ANTHROPIC|AZURE|API_KEY)[A-Z0-9_]*", re.IGNORECASE)
# Keys that the action takes as inputs, and the reusable workflows as secrets.
_INPUTS = {"OPENAI_API_KEY": "openai-api-key", "ANTHROPIC_API_KEY": "anthropic-api-key"}
_NEEDS = {"pr": ("contents", "pull-requests"), "publish": ("statuses",)}
# What the jobs of a reusable workflow ask for: GitHub does not even start them when the caller grants less.
CALLED = {
    "gate": {"contents": "read", "actions": "read", "statuses": "write", "pull-requests": "write"},
    "train": {
        "contents": "write", "pull-requests": "write", "issues": "write", "statuses": "write", "actions": "read",
    },
    "baseline": {"contents": "read", "actions": "read"},
}  # fmt: skip
_REUSABLE = re.compile(r"/reusable-(gate|train|baseline)\.yml@")
_RANK = {"read": 1, "write": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at; `fix` says what to do when it is not ok."""

    level: Level
    what: str
    fix: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """What a job that measures needs beside this tool: a sandbox, and packages of npm as `name@version`.

    `keys` are the variables of the keys of what is measured, `training_keys` those that only training needs.
    """

    sandbox: bool = False
    packages: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    training_keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Job:
    name: str
    spec: Mapping[str, Any]
    commands: frozenset[str]
    refs: tuple[str, ...]


def check_workflow(name: str, text: str, steps: Steps = Steps()) -> tuple[list[Finding], frozenset[str]]:
    """Findings of one file, and the commands of this tool that it runs; nothing at all for other people's files.

    `steps`: what is measured needs them.
    """
    value, _, problems = parse_yaml_document(name, text)
    if problems:
        if "skillopt-ci" not in text:
            return [], frozenset()
        return [
            Finding(level="error", what=f"{name} is not valid YAML", fix="repair it; GitHub ignores it")
        ], frozenset()
    jobs = [_job(str(key), spec) for key, spec in mapping(mapping(value).get("jobs")).items()]
    ours = [job for job in jobs if job.commands or job.refs]
    if not ours:
        return [], frozenset()
    commands = frozenset().union(*(job.commands for job in ours))
    whole = mapping(value)
    found = [*_triggers(name, whole, commands)]
    if "permissions" not in whole:
        fix = "write `permissions: {}` at its top and give every job only what it needs"
        found.append(
            Finding(level="warning", what=f"{name}: the token has the repository's default permissions", fix=fix)
        )
    for job in ours:
        where = f"{name}, job {job.name}"
        found += _about_job(where, job, mapping(whole.get("permissions")))
        found += _about_call(where, job, whole)
        if job.commands & _MEASURING:
            found += [*_about_steps(where, job, steps), *_about_keys(where, job, whole, steps)]
    return found, commands


def _job(name: str, spec: Any) -> _Job:
    commands: set[str] = set()
    refs: list[str] = []
    held = mapping(spec)
    steps = held.get("steps")
    for step in map(mapping, [held, *(steps if isinstance(steps, list) else [])]):
        uses, run, given = str(step.get("uses", "")), str(step.get("run", "")), mapping(step.get("with"))
        at = _USES.search(uses)
        if at:
            refs.append(at["ref"])
            commands.add(str(given.get("command", "")))
            if "/workflows/" in uses:
                commands.add(uses.rpartition("/")[2].partition(".")[0].rpartition("-")[2])
        commands.update(_RUN.findall(run))
    return _Job(name, held, frozenset(commands & set(_COMMANDS)), tuple(refs))


def _triggers(name: str, whole: Mapping[str, Any], commands: frozenset[str]) -> Iterator[Finding]:
    # YAML 1.1 reads the key `on` as true.
    on = whole.get("on", whole.get(True))  # type: ignore[call-overload]
    events = mapping(on) or dict.fromkeys(on if isinstance(on, list) else [on])
    if "pull_request_target" in events:
        yield Finding(
            level="error",
            what=f"{name}: pull_request_target runs a stranger's change with your secrets",
            fix="use pull_request, and workflow_dispatch for a fork's reviewed head; GitHub blocks this event",
        )
    if commands & {"gate", "publish"}:
        for event in ("pull_request", "merge_group"):
            held = mapping(events.get(event))
            if {"paths", "paths-ignore"} & set(held):
                yield Finding(
                    level="error",
                    what=f"{name}: {event} has a path filter, so a required status stays open when it does not match",
                    fix="take the filter away: the gate itself says that no skill changed, and buys nothing",
                )
        types = mapping(events.get("pull_request")).get("types")
        if "pull_request" in events and not (isinstance(types, list) and "edited" in types):
            what = f"{name}: a pull request that is pointed to another branch keeps the status of the one before"
            fix = (
                "take the events and the `if:` of the present workflows/standalone-gate.yml (or of what `init` writes)"
            )
            yield Finding(level="warning", what=what, fix=fix)
        if "pull_request" in events and "merge_group" not in events:
            fix = "add `merge_group:` before you turn a merge queue on"
            yield Finding(level="warning", what=f"{name}: a merge queue would wait for ever for the gate", fix=fix)


def _about_job(where: str, job: _Job, top: Mapping[str, Any]) -> Iterator[Finding]:
    for ref in job.refs:
        if not _SHA.fullmatch(ref):
            fix = "pin the 40-digit commit with the version as a comment; a tag can be moved"
            yield Finding(level="warning", what=f"{where}: uses skillopt-ci@{ref[:40]}", fix=fix)
    held = mapping(job.spec.get("permissions")) or top
    writes = [area for area, level in held.items() if level == "write"]
    if any("/workflows/" in str(job.spec.get("uses", "")) for _ in job.refs):
        return
    text = _text(job.spec)
    if _KEYS.search(text) and writes:
        yield Finding(
            level="error",
            what=f"{where}: a model key and a token that may write ({', '.join(map(str, writes))}) in one job",
            fix="measure in one job with the key, publish in another with the token",
        )
    for command, areas in _NEEDS.items():
        lacks = [area for area in areas if held.get(area) != "write"]
        if command in job.commands and lacks and "app-token" not in text:
            told = ", ".join(f"`{area}: write`" for area in lacks)
            yield Finding(
                level="error", what=f"{where}: `{command}` needs {told}", fix=f"add {told} to its `permissions:`"
            )
    if job.commands & set(CALLED) and "github-token" in text and held and not held.get("actions"):
        yield Finding(
            level="warning",
            what=f"{where}: what earlier runs bought and spent cannot be read",
            fix="add `actions: read` to its `permissions:`",
        )
    steps = job.spec.get("steps")
    for step in steps if isinstance(steps, list) else []:
        if not str(mapping(step).get("uses", "")).startswith("actions/checkout@"):
            continue
        given = mapping(mapping(step).get("with"))
        if job.commands & set(_HISTORY) and str(given.get("fetch-depth")) != "0":
            fix = "give actions/checkout `fetch-depth: 0`"
            yield Finding(level="error", what=f"{where}: the gate compares commits, and history is cut off", fix=fix)
        if str(given.get("persist-credentials")).lower() != "false":
            fix = "give actions/checkout `persist-credentials: false`"
            yield Finding(level="warning", what=f"{where}: the token stays in the checkout", fix=fix)


def _about_call(where: str, job: _Job, whole: Mapping[str, Any]) -> Iterator[Finding]:
    """What a caller must grant to a reusable workflow; without any `permissions:` it cannot be seen here."""
    called = _REUSABLE.search(str(job.spec.get("uses", "")))
    granted = job.spec.get("permissions", whole.get("permissions"))
    if called is None or granted is None or granted == "write-all":
        return
    wanted = CALLED[called[1]]
    held = dict.fromkeys(wanted, "read") if granted == "read-all" else mapping(granted)
    lacks = [f"`{area}: {level}`" for area, level in wanted.items() if _RANK.get(str(held.get(area)), 0) < _RANK[level]]
    if lacks:
        told = ", ".join(lacks)
        yield Finding(
            level="error",
            what=f"{where}: GitHub does not start the called workflow, which needs {told}",
            fix=f"add {told} to the `permissions:` of the job that calls it",
        )


def _about_keys(where: str, job: _Job, whole: Mapping[str, Any], steps: Steps) -> Iterator[Finding]:
    """Keys that the configuration names and the job does not hand on."""
    wanted = dict.fromkeys((*steps.keys, *(steps.training_keys if "train" in job.commands else ())))
    called, secrets = _REUSABLE.search(str(job.spec.get("uses", ""))), job.spec.get("secrets")
    text = _text(job.spec) + _text(whole.get("env"))
    for variable in wanted:
        known = variable in _INPUTS
        if called is None:
            if variable in text or (known and _INPUTS[variable] in text):
                continue
            fix = "add it to `env:` of the action's step, from a secret"
        elif known:
            if secrets == "inherit" or variable in mapping(secrets):
                continue
            fix = f"add `{variable}: ${{{{ secrets.{variable} }}}}` to its `secrets:`"
        else:
            fix = (
                f"the called workflow takes {' and '.join(_INPUTS)} alone: name one of them in `api_key_env`, or take "
                "workflows/standalone-*.yml and add the variable to `env:` of the action's step (docs/github-setup.md)"
            )
        yield Finding(level="error", what=f"{where}: the key {variable} is not handed on", fix=fix)


def _about_steps(where: str, job: _Job, steps: Steps) -> Iterator[Finding]:
    text = _text(job.spec)
    if _REUSABLE.search(str(job.spec.get("uses", ""))):
        needs = "a sandbox" if steps.sandbox else ", ".join(steps.packages)
        if needs:
            fix = "no step can be added to it: take workflows/standalone-*.yml, and the steps of docs/agents.md"
            what = f"{where}: agents and scripts need {needs}, and none is installed"
            yield Finding(level="warning", what=what, fix=fix)
        return
    if steps.sandbox and "bubblewrap" not in text:
        fix = "install bubblewrap in a step before (docs/agents.md)"
        what = f"{where}: agents and scripts need a sandbox, and none is installed"
        yield Finding(level="warning", what=what, fix=fix)
    for package in steps.packages:
        name, _, version = package.rpartition("@")
        named = re.findall(rf"{re.escape(name)}(?:@([^\s'\"\\;&|)]+)|(?![\w/.@-]))", text)
        wrong = [f"'{n[:40]}'" if n else "no version" for n in named if n != version and not n.startswith("$")]
        if named and not wrong:
            continue
        what = (
            f"{where}: it names {wrong[0]} of {name}, and {version} is pinned"
            if wrong
            else (f"{where}: the agent's {name} is not installed in it")
        )
        fix = f"add a step before: `npm install -g {package}`" if not wrong else f"`npm install -g {package}`"
        yield Finding(level="warning", what=what, fix=fix)


def _text(value: Any) -> str:
    """Every key and text in a value, each part of it once: aliases can repeat one beyond what any memory holds."""
    found: list[str] = []
    seen: set[int] = set()
    todo = [value]
    while todo:
        item = todo.pop()
        if not isinstance(item, dict | list):
            found.append(str(item))
        elif id(item) not in seen:
            seen.add(id(item))
            todo += reversed(item if isinstance(item, list) else [part for pair in item.items() for part in pair])
    return "\n".join(found)
