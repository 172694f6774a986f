"""Set-up commands of a task, and what commands in a sandbox have in common."""

from collections.abc import Sequence
from pathlib import Path

from skillopt_ci.errors import CallFailedError
from skillopt_ci.sandbox.base import HOME, TMP, WORK, Command, Finished, Limits, Sandbox

PATH = "/usr/local/bin:/usr/bin:/bin"
_WORDS = 300


def base_environment(view: Path) -> dict[str, str]:
    """What every command has in its environment."""
    return {"PATH": PATH, "HOME": str(view / HOME), "TMPDIR": str(view / TMP), "LANG": "C.UTF-8"}


def set_up(sandbox: Sandbox, root: Path, commands: Sequence[str], limits: Limits) -> None:
    """Run the set-up commands of a task in its workspace, without any network.

    Raises:
        CallFailedError: kind `setup`: one of them did not end well.
    """
    for line in commands:
        env = base_environment(sandbox.view(root))
        done = sandbox.run(Command(argv=("sh", "-c", line), root=root, env=env, limits=limits))
        if done.ended == "stopped":
            raise CallFailedError("interrupted", "the run is being stopped")
        if done.ended != "exit" or done.returncode:
            how = f"code {done.returncode}" if done.ended == "exit" else f"a limit ({done.ended})"
            said = last_words(done)
            raise CallFailedError("setup", f"the set-up command {line[:80]!r} ended with {how}{said}")
    work = root / WORK
    if work.is_symlink() or not work.is_dir():  # what is written there next must not go anywhere else
        raise CallFailedError("setup", "the set-up commands took the workspace away")


def last_words(finished: Finished) -> str:
    """What a command said last, for a message; with a colon before it, or empty."""
    said = (finished.stderr.strip() or finished.stdout.strip())[-_WORDS:].decode("utf-8", "replace")
    line = " ".join("".join(c if c.isprintable() else " " for c in said).split())
    return f": {line}" if line else ""
