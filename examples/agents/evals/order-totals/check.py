"""Whether total.txt holds the expected total, with two decimals and nothing else. The last line is the score."""

import json
import os
from pathlib import Path

WANTED = json.loads(Path(os.environ["TASK_FILE"]).read_text())["expected"][0]


def verdict(found: str) -> tuple[int, str]:
    """The score, and what the optimizer may know: never the total itself."""
    if found == WANTED:
        return 1, "right"
    near = found.replace(".", "", 1).isdigit() and float(found) == float(WANTED)
    return 0, "the total is right, but not written with two decimals" if near else "the total is wrong"


try:
    score, hint = verdict(Path("total.txt").read_text().strip())
except OSError:
    score, hint = 0, "there is no total.txt"
print(json.dumps({"score": score, "why": f"{hint}; {WANTED} was expected", "hint": hint}))
