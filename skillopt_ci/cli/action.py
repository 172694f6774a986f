"""The action's entry module, `python -m skillopt_ci.cli.action`: inputs and event in, one command, results out.

It is started outside of the checkout with `python -I`, so that no file of a pull request can stand in for a module, and
changes into the workspace only then. Whatever happens, outputs, annotations and summary are written before it fails.
"""

import os
import signal
import sys
import traceback
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click

from skillopt_ci.actions.commands import masks, no_commands
from skillopt_ci.actions.context import EventContext, read_context
from skillopt_ci.actions.outputs import RunnerFiles
from skillopt_ci.cli.action_inputs import (
    Inputs,
    Places,
    Refs,
    command_line,
    gate_refs,
    read_inputs,
    remembering,
    require_allowed,
    run_folders,
)
from skillopt_ci.cli.action_results import CHANGED, OUTPUTS, fallback_summary, lines, outputs
from skillopt_ci.cli.action_setup import bring_state, find_run, keep_runs, prepare, with_head
from skillopt_ci.cli.guard import UnexpectedError, write_json
from skillopt_ci.core.json_values import parsed_object
from skillopt_ci.errors import InterruptedRunError, SkilloptError, UsageError
from skillopt_ci.report.escape import one_line, scrubber, visible

Json = Mapping[str, object]


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
        places = prepare(world.env, inputs)
        value, code = _carry_out(world, inputs, context, places)
    except SkilloptError as error:
        value, code = _early(error, inputs, places), error.exit_code
    except Exception as error:  # noqa: BLE001 - as in the guard: outputs and results are written whatever happens
        _trace(world, error, inputs)
        bug = UnexpectedError.of(error)
        value, code = _early(bug, inputs, places), bug.exit_code
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


def _carry_out(world: World, inputs: Inputs, context: EventContext, places: Places) -> tuple[Json, int]:
    """Run the command; returns the result and the exit code."""
    refs = Refs()
    if inputs.command == "gate":
        refs = with_head(gate_refs(inputs, context), inputs, context)
    scrub = scrubber(inputs.secrets)

    def say(text: str) -> None:
        world.write(f"{one_line(scrub(text), 500)}\n")

    bring_state(places.state, inputs, context, say)
    _remember(world, inputs, places, say)
    if inputs.command == "pr":
        return _publish_runs(world, inputs, context, places)
    value, code = _call(world, command_line(inputs, context, refs, places), places)
    if inputs.command == "train":
        keep_runs(places, outputs(value, code)["run-dir"])
        _remember(world, inputs, places, say)
    return value, code


def _publish_runs(world: World, inputs: Inputs, context: EventContext, places: Places) -> tuple[Json, int]:
    """Run `pr` once for every run folder.

    The result tells the first failure, else the first pull request; its address and number are those of one that
    exists, also beside a failure.
    """
    options, folders = run_folders(inputs.args)
    ended: list[tuple[Json, int]] = []
    for positional in [[find_run(places, folder)] for folder in folders] or [[]]:
        line = command_line(replace(inputs, args=(*options, *positional)), context, Refs(), places)
        ended.append(_call(world, line, places))
        if ended[-1][1] == InterruptedRunError.exit_code:
            break
    there = next((value for value, _ in ended if value.get("url")), {})
    told, code = next((one for one in ended if one[1]), (there or ended[-1][0], 0))
    numbers = [value["number"] for value, _ in ended if value.get("action") in CHANGED]
    named = {key: there[key] for key in ("url", "number") if key in there}
    return {**told, **named, "numbers": numbers}, code


def _call(world: World, line: Sequence[str], places: Places) -> tuple[Json, int]:
    """Run one command; its result, or what is wrong with its arguments, and its exit code."""
    places.json.unlink(missing_ok=True)  # of the call before
    with no_commands(world.write):
        code, said = world.call(line)
    return ({"reason": UsageError.reason, "message": said} if said else _result(places.json)), code


def _remember(world: World, inputs: Inputs, places: Places, say: Callable[[str], None]) -> None:
    """Before and after a training; it is nice to have, so a failure is only told."""
    if inputs.command != "train" or not inputs.github_token:
        return
    with no_commands(world.write):
        code, _ = world.call(remembering(inputs, places))
    if code:
        say("what reviewers and earlier runs rejected could not be brought up to date; the lines above say why")


def _trace(world: World, error: Exception, inputs: Inputs) -> None:
    """The traceback into the log, for a report of the bug: files outside of the results are gone with the job."""
    text = visible(scrubber(inputs.secrets)("".join(traceback.format_exception(error))))
    with no_commands(world.write):
        world.write(text)


def _early(error: SkilloptError, inputs: Inputs, places: Places) -> Json:
    """The result of what ended before the command began, also as a file: the job that publishes tells it."""
    from skillopt_ci.report.jsonout import error_json

    scrub = scrubber(inputs.secrets)
    value = error_json(inputs.command, exit_code=error.exit_code, reason=error.reason, message=scrub(str(error)))
    if places.command:
        write_json(places.json, value, scrub)
    return value


def _result(path: Path) -> dict[str, object]:
    """What the command wrote with --json; empty when it wrote nothing, or what is no object."""
    try:
        return parsed_object(path.read_bytes()) or {}
    except OSError:
        return {}


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
