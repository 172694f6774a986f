"""Install the agents' command lines that the tests run, at the versions that are pinned here; print where they are.

`python scripts/agents.py` installs what is missing: from npm, native binaries only (750 MB on the disk). They go to
$SKILLOPT_CI_AGENTS, else to the user's cache folder, one folder a version, so that every clone shares them.
"""

import fcntl
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

VARIABLE = "SKILLOPT_CI_AGENTS"


@dataclass(frozen=True)
class Agent:
    """A command line on npm: the package of this platform, and its program in there."""

    name: str
    version: str
    package: str
    spec: str
    program: str

    @property
    def path(self) -> Path:
        """Where its program is, once it is installed."""
        return home() / f"{self.name}-{self.version}" / "node_modules" / self.package / self.program


class NotHereError(Exception):
    """The command lines do not exist here; says why."""


def home() -> Path:
    """The folder that holds them."""
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named).resolve()
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "skillopt-ci" / "agents"


def agents() -> tuple[Agent, Agent]:
    """Claude Code and Codex for this machine. Raises `NotHereError` where no binary exists."""
    cpu = {"x86_64": ("x64", "x86_64"), "aarch64": ("arm64", "aarch64"), "arm64": ("arm64", "aarch64")}
    short, long = cpu.get(platform.machine(), ("", ""))
    if not short or sys.platform not in ("linux", "darwin"):
        raise NotHereError(f"no pinned binaries for {sys.platform} on {platform.machine()}")
    target = f"{long}-unknown-linux-musl" if sys.platform == "linux" else f"{long}-apple-darwin"
    where = f"{sys.platform}-{short}"
    claude, codex = "2.1.329", "0.169.0"
    package = f"@anthropic-ai/claude-code-{where}"
    return (
        Agent("claude-code", claude, package, f"{package}@{claude}", "claude"),
        # The binaries are versions of the main package; npm needs them under the name that it gives them itself.
        Agent(
            "codex",
            codex,
            f"@openai/codex-{where}",
            f"@openai/codex-{where}@npm:@openai/codex@{codex}-{where}",
            f"vendor/{target}/bin/codex",
        ),
    )


def install() -> tuple[Agent, Agent]:
    """Install what is missing, whole or not at all.

    Raises:
        NotHereError: no npm, or no binary for this machine.
        RuntimeError: npm failed; says why.
    """
    found = agents()
    if all(a.path.is_file() for a in found):
        return found
    npm = shutil.which("npm")
    if npm is None:
        raise NotHereError("npm is not installed, so neither are Claude Code and Codex")
    home().mkdir(parents=True, exist_ok=True)
    with (home() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one of several test processes does it
        for agent in found:
            if not agent.path.is_file():
                _install(npm, agent)
    return found


def _install(npm: str, agent: Agent) -> None:
    place = home() / f"{agent.name}-{agent.version}"
    with tempfile.TemporaryDirectory(dir=home()) as folder:
        options = ["--prefix", folder, "--no-audit", "--no-fund", "--ignore-scripts", "--no-save", "--loglevel=error"]
        done = subprocess.run([npm, "install", *options, agent.spec], capture_output=True, text=True, check=False)  # noqa: S603
        made = Path(folder) / agent.path.relative_to(place)
        if done.returncode or not made.is_file():
            raise RuntimeError(f"npm could not install {agent.spec}: {done.stderr.strip()[-500:]}")
        shutil.rmtree(place, ignore_errors=True)
        Path(folder).rename(place)
        Path(folder).mkdir()  # the context manager wants to remove it


if __name__ == "__main__":
    try:
        for installed in install():
            print(installed.name, installed.version, installed.path)  # noqa: T201
    except NotHereError as error:
        sys.exit(f"{error}; tests that need them are skipped")
