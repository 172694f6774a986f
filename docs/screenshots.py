"""Write the README's pictures: pages of the demo's run in headless Chromium. Where there is no Chromium it says so.

Usage: python docs/screenshots.py [RUN_OF_THE_DEMO]    (a folder that examples/demo/run.py made; else a new run)
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path.insert(0, str(ROOT))

from scripts.browser import NotHereError, browser  # noqa: E402 - found by the line before

MOST_BYTES = 200_000


def shots(folder: Path) -> list[dict[str, object]]:
    """What to photograph: the pages of a training and of the gate that blocks the broken skill."""
    (train,) = (folder / ".skillopt/runs").glob("*/report.html")
    gate = folder / ".skillopt/gate.html"
    words = [sys.executable, "-m", "skillopt_ci", "gate", "--base", "main", "--quiet", "--html", str(gate)]
    subprocess.run(words, cwd=folder, stdout=subprocess.DEVNULL, check=False)
    desk = {"width": 1100, "height": 900, "scheme": "light"}
    return [
        {"path": str(train), "shots": [
            {**desk, "file": str(HERE / "images/training.png")},
            {"width": 1100, "height": 700, "scheme": "dark", "at": "#s1-steps", "file": str(HERE / "images/steps.png")},
        ]},
        {"path": str(gate), "shots": [{**desk, "file": str(HERE / "images/gate.png")}]},
    ]  # fmt: skip


def main() -> int:
    """Write them."""
    try:
        found = browser()
    except NotHereError as error:
        print(f"no screenshots: {error}")
        return 0
    (HERE / "images").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(temporary) / "demo"
        if len(sys.argv) == 1:
            command = [sys.executable, str(ROOT / "examples/demo/run.py"), str(folder)]
            subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        job = {"modules": str(found.modules), "chromium": found.chromium, "axe": False, "pages": shots(folder)}
        look = [found.node, str(ROOT / "tests/browser/look.mjs")]
        subprocess.run(look, input=json.dumps(job), encoding="utf-8", stdout=subprocess.DEVNULL, check=True)
    large = [p.name for p in (HERE / "images").glob("*.png") if p.stat().st_size > MOST_BYTES]
    print(f"docs/images written{': too large: ' + ', '.join(large) if large else ''}")
    return 1 if large else 0


if __name__ == "__main__":
    raise SystemExit(main())
