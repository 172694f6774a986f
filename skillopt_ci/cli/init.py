"""`init`: a configuration and starter tasks for the skills of a repository; never overwrites a file."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from skillopt_ci.cli.console import Console
from skillopt_ci.cli.existing import asks_which_are_for_it, evaluation_of, find_skills, unread_evaluations
from skillopt_ci.cli.guard import run, write_text
from skillopt_ci.cli.main import COMMANDS
from skillopt_ci.cli.options import Options
from skillopt_ci.cli.output import append
from skillopt_ci.cli.project import CONFIG_NAMES, MISNAMED, RENAME
from skillopt_ci.cli.workflow_files import (
    REPOSITORY,
    Action,
    installed_from,
    own_action,
    read_action,
    released,
    workflow_files,
)
from skillopt_ci.core.split import SplitWeights
from skillopt_ci.core.task import SPLITS, STARTER_TAG
from skillopt_ci.core.texts import plural
from skillopt_ci.errors import GitError, UsageError
from skillopt_ci.forge.git import Git
from skillopt_ci.forge.worktree import WorkTree
from skillopt_ci.graders.build import needs_judge

# provider -> (target, optimizer)
_MODELS = {
    "openai": ("gpt-5.4-mini", "gpt-5.4"),
    "anthropic": ("claude-haiku-4-5", "claude-opus-5"),
    "simulated": ("demo", "demo"),
}
_UNREAD = "cannot be read as tasks: `skillopt-ci import {path} -o x.jsonl` says why"
_CHOSEN = "asks whether the skill is chosen: add it to its tasks once an agent's `harness` is set"
_FEW = 3  # files that could not be read, or were left out, and are named
_IGNORED = (".skillopt/ledger.sqlite*", ".skillopt/runs/")
_SKILL = """---
name: example
description: Answers questions about example documents. Use when a question about one is asked.
---

# Example

Answer the question about the document.
"""
_CONFIG = """\
# Made by `skillopt-ci init`. Every key: docs/configuration.md of skillopt-ci.
version: 1
{comment}target:    {{provider: {provider}, model: {target}, max_output_tokens: 2048}}
optimizer: {{provider: {provider}, model: {optimizer}, max_output_tokens: 8192}}
{judge}skills:
{skills}budget: {{usd: 10, minutes: 60}}
{several}"""
_SIMULATED = """\
# Simulated models: no key, no network, and no word about the quality of a real model. For a real one change these two
# lines, for instance to {provider: openai, model: gpt-5.4-mini} and {provider: anthropic, model: claude-opus-5}.
"""
_JUDGE = "judge:     {{provider: {provider}, model: {optimizer}}}\n"
# With the default of 1 one pull request that nobody has read holds back what is learnt of all other skills.
_SEVERAL = "pr: {{max_open: {count}}}  # one for each skill\n"
_ENTRY = """\
  - path: {path}
    tasks: [{tasks}]
    graders: [{{type: contains}}]
