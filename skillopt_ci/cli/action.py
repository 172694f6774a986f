"""The action's entry module, `python -m skillopt_ci.cli.action`: inputs and event in, one command, results out.

It is started outside of the checkout with `python -I`, so that no file of a pull request can stand in for a module, and
changes into the workspace only then. Whatever happens, outputs, annotations and summary are written before it fails.
"""

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click

from skillopt_ci.actions.commands import masks, no_commands
from skillopt_ci.actions.context import EventContext, read_context
from skillopt_ci.actions.outputs import RunnerFiles
from skillopt_ci.cli.action_inputs import (
    SPENDING,
    Inputs,
    Places,
    Refs,
    command_line,
    gate_refs,
    read_inputs,
    require_allowed,
    run_folders,
)
from skillopt_ci.cli.action_results import OUTPUTS, fallback_summary, lines, outputs
from skillopt_ci.cli.work import LEDGER_VARIABLE
from skillopt_ci.errors import GitError, InterruptedRunError, SkilloptError, UsageError
from skillopt_ci.report.escape import one_line, scrubber

Json = Mapping[str, object]
_FOLDER = "skillopt-ci"
_KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY")


@dataclass(frozen=True)
class World:
    """What the entry module touches: the environment, the log, the command line program, and (`shield`) signals."""

    env: MutableMapping[str, str]
    write: Callable[[str], object]
    call: Callable[[Sequence[str]], tuple[int, str]]
    shield: Callable[[], None]


def main() -> None:
    """Run with the environment of this process."""
    sys.exit(act(World(os.environ, _write, call, _ignore_signals)))


def act(world: World) -> int:
    """Run the action's command and tell the runner what came of it; returns the exit code."""
    files = RunnerFiles.of(world.env)
    inputs = Inputs(command="")
    context = EventContext()
    places = Places(folder=Path(), command="")
    try:
        inputs = read_inputs(world.env)
        for line in masks(inputs.secrets):
            world.write(line + "\n")
        context = read_context(world.env)
        require_allowed(inputs, context)
        places = _prepare(world.env, inputs)
        value, code = _carry_out(world, inputs, context, places)
    except SkilloptError as error:
        value, code = {"reason": error.reason, "message": str(error)}, error.exit_code
    except KeyboardInterrupt:
        value, code = {"reason": InterruptedRunError.reason, "message": "interrupted"}, InterruptedRunError.exit_code
    world.shield()
    return _tell(world, files, (inputs, context, places), value, code)


def call(arguments: Sequence[str]) -> tuple[int, str]:
    """Run one command of the command line program in this process.

    Returns its exit code, and what is wrong with the arguments when they are why it did not even start.
    """
    from skillopt_ci.cli.main import cli

    try:
        cli.main(args=list(arguments), prog_name="skillopt-ci", standalone_mode=False)
    except SystemExit as leaving:
        return (leaving.code if isinstance(leaving.code, int) else 2), ""
    except click.ClickException as error:
        return error.exit_code, error.format_message()
    except (click.Abort, KeyboardInterrupt):
        return InterruptedRunError.exit_code, "interrupted"
    return 0, ""


def _prepare(env: MutableMapping[str, str], inputs: Inputs) -> Places:
    """Put keys where the command looks for them, go to the workspace, and make a place for results.

    Raises:
        UsageError: there is no workspace, or nothing was checked out into it.
    """
    workspace = Path(env.get("GITHUB_WORKSPACE") or "")
    if not env.get("GITHUB_WORKSPACE") or not workspace.is_dir() or not any(workspace.iterdir()):
        raise UsageError("the workspace is empty: use actions/checkout (with fetch-depth: 0) before this action")
    given = {"OPENAI_API_KEY": inputs.openai_api_key, "ANTHROPIC_API_KEY": inputs.anthropic_api_key}
    for name in [n for n in env if n.startswith("INPUT_")]:
        del env[name]
    for name in _KEYS:
        # Only what spends gets a model key.
        if inputs.command not in SPENDING:
            env.pop(name, None)
        elif given[name]:
            env[name] = given[name]
    if inputs.github_token:
        env["GITHUB_TOKEN"] = inputs.github_token
    folder = Path(env.get("RUNNER_TEMP") or workspace / ".skillopt") / _FOLDER
    env.setdefault(LEDGER_VARIABLE, str(folder / "ledger" / "ledger.sqlite"))
    _trust(env, workspace)
    places = Places(folder=folder / inputs.command, command=inputs.command)
    shutil.rmtree(places.folder, ignore_errors=True)
    places.folder.mkdir(parents=True)
    os.chdir(workspace)
    return places


