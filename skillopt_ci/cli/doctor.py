"""`doctor`: what keys, token permissions, repository settings and workflow files lack, and how to fix each."""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from skillopt_ci import plugins
from skillopt_ci.actions.workflows import Finding, Steps, check_workflow
from skillopt_ci.cli.check_agents import agents_of, needs_sandbox
from skillopt_ci.cli.console import Console
from skillopt_ci.cli.guard import run, write_json
from skillopt_ci.cli.hub import TOKEN_VARIABLES, clean_words, connected, login_option
from skillopt_ci.cli.main import COMMANDS
from skillopt_ci.cli.options import Options, common
from skillopt_ci.cli.project import Project, open_project, read_all
from skillopt_ci.config.access import key_variable, provider_options
from skillopt_ci.config.resolve import ModelRef
from skillopt_ci.core.task import Task
from skillopt_ci.core.texts import plural
from skillopt_ci.errors import ConfigError, ForgeError, MissingKeyError, SkilloptError, UsageError
from skillopt_ci.forge.command import run_git
from skillopt_ci.forge.git import Git
from skillopt_ci.forge.refusal import SETTING
from skillopt_ci.forge.settings import Settings, read_settings
from skillopt_ci.forge.status import CONTEXT
from skillopt_ci.harnesses.present import package, require
from skillopt_ci.report.escape import one_line
from skillopt_ci.sandbox.bubblewrap import STEP, preflight

_MARKS = {"ok": "ok     ", "warning": "warning", "error": "error  "}
_LOOPBACK = re.compile(r"^https?://(?:127\.|localhost\b|\[::1\]|0\.0\.0\.0)", re.IGNORECASE)
_WORKFLOWS = ".github/workflows"
_MAX_BYTES = 512 * 1024


@click.command(help=COMMANDS["doctor"])
@common
@click.option("--offline", is_flag=True, help="Do not ask GitHub.")
@login_option
def command(offline: bool, login: str, **shared: Any) -> None:
    """See the help text above."""
    options = Options(**shared)
    run("doctor", options, lambda console: _doctor(console, options, offline, login))


def _doctor(console: Console, options: Options, offline: bool, login: str) -> int:
    console.scrub = clean_words()
    found: list[Finding] = []
    project, sandboxed = _project(options, found), False
    if project is not None:
        found += _keys(project)
        sandboxed = needs_sandbox(project.config, project.skills, _tasks(project))
        found += _sandbox(project, sandboxed)
        found += _agents(project)
    git = Git.discover(Path.cwd())
    found += _clone(git, project.root if project else Path.cwd())
    found += _workflows(git.root if git else Path.cwd(), _steps(project, sandboxed))
    if not offline:
        found += _settings(console, login, project)
    for finding in found:
        if finding.level != "ok" or not options.quiet:
            said = f"{finding.what}: {finding.fix}" if finding.fix else finding.what
            console.result(f"{_MARKS[finding.level]} {one_line(said, 1000)}")
    code = UsageError.exit_code if any(f.level == "error" for f in found) else 0
    if options.json is not None:
        findings = [{"level": f.level, "what": f.what, "fix": f.fix} for f in found]
        write_json(
            options.json, {"schema": "skillopt-ci/doctor/1", "exit_code": code, "findings": findings}, console.scrub
        )
    return code


def _project(options: Options, found: list[Finding]) -> Project | None:
    try:
        project = open_project(options)
    except ConfigError as error:
        fix = f"`skillopt-ci check` lists {plural(len(error.problems) or 1, 'problem')}"
        found.append(Finding(level="error", what="the configuration cannot be used", fix=fix))
        return None
    except SkilloptError as error:
        found.append(Finding(level="error", what=str(error)))
        return None
    names = ", ".join(skill.name for skill in project.skills)
    found.append(Finding(level="ok", what=f"{project.config_path}: {names}"))
    return project


def _keys(project: Project) -> Iterator[Finding]:
    """What every provider that a skill uses needs, once: each is made as commands make it, and asked nothing."""
    seen: set[str] = set()
    for skill in project.skills:
        for ref in (*skill.targets, skill.optimizer, skill.judge):
            if ref is None or ref.provider in seen:
                continue
            seen.add(ref.provider)
            try:
                made = plugins.load("providers", ref.entry.type)(provider_options(ref, os.environ))
            except ConfigError as error:
                fix = "in a workflow, a repository or environment secret that the measuring job gets"
                yield Finding(level="error", what=str(error), fix=fix if isinstance(error, MissingKeyError) else "")
            else:
                if (close := getattr(made, "close", None)) is not None:
                    close()
                yield Finding(level="ok", what=f"provider '{ref.provider}' has what it needs")
            if _LOOPBACK.search(ref.entry.base_url or ""):
                what = f"provider '{ref.provider}' is at an address of this machine alone"
                yield Finding(level="warning", what=what, fix="GitHub's runners do not reach it; one of your own may")


