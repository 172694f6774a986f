"""What a rollout costs beyond the model call.

1. Latency 100 ms: wall time of `skillopt-ci eval` with 400 rollouts at concurrency 32, against the ideal
   400/32 x 100 ms, start-up (the same command with one task) taken off. Bar: 1.25.
2. Latency 0: wall time per rollout, against a bare loop over the same SDK client with as many threads, in one
   process one after the other, five times in turn; the median of the ratios. Bar: 2.

Run: python benchmarks/overhead.py
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from project import write_project
from server import running

ROLLOUTS, THREADS, DELAY = 400, 32, 0.1


def command_seconds(url: str, tasks: int) -> float:
    """Wall time of one `eval` process."""
    with tempfile.TemporaryDirectory() as folder:
        write_project(Path(folder), tasks, url=url, concurrency=THREADS)
        began = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "skillopt_ci", "eval", "--quiet"], cwd=folder, check=True, stdout=subprocess.DEVNULL
        )
        return time.perf_counter() - began


def ours(url: str) -> float:
    """Seconds for the rollouts through lab, harness, ledger and grader."""
    from skillopt_ci.cli.console import Console
    from skillopt_ci.cli.options import Options
    from skillopt_ci.cli.project import read_project, read_skill, read_suite
    from skillopt_ci.cli.work import at_work
    from skillopt_ci.engine.lab import Job
    from skillopt_ci.forge.worktree import WorkTree

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_project(root, ROLLOUTS, url=url, concurrency=THREADS)
        console, options = Console(quiet=True), Options(quiet=True)
        project = read_project(root, WorkTree(root), "skillopt.yml")
        skill = project.skills[0]
        suite = read_suite(console, project.tree, skill, need=("val",))
        with at_work(console, options, project) as work:
            lab = work.workshop.lab(skill, work.progress, run="bench", meters=[work.meter])
            measured = read_skill(project.tree, skill.path, skill.name)
            jobs = [Job(measured, t, lab.sample(t, "val")) for t in suite.of(["val"])]
            lab.roll_out(jobs[:THREADS], what="warm-up")
            began = time.perf_counter()
            lab.roll_out(jobs[THREADS:], what="benchmark")
            return (time.perf_counter() - began) / (len(jobs) - THREADS)


def bare(url: str) -> float:
    """Seconds for the same calls over the SDK client alone."""
    from openai import OpenAI

    client = OpenAI(base_url=url, api_key="none", max_retries=0)
    system = "# Sum\n\n- Answer in one word."

    def call(n: int) -> str | None:
        answer = client.chat.completions.create(
            model="bench",
            messages=[{"role": "system", "content": system}, {"role": "user", "content": f"What is {n} + {n}?"}],
            temperature=1.0,
            max_tokens=2048,
        )
        return answer.choices[0].message.content

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(call, range(THREADS)))
        began = time.perf_counter()
        list(pool.map(call, range(ROLLOUTS - THREADS)))
        seconds = time.perf_counter() - began
    client.close()
    return seconds / (ROLLOUTS - THREADS)


def main() -> int:
    ideal = ROLLOUTS / THREADS * DELAY
    with running(DELAY) as url:
        startup = command_seconds(url, 1) - DELAY
        whole = command_seconds(url, ROLLOUTS)
    slowdown = (whole - startup) / ideal
    print(
        f"{ROLLOUTS} rollouts, {THREADS} at once, {1000 * DELAY:.0f} ms each: {whole:.2f} s, start-up {startup:.2f} s"
    )
    print(f"  {slowdown:.2f} times the ideal {ideal:.2f} s (bar 1.25)")
    pairs = []
    with running(0) as url:
        for _ in range(5):
            pairs.append((ours(url), bare(url)))
    ratio = statistics.median(a / b for a, b in pairs)
    mine, theirs = (statistics.median(p[i] for p in pairs) for i in (0, 1))
    print(f"no latency: {1000 * mine:.2f} ms a rollout, bare SDK loop {1000 * theirs:.2f} ms")
    print(f"  {ratio:.2f} times the bare loop (bar 2)")
    return 0 if slowdown <= 1.25 and ratio <= 2 else 1


if __name__ == "__main__":
    os.environ.pop("OPENAI_BASE_URL", None)
    raise SystemExit(main())
