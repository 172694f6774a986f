"""Peak memory of `eval` over a suite of 20,000 tasks (simulated provider). Bar: 400 MB.

Run: python benchmarks/memory.py
"""

import resource
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from project import write_project

TASKS = 20_000


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        write_project(Path(folder), TASKS, concurrency=8)
        subprocess.run(
            [sys.executable, "-m", "skillopt_ci", "eval", "--quiet"], cwd=folder, check=True, stdout=subprocess.DEVNULL
        )
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"eval of {TASKS} tasks: peak memory {peak:.0f} MB (bar 400)")
    return 0 if peak < 400 else 1


if __name__ == "__main__":
    raise SystemExit(main())