def _tasks(project: Project) -> Iterator[Task]:
    """Those of all skills, as far as they can be read: `check` says what is wrong with the rest."""
    for skill in project.skills:
        with suppress(SkilloptError):
            yield from read_all(project.tree, skill, ())[0].tasks


def _sandbox(project: Project, needed: bool) -> Iterator[Finding]:
    """Whether what needs a sandbox finds one."""
    if project.config.sandbox == "off":
        yield Finding(level="warning", what="sandbox: off: agents and scripts run with this machine before them")
    elif needed:
        why = preflight()
        if why:
            yield Finding(level="error", what=f"agents and scripts have no sandbox here: {why}", fix=STEP)
        else:
            yield Finding(level="ok", what="there is a sandbox for agents and scripts")


def _agents(project: Project) -> Iterator[Finding]:
    """Whether every agent is installed, in its pinned version; each once."""
    for skill, agent in agents_of(project.skills):
        try:
            version = require(agent, skill.harness, confined=project.config.sandbox != "off")
        except ConfigError as error:
            yield Finding(level="error", what=str(error))
        else:
            yield Finding(level="ok", what=f"harness '{skill.harness}': {version} is there")


def _steps(project: Project | None, sandboxed: bool) -> Steps:
    """What the jobs that measure have to install."""
    if project is None:
        return Steps()
    measured = [ref for s in project.skills for ref in (*s.targets, s.judge)]
    keys, more = (_variables(refs) for refs in (measured, [s.optimizer for s in project.skills]))
    found = (package(agent) for _, agent in agents_of(project.skills))
    packages = tuple(dict.fromkeys(p for p in found if p))
    return Steps(sandbox=sandboxed, packages=packages, keys=keys, training_keys=more)


def _variables(refs: Sequence[ModelRef | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(v for ref in refs if ref is not None and (v := key_variable(ref))))


def _clone(git: Git | None, root: Path) -> Iterator[Finding]:
    if git is None:
        yield Finding(level="error", what="this is no git repository", fix="run this inside the repository")
        return
    if git.is_shallow():
        fix = "fetch the whole history (actions/checkout: `fetch-depth: 0`)"
        yield Finding(level="warning", what="the clone is shallow; the gate compares commits", fix=fix)
    listed = ("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", ".skillopt/ledger.sqlite")
    if run_git(root, *listed):
        fix = "add `.skillopt/ledger.sqlite*` and `.skillopt/runs/` to .gitignore"
        yield Finding(level="warning", what="the ledger of purchases could be committed by mistake", fix=fix)


def _workflows(root: Path, steps: Steps) -> Iterator[Finding]:
    commands: set[str] = set()
    for path in sorted((root / _WORKFLOWS).glob("*.y*ml")):
        if path.is_symlink() or not path.is_file() or path.stat().st_size > _MAX_BYTES:
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        found, runs = check_workflow(path.name, text, steps)
        yield from found
        commands |= runs
        if runs and not any(f.level == "error" for f in found):
            yield Finding(level="ok", what=f"{path.name}: {', '.join(sorted(runs))}")
    for name, why in (("gate", "changes of skills are not judged"), ("train", "skills are not trained")):
        if name not in commands:
            level = "error" if name == "gate" else "warning"
            fix = "`skillopt-ci init --workflows` writes the workflows; commit them to the default branch"
            yield Finding(level=level, what=f"no workflow runs `{name}`: {why}", fix=fix)  # type: ignore[arg-type]


def _settings(console: Console, login: str, project: Project | None) -> Iterator[Finding]:
    if not any(os.environ.get(variable) for variable in TOKEN_VARIABLES):
        fix = "set GITHUB_TOKEN (`gh auth token` prints yours), or say --offline"
        yield Finding(level="warning", what="GitHub was not asked: there is no token", fix=fix)
        return
    try:
        with connected(console, login, project.config if project else None) as repository:
            settings = read_settings(repository)
    except (ForgeError, UsageError) as error:
        yield Finding(level="error", what=str(error))
        return
    yield from _about(settings)


def _about(settings: Settings) -> Iterator[Finding]:
    if settings.may_open_pulls is None:
        what = "whether workflows may open pull requests only an administrator's token can see"
        yield Finding(level="warning", what=what, fix=f"look at {SETTING} ({settings.url}/settings/actions)")
    elif settings.may_open_pulls:
        yield Finding(level="ok", what="workflows may open pull requests")
    else:
        fix = f"turn it on at {SETTING} ({settings.url}/settings/actions), or publish with an App's token"
        yield Finding(level="error", what="workflows may not open pull requests", fix=fix)
    if settings.required is not None and CONTEXT in {context.lower() for context in settings.required}:
        yield Finding(level="ok", what=f"{CONTEXT} is required on {settings.default_branch}")
    else:
        seen = "is not required" if settings.required is not None else "may or may not be required (it cannot be seen)"
        fix = f"require the status check `{CONTEXT}` in a ruleset ({settings.url}/settings/rules), after its first run"
        yield Finding(level="warning", what=f"{CONTEXT} {seen} on {settings.default_branch}", fix=fix)