def _trust(env: MutableMapping[str, str], workspace: Path) -> None:
    """In a container the workspace belongs to another user, and git would refuse to read it."""
    count = int(env.get("GIT_CONFIG_COUNT") or 0)
    env["GIT_CONFIG_COUNT"] = str(count + 1)
    env[f"GIT_CONFIG_KEY_{count}"] = "safe.directory"
    env[f"GIT_CONFIG_VALUE_{count}"] = str(workspace)


def _carry_out(world: World, inputs: Inputs, context: EventContext, places: Places) -> tuple[Json, int]:
    """Run the command, for `pr` once for every run folder; returns the result and the exit code."""
    refs = Refs()
    if inputs.command == "gate":
        refs = _with_head(gate_refs(inputs, context), inputs, context)
    options, folders = run_folders(inputs.args) if inputs.command == "pr" else (list(inputs.args), [])
    value: Json = {}
    code = 0
    for positional in [[folder] for folder in folders] or [[]]:
        line = command_line(replace(inputs, args=(*options, *positional)), context, refs, places)
        with no_commands(world.write):
            ended, said = world.call(line)
        found: Json = {"reason": UsageError.reason, "message": said} if said else _result(places.json)
        # Of several pull requests the outputs name one that exists, and the job fails when any of them failed.
        value = found if ended or not value.get("url") else value
        code = code or ended
    return value, code


def _with_head(refs: Refs, inputs: Inputs, context: EventContext) -> Refs:
    """Make sure that the commit to judge is in the clone.

    Raises:
        GitError: it cannot be fetched, or a dispatch names a commit that is no longer the pull request's head.
    """
    if refs.pull is None:
        return refs
    from skillopt_ci.forge.fetch import fetch_pull_head
    from skillopt_ci.forge.git import Git

    git = Git.discover(Path.cwd())
    if git is None:
        raise UsageError("the workspace is no git repository: use actions/checkout before this action")
    if refs.head and not refs.exact:
        try:
            git.resolve(refs.head)
        except GitError:
            pass  # a fork's commit, or one of a clone that was made for another ref
        else:
            return refs
    now = fetch_pull_head(git, refs.pull, server_url=context.server_url, token=inputs.github_token)
    if refs.exact and refs.head and now != refs.head:
        raise GitError(
            f"pull request {refs.pull} is at {now[:12]} now, and {refs.head[:12]} was to be judged: review the new "
            "head and start this again for it"
        )
    return refs if refs.head else refs._replace(head=now)


def _result(path: Path) -> dict[str, object]:
    """What the command wrote with --json; empty when it wrote nothing, or what is no object."""
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _tell(world: World, files: RunnerFiles, known: tuple[Inputs, EventContext, Places], value: Json, code: int) -> int:
    inputs, context, places = known
    scrub = scrubber(inputs.secrets)
    told = {**dict.fromkeys(OUTPUTS, ""), **outputs(value, code)}
    if not told["pr-number"] and context.pr_number is not None:
        told["pr-number"] = str(context.pr_number)
    if places.command:
        told["report-path"] = str(places.json) if places.json.is_file() else ""
        told["junit-path"] = str(places.junit) if places.junit.is_file() else ""
    try:
        for name in OUTPUTS:
            files.set_output(name, scrub(told[name]))
        files.add_summary(_summary(places) or scrub(fallback_summary(value, inputs.command, code, inputs.config)))
    except SkilloptError as error:
        world.write(f"::error::{one_line(scrub(str(error)))}\n")
        code = code or error.exit_code
    for line in lines(value, inputs.command, code, inputs.config, scrub):
        world.write(line + "\n")
    return code


def _summary(places: Places) -> str:
    """The summary that the command wrote, already free of secrets; empty when it wrote none."""
    try:
        return places.summary.read_text(encoding="utf-8", errors="replace") if places.command else ""
    except OSError:
        return ""


def _ignore_signals() -> None:
    """A cancelled job ends when its results are written."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