"""


@click.command(help=COMMANDS["init"])
@click.option("--provider", type=click.Choice(list(_MODELS)), help="Default: the one whose key is set, else simulated.")
@click.option(
    "--action",
    metavar="OWNER/NAME@COMMIT",
    help="The action that the workflows use (default: the commit that this program was installed from).",
)
@click.option("--workflows", is_flag=True, help="Only write the workflows.")
@click.option("--quiet", is_flag=True, help="Only errors.")
@click.option("--debug", is_flag=True, help="Print the traceback of an unexpected error.")
def command(provider: str | None, action: str | None, workflows: bool, quiet: bool, debug: bool) -> None:
    """See the help text above."""

    def body(console: Console) -> int:
        known = read_action(action) if action is not None else own_action(installed_from()) or released()
        first = "store the model keys as secrets" if workflows else _starters(console, Path.cwd(), provider)
        try:
            _workflows(console, Path.cwd(), known)
        except UsageError as error:
            if workflows:  # nothing else was asked for
                raise
            console.say(f"no workflows: {error}")
        console.say(f"Next: {first}, then `skillopt-ci {'doctor' if workflows else 'check'}`.")
        return 0

    run("init", Options(quiet=quiet, debug=debug), body)


def _starters(console: Console, root: Path, provider: str | None) -> str:
    """Write the configuration and starter tasks for skills without evaluations; what is to be done next."""
    for name in CONFIG_NAMES:
        if (root / name).exists():
            raise UsageError(f"{name} is here already; `skillopt-ci check` tells what it lacks")
    for name in MISNAMED:
        if (root / name).exists():
            raise UsageError(f"{name} is here already, and is not read: {RENAME}")
    above = next((folder for folder in _above(root) if any((folder / n).exists() for n in CONFIG_NAMES)), None)
    if above is not None:
        console.warn(f"warning: {above} has a configuration already; this one is for {root.name} alone")
    tree = WorkTree(root)
    skills = find_skills(tree)
    found = {path: evaluation_of(tree, path, skills) for path in skills.taken}
    if not found:
        found = {"skills/example/SKILL.md": None}
        _write(console, root / "skills/example/SKILL.md", _SKILL, root)
        console.say("no SKILL.md was in this folder: that is an example")
    if skills.lie_anywhere:
        console.say(
            "no SKILL.md was in a usual place: take what is a copy, an example or a fixture out of skillopt.yml"
        )
    if skills.left_out:
        console.say(f"left out, in other places: {_some(skills.left_out)}; add those that are no copies")
    if skills.namesakes:
        twice = skills.namesakes
        console.say(f"left out, as another skill has the directory's name: {_some(twice)}; rename it, then add it")
    names = {path: (root / path).resolve().parent.name for path in found}
    tasks = {
        path: one.paths if (one := found[path]) else (f"evals/{name}/tasks.jsonl",) for path, name in names.items()
    }
    judged = any(needs_judge(t.graders or ()) for one in found.values() if one for t in one.tasks)
    seeds = {path: one.seed() for path, one in found.items() if one}
    _write(console, root / CONFIG_NAMES[0], _config(provider or _provider(), tasks, seeds, judged=judged), root)
    for path, name in names.items():
        if one := found[path]:
            console.say(
                f"found {' and '.join(one.paths)} ({one.format}, {plural(len(one.tasks), 'task')}): it is read as it is"
            )
        else:
            for unread in unread_evaluations(tree, path)[:_FEW]:
                if unread not in tasks[path]:
                    chosen = asks_which_are_for_it(tree, unread)
                    console.warn(f"{unread} {_CHOSEN if chosen else _UNREAD.format(path=unread)}")
            _write(console, root / tasks[path][0], _tasks(name), root)
    _ignore(console, root)
    if all(found.values()):
        return "look through skillopt.yml"
    return "replace the starter tasks by your own (50 or more)"


def _some(paths: Sequence[str]) -> str:
    """The first few, and how many more there are."""
    return ", ".join(paths[:_FEW]) + (f" and {len(paths) - _FEW} more" if len(paths) > _FEW else "")


def _above(root: Path) -> list[Path]:
    """The folders above this one in its repository; none outside of one."""
    git = Git.discover(root)
    top = git.root.resolve() if git else root.resolve()
    return [folder for folder in root.resolve().parents if folder.is_relative_to(top)]


def _workflows(console: Console, root: Path, action: Action | None) -> None:
    """Workflows of a repository on GitHub; they stand at its top, wherever the project is in it.

    Raises:
        UsageError: there is no repository, or nobody knows which commit of the action to pin.
    """
    git = Git.discover(root)
    if git is None:
        raise UsageError("this is no git repository")
    if action is None:
        raise UsageError(
            f"which commit of {REPOSITORY} this program is cannot be seen; "
            f"`skillopt-ci init --workflows --action {REPOSITORY}@COMMIT` writes them"
        )
    try:
        branch = git.default_branch().removeprefix("origin/")
    except GitError:  # nothing is committed yet, or it has a name of its own
        branch = git.head_branch() or "main"
        if branch not in ("main", "master"):
            console.say(f"the default branch is not known: skillopt-baseline.yml takes '{branch}' for it")
    below = root.resolve().relative_to(git.root.resolve()).as_posix()
    config = "" if below == "." else f"{below}/{CONFIG_NAMES[0]}"
    for name, text in workflow_files(action, branch, config).items():
        _write(console, git.root / ".github" / "workflows" / name, text, git.root)


def _provider() -> str:
    if os.environ.get("OPENAI_API_KEY"):
        return "openai"
    return "anthropic" if os.environ.get("ANTHROPIC_API_KEY") else "simulated"


def _config(provider: str, tasks: Mapping[str, Sequence[str]], seeds: Mapping[str, int], *, judged: bool) -> str:
    """The configuration for skills, the tasks of each, and how a few tasks are divided so that no split is empty."""
    usual = SplitWeights().seed
    target, optimizer = _MODELS[provider]
    return _CONFIG.format(
        comment=_SIMULATED if provider == "simulated" else "",
        provider=provider,
        target=target,
        optimizer=optimizer,
        judge=_JUDGE.format(provider=provider, optimizer=optimizer) if judged else "",
        skills="".join(
            # JSON strings are YAML strings, whatever a folder is called.
            _ENTRY.format(path=json.dumps(path), tasks=", ".join(map(json.dumps, files)))
            + (f"    split: {{seed: {seed}}}\n" if (seed := seeds.get(path, usual)) != usual else "")
            for path, files in tasks.items()
        ),
        several=_SEVERAL.format(count=len(tasks)) if len(tasks) > 1 else "",
    )


def _tasks(name: str) -> str:
    """Ten tasks that show the form: splits are given so that each has some."""
    rows = [
        {
            "id": f"starter-{number:02}",
            "prompt": f"Replace this: request {number} that somebody makes of the skill {name}.",
            "expected": f"Replace this: words that a right answer to request {number} holds",
            "split": SPLITS[(0, 0, 0, 0, 1, 1, 1, 2, 2, 2)[number - 1]],
            "tags": [STARTER_TAG],
        }
        for number in range(1, 11)
    ]
    return "".join(json.dumps(row) + "\n" for row in rows)


def _ignore(console: Console, root: Path) -> None:
    place = root / ".gitignore"
    old = place.read_text(encoding="utf-8", errors="surrogateescape") if place.is_file() else ""
    missing = [line for line in _IGNORED if line not in old.splitlines()]
    if not missing:
        return
    gap = "" if not old or old.endswith("\n") else "\n"
    append(place, gap + "".join(f"{line}\n" for line in missing))
    console.say("wrote .gitignore")


def _write(console: Console, path: Path, text: str, root: Path) -> None:
    shown = path.relative_to(root).as_posix()
    if path.exists():
        console.say(f"kept {shown}")
        return
    write_text(path, text)
    console.say(f"wrote {shown}")
