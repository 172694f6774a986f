"""How git is started: no shell, no hooks, no prompts, nothing inherited that points it at another repository."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from skillopt_ci.errors import GitError

_TIMEOUT_SECONDS = 300
_OPTIONS = (
    "--no-optional-locks",
    "--no-pager",
    "--literal-pathspecs",
    "-c",
    f"core.hooksPath={os.devnull}",
    "-c",
    "core.fsmonitor=false",
    "-c",  # a folder of files can look like a repository without a .git, and its settings would run commands
    "safe.bareRepository=explicit",
    "-c",
    "core.quotePath=true",
    "-c",
    "core.safecrlf=false",
    "-c",
    "i18n.commitEncoding=utf-8",
    "-c",
    "i18n.logOutputEncoding=utf-8",
    "-c",
    "gc.auto=0",
    "-c",
    "merge.renames=true",
    "-c",
    "merge.directoryRenames=false",
)
# Where a user's own settings are found; every other GIT_* variable could move the repository, its index or objects.
_KEEP = (
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_SYSTEM",
    "GIT_CONFIG_NOSYSTEM",
    "GIT_CONFIG_COUNT",
    "GIT_CONFIG_KEY_",
    "GIT_CONFIG_VALUE_",
    "GIT_CEILING_DIRECTORIES",
    "GIT_EXEC_PATH",
)

_TRUST = "git config --global --add safe.directory "  # what git says of a repository that is another user's


class Refused(GitError):  # noqa: N818  # an answer of git, not always an error
    """git ended with another code than 0; `code`, `stderr` and `stdout` say how."""

    def __init__(self, what: str, code: int, stderr: str, stdout: bytes = b"") -> None:
        self.code = code
        self.stderr = stderr
        self.stdout = stdout
        super().__init__(f"git {what} failed: {_first_line(stderr) or f'exit code {code}'}")


def clean_env(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment git gets: ours without GIT_* (but for where settings are found), plus `extra`."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("GIT_") or k.startswith(_KEEP)}
    env.update({"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C", "LANGUAGE": "", "GIT_NO_REPLACE_OBJECTS": "1"})
    env.update(extra or {})
    return env


def available() -> bool:
    """There is a git on the PATH."""
    return shutil.which("git") is not None


def run_git(root: Path, *args: str, stdin: bytes = b"", env: Mapping[str, str] | None = None, what: str = "") -> bytes:
    """Run git in `root` and return its standard output.

    Args:
        root: where it runs.
        args: command and arguments; text of strangers only after `--` or `--end-of-options`.
        stdin: what it reads.
        env: variables on top of the cleaned environment.

    Raises:
        Refused: git said no.
        GitError: no git, or no answer in time.
    """
    what = args[0]
    try:
        done = subprocess.run(  # noqa: S603  # a list, never a shell
            ["git", *_OPTIONS, *args],  # noqa: S607  # the user's git, from the PATH
            cwd=root,
            input=stdin,
            env=clean_env(env),
            capture_output=True,
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise GitError(f"git {what} gave no answer in {_TIMEOUT_SECONDS} s") from error
    except (OSError, ValueError) as error:  # ValueError: a zero byte in an argument
        raise GitError(f"git {what} could not be started: {error}; is git installed?") from error
    if done.returncode:
        raise Refused(what, done.returncode, done.stderr.decode("utf-8", "replace"), done.stdout)
    return done.stdout


def _first_line(stderr: str) -> str:
    """The line of git's words that tells most: the first fatal or error line, else the first; and its own advice."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    told = [line for line in lines if line.startswith(("fatal:", "error:"))]
    text = (told or lines or [""])[0].removeprefix("fatal: ").removeprefix("error: ")
    advice = [f"; if it is yours: `{line}`" for line in lines if line.startswith(_TRUST)]
    return "".join(c if c.isprintable() else "?" for part in (text, *advice[:1]) for c in part[:300])
