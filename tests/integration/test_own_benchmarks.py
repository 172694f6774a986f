"""The benchmarks of training run, so that their figures can be repeated; the figures themselves are not judged here."""

import re
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "benchmarks"


def said(name: str, *options: str) -> str:
    command = [sys.executable, str(FOLDER / name), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_plan_says_and_a_run_takes_is_measured() -> None:
    table = said("planned.py", "--seeds", "1-2", "--suites", "made-6-60")
    row = re.search(r"^\| made-6-60 \(6\) \| (\d+), (\d+) \| (\d+) ", table, re.MULTILINE)
    assert row is not None
    likely, end, taken = map(int, row.groups())
    assert 0 < likely < end
    assert 0 < taken <= end
    assert re.search(r"^fewer, `plan`: [0-2] of 2 within 15%", table, re.MULTILINE)


def test_what_a_skill_is_worth_after_training_is_measured() -> None:
    row = said("training.py", "--seeds", "1-1", "--worlds", "latent-0", "--arms", "default")
    found = re.match(r"latent-0 +default +([\d.]+) \+- 0\.0 of 100 \| right +([\d.]+) harmful [\d.]+ useless", row)
    assert found is not None, row
    assert 0 <= float(found[1]) <= 100
    rollouts = re.search(r"rollouts (\d+), optimizer", row)
    assert rollouts is not None
    assert 40 <= int(rollouts[1]) <= 800  # validation of the start at least, the budget at most
