"""What a rollout of a real agent costs beyond the bare call of its command line: wall and CPU time. Bar: 15%.

Both sides are the same call of the same binary on the same task (two model calls and one shell command, the model a
loopback server that takes 1 s an answer, little for a real one): bare is a subprocess with a home and settings of its
own; ours goes through lab, workspace, sandbox, gateway and ledger. One after the other, in turn; medians.

Without bubblewrap or npm nothing is measured, which is said, and no failure.

Run: python benchmarks/agents.py [rollouts]
"""

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from scripts.agents import NotHereError, install
from skillopt_ci.harnesses.agent import STATE, Scene
from skillopt_ci.harnesses.rollout import skill_files
from skillopt_ci.sandbox.base import make_root
from skillopt_ci.sandbox.bubblewrap import preflight
from skillopt_ci.sandbox.workspace import lay_out
from tests.agents.models import playing, says
from tests.agents.world import KEY, MODELS, make, shell, skill, task, world

DELAY, BAR = 1.0, 0.15


def cpu() -> float:
    """Seconds of this process and of those that ended below it."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(used.ru_utime + used.ru_stime for used in both)


def timed(run: Callable[[], object]) -> tuple[float, float]:
    """Wall and CPU seconds."""
    wall, used = time.perf_counter(), cpu()
    run()
    return time.perf_counter() - wall, cpu() - used


def bare(name: str, url: str) -> None:
    """The same call without us."""
    agent = make(name)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        root = make_root(Path(folder))
        (root / STATE).mkdir()
        lay_out(root, skill_files(skill(), agent.skills_folder))
        scene = Scene(
            root=root, view=root, prompt=task().prompt, model=MODELS[name], url=url, token=KEY, skills=(skill(),)
        )
        call = agent.invocation(scene)
        # No sandbox on this side, neither ours nor Codex's own.
        argv = ["danger-full-access" if word == "workspace-write" else word for word in call.argv]
        env = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": str(root / "home"),
            "TMPDIR": str(root / "tmp"),
            **call.env,
        }
        subprocess.run(argv, cwd=root / "work", env=env, input=call.stdin, capture_output=True, check=True)


def _not_here() -> str:
    """Why there is nothing to measure on this machine; empty when there is."""
    try:
        install()
    except NotHereError as error:
        return str(error)
    return preflight()


def main(count: int) -> int:
    """Measure both agents; 1 when a bar is missed."""
    why = _not_here()
    if why:
        print(f"agents: not measured: {why}")
        return 0
    missed = False
    for name in ("claude-code", "codex"):
        turns = [replace(turn, delay=DELAY) for turn in (shell(name, "date > out.txt"), says("done"))]
        with world(name, playing(*turns)) as at:
            at.run(task(), n=count)
            bare(name, at.server.url)  # both warm
            ours, theirs = [], []
            for n in range(count):
                theirs.append(timed(partial(bare, name, at.server.url)))
                ours.append(timed(partial(at.run, task(), n=n)))
        for which, label in enumerate(("wall", "CPU")):
            one, other = (statistics.median(pair[which] for pair in side) for side in (theirs, ours))
            share = other / one - 1
            missed |= share > BAR
            print(f"{name} {label}: bare {one:.3f} s, ours {other:.3f} s, {100 * share:+.1f}% (bar {100 * BAR:.0f}%)")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 7))
