"""The one place where errors become words and exit codes."""

import json
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

import click

from skillopt_ci.cli.console import Console, echo
from skillopt_ci.cli.options import Options
from skillopt_ci.errors import ConfigError, InterruptedRunError, Problem, SkilloptError, UsageError
from skillopt_ci.report.escape import log_json, log_text

STDOUT = Path("-")  # as a place for one result


class UnexpectedError(SkilloptError):
    """A bug of ours."""

    reason = "unexpected"

    @classmethod
    def of(cls, error: Exception) -> "UnexpectedError":
        """What happened, in one line."""
        return cls(f"unexpected error: {type(error).__name__}: {' '.join(str(error).split())[:300]}")


def run(command: str, options: Options, body: Callable[[Console], int]) -> NoReturn:
    """Run a command's body and leave with its exit code, or with that of its error.

    With `--json`, `--junit` and `--html` an error is written there too, so that no stale result of an earlier run is
    left to be believed. A place that cannot be written is told before anything is bought.
    """
    console = Console(quiet=options.quiet, verbose=options.verbose)
    console.data = STDOUT in (options.json, options.junit, options.summary, options.html)
    signal.signal(signal.SIGTERM, _terminated)
    hung_up = getattr(signal, "SIGHUP", None)  # a terminal that is closed; ignored below `nohup`, unknown on Windows
    if hung_up is not None and signal.getsignal(hung_up) == signal.SIG_DFL:
        signal.signal(hung_up, _terminated)
    try:
        _require_folder()
        for place in (options.json, options.junit, options.summary, options.html):
            if place is not None:
                _probe(place)
    except SkilloptError as error:
        console.error(f"error: {error}")
        sys.exit(error.exit_code)
    try:
        code = body(console)
    except KeyboardInterrupt:
        code = _failed(command, options, console, _interrupted())
    except SkilloptError as error:
        code = _failed(command, options, console, error)
    except Exception as error:  # noqa: BLE001 - the one place that may
        code = _unexpected(command, options, console, error)
    sys.exit(code)


def _require_folder() -> None:
    try:
        os.getcwd()  # noqa: PTH109 - only whether there is one
    except FileNotFoundError:
        raise UsageError("the folder that this runs in is gone: go to one that is there") from None


def write_json(path: Path, value: object, scrub: Callable[[str], str]) -> None:
    """Write a result as JSON, whole or not at all. Raises `SkilloptError` when the place cannot be written."""
    text = log_json(value) if is_stream(path) else json.dumps(value, indent=2, ensure_ascii=False)
    write_output(path, scrub(text) + "\n")


def write_output(path: Path, text: str) -> None:
    """Write a file that the user named, as `write_text`; `-` is stdout, `/dev/stdout` and the like are written to.

    Those may be a terminal or the log of a workflow runner: what either obeys is taken out.
    """
    if not is_stream(path):
        write_text(path, text)
        return
    text = log_text(text)
    if path == STDOUT:
        echo(text.rstrip("\n"))
        return
    try:
        path.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise SkilloptError(f"{path}: cannot be written: {error.strerror}") from error


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all. Raises `SkilloptError` when the place cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace", newline="") as file:
                file.write(text)
            Path(name).chmod(0o644)
            Path(name).replace(path)
        finally:
            Path(name).unlink(missing_ok=True)
    except OSError as error:
        raise SkilloptError(f"{path}: cannot be written: {error.strerror}") from error


def _failed(command: str, options: Options, console: Console, error: SkilloptError) -> int:
    if isinstance(error, ConfigError) and error.problems:
        console.problems(error.problems)
    else:
        console.error(f"error: {error}")
    _leave_files(command, options, console, error)
    return error.exit_code


def _unexpected(command: str, options: Options, console: Console, error: Exception) -> int:
    """One line and a report file: a traceback helps us and nobody else."""
    text = console.scrub("".join(traceback.format_exception(error)))
    bug = UnexpectedError.of(error)
    if options.debug:
        console.error(text)
    else:
        report = Path(tempfile.gettempdir()) / f"skillopt-ci-error-{os.getpid()}.txt"
        write_text(report, text)
        console.error(f"{bug}; this is a bug: please report it with {report}")
    _leave_files(command, options, console, bug)
    return bug.exit_code


def _leave_files(command: str, options: Options, console: Console, error: SkilloptError) -> None:
    """The error as the command's result, for machines."""
    message = str(error)
    try:
        if options.json is not None:
            from skillopt_ci.report.jsonout import error_json

            spent = console.spent() if console.spent else None
            value = error_json(command, exit_code=error.exit_code, reason=error.reason, message=message, spent=spent)
            if isinstance(error, ConfigError) and error.problems:
                value["problems"] = [problem_json(p) for p in error.problems]
            write_json(options.json, value, console.scrub)
        if options.junit is not None:
            from skillopt_ci.report.junit import Case, junit

            case = Case(id=command, classname="skillopt-ci", status="error", message=message)
            text = junit(f"skillopt-ci {command}", [case], {"verdict": "none", "reason": error.reason})
            write_output(options.junit, console.scrub(text))
        if options.html is not None:
            from skillopt_ci.report.page.document import error_page

            write_output(options.html, error_page(f"skillopt-ci {command}", console.scrub(message)))
    except SkilloptError as second:
        console.error(f"error: {second}")


def leave_usage_error(name: str, command: click.Command, words: Sequence[str], message: str) -> None:
    """Write what click refuses as `run` writes an error, to the places that its words name all the same."""
    read = command.make_context(
        name, list(words), resilient_parsing=True, ignore_unknown_options=True, allow_extra_args=True
    ).params
    places = {option: read[option] for option in ("json", "junit", "html") if read.get(option) is not None}
    _leave_files(name, Options(**places), Console(), UsageError(message))


def problem_json(problem: Problem) -> dict[str, object]:
    """A problem for `--json`; line and column 0 mean the file as a whole."""
    return {
        "file": problem.file,
        "line": problem.line,
        "column": problem.column,
        "warning": problem.warning,
        "message": problem.message,
    }


def is_stream(path: Path) -> bool:
    """Not a file, nor the place for one: `-`, a device or a pipe."""
    # Those of `os.path` say no, where those of `Path` raise: at a name that is too long, or a folder not to be entered.
    there = os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path)  # noqa: PTH110, PTH112, PTH113
    return path == STDOUT or path.parent == Path("/dev") or there


def _probe(path: Path) -> None:
    """Make sure that a file can be written at a place. Raises `SkilloptError` when it cannot."""
    try:
        if path.is_dir():
            raise SkilloptError(f"{path}: cannot be written: is a folder")
        if is_stream(path):
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise SkilloptError(f"{path}: cannot be written: {error.strerror}") from error


def _interrupted() -> InterruptedRunError:
    return InterruptedRunError("interrupted; what was bought is in the ledger, and the same command continues")


def _terminated(_signal: int, _frame: FrameType | None) -> None:
    """A cancelled job is an interruption like Ctrl-C: what is in flight is recorded first."""
    raise KeyboardInterrupt
