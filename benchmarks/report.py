"""Time and size of a page: 40 steps, 1,400 held-out tasks, 20 rejected edits. Fails above 3 s or 3 MB.

Usage: python benchmarks/report.py
"""

import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the sample run of the tests

from skillopt_ci.core.compare import compare
from skillopt_ci.core.history import Confirmation
from skillopt_ci.core.rollout import Evaluation
from skillopt_ci.core.task import Source, Task
from skillopt_ci.report.page.document import document
from skillopt_ci.report.page.from_run import read_page
from skillopt_ci.report.run_folder import RunFolder
from tests.report.page.pages import CONFIG
from tests.report.samples import BEST, SCORE, START, decision, record, result, rollout, step, training

SECONDS, BYTES = 3.0, 3_000_000
STEPS, TASKS, REJECTED, BATCH = 40, 1400, 20, 40


def write(folder: Path) -> None:
    """A run of that size: every step with a batch of trajectories, each of about 1.5 kB."""
    made = []
    for number in range(1, STEPS + 1):
        kept = number % 2
        edits = (record("kept" if kept else "rejected"),)
        one = step(number, "accept" if kept else "reject", decision(0.75), edits)
        rollouts = tuple(_rollout(number, n) for n in range(BATCH))
        made.append(replace(one, rollouts=rollouts))
    assert sum(r.status == "rejected" for s in made for r in s.edits) == REJECTED
    ids = tuple(f"task-{n:04d}" for n in range(TASKS))
    before, after = (tuple((float(n % k == 0), float(n % 5 == 0)) for n in range(TASKS)) for k in (3, 2))
    start = Evaluation(skill=START.digest, task_ids=ids, values=before)
    best = Evaluation(skill=BEST.digest, task_ids=ids, values=after)
    tasks = [Task(id=i, prompt="", source=Source(file="t", line=1)) for i in ids]
    confirmed = Confirmation(start=start, best=best, comparison=compare(start, best, tasks), runs=2)
    place = RunFolder(folder, str)
    place.write_config(CONFIG)
    for one in made:
        place.write_step(one)
    versions = tuple(BEST for s in made if s.action == "accept")
    place.finish(training(result(steps=tuple(made), versions=versions, confirmation=confirmed)), simulated=True)


def _rollout(number: int, n: int):  # type: ignore[no-untyped-def]
    made = rollout(f"train/{number}", SCORE)
    assert made.trajectory is not None
    said = tuple(replace(m, content=m.content + " word" * 150) for m in made.trajectory.messages)
    sample = replace(made.sample, task_id=f"train-{n:03d}")
    return replace(made, sample=sample, trajectory=replace(made.trajectory, messages=said))


def main() -> int:
    """Measure."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "run"
        write(folder)
        began = time.perf_counter()
        page = document(read_page(folder, str))
        seconds = time.perf_counter() - began
    size = len(page.encode("utf-8", "replace"))
    print(f"{STEPS} steps, {TASKS} tasks, {REJECTED} rejected edits:")
    print(f"  {seconds:.2f} s (bar {SECONDS}), {size / 1e6:.2f} MB (bar {BYTES / 1e6})")
    return 1 if seconds > SECONDS or size > BYTES else 0


if __name__ == "__main__":
    raise SystemExit(main())
