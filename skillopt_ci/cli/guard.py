"""The one place where errors become words and exit codes."""

import json
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import NoReturn

from skillopt_ci.cli.console import Console
from skillopt_ci.cli.options import Options
from skillopt_ci.errors import ConfigError, InterruptedRunError, SkilloptError

UNEXPECTED = 2


def run(command: str, options: Options, body: Callable[[Console], int]) -> NoReturn:
    """Run a command's body and leave with its exit code, or with that of its error.

    With `--json` an error is written there too, so that no stale result of an earlier run is left to be believed.
    """
    console = Console(quiet=options.quiet, verbose=options.verbose)
    signal.signal(signal.SIGTERM, _terminated)
    try:
        code = body(console)
    except KeyboardInterrupt:
        code = _failed(command, options, console, _interrupted())
    except SkilloptError as error:
        code = _failed(command, options, console, error)
    except BrokenPipeError:  # `| head`: nobody reads the rest
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception as error:  # noqa: BLE001 - the one place that may
        code = _unexpected(command, options, console, error)
    sys.exit(code)


def write_json(path: Path, value: object, scrub: Callable[[str], str]) -> None:
    """Write a result as JSON, whole or not at all. Raises `SkilloptError` when the place cannot be written."""
    write_text(path, scrub(json.dumps(value, indent=2, ensure_ascii=False)) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all. Raises `SkilloptError` when the place cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except OSError as error:
        raise SkilloptError(f"{path}: cannot be written: {error.strerror}") from error


def _failed(command: str, options: Options, console: Console, error: SkilloptError) -> int:
    if isinstance(error, ConfigError) and error.problems:
        console.problems(error.problems)
    else:
        console.error(f"error: {error}")
    _leave_json(command, options, console, error.reason, error.exit_code, str(error))
    return error.exit_code


def _unexpected(command: str, options: Options, console: Console, error: Exception) -> int:
    """One line and a report file: a traceback helps us and nobody else."""
    text = console.scrub("".join(traceback.format_exception(error)))
    first = f"unexpected error: {type(error).__name__}: {' '.join(str(error).split())[:300]}"
    if options.debug:
        console.error(text)
    else:
        report = Path(tempfile.gettempdir()) / f"skillopt-ci-error-{os.getpid()}.txt"
        write_text(report, text)
        console.error(f"{first}; this is a bug: please report it with {report}")
    _leave_json(command, options, console, "unexpected", UNEXPECTED, first)
    return UNEXPECTED


def _leave_json(command: str, options: Options, console: Console, reason: str, code: int, message: str) -> None:
    if options.json is None:
        return
    from skillopt_ci.report.jsonout import error_json

    value = error_json(command, exit_code=code, reason=reason, message=message)
    try:
        write_json(options.json, value, console.scrub)
    except SkilloptError as error:
        console.error(f"error: {error}")


def _interrupted() -> InterruptedRunError:
    return InterruptedRunError("interrupted; what was bought is in the ledger, and the same command continues")


def _terminated(_signal: int, _frame: FrameType | None) -> None:
    """A cancelled job is an interruption like Ctrl-C: what is in flight is recorded first."""
    raise KeyboardInterrupt
