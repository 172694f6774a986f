"""Start-up: `skillopt-ci --help` against `python -c pass`, what it imports, and `check` of 1,000 tasks (bar: 1 s).

Run: python benchmarks/startup.py
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from project import write_project

RUNS = 15
HEAVY = ("openai", "anthropic", "github", "pydantic", "rich", "jsonschema", "genai_prices", "yaml")


def seconds(*args: str, cwd: str | None = None) -> float:
    """Wall time of one Python process."""
    began = time.perf_counter()
    subprocess.run([sys.executable, *args], cwd=cwd, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def main() -> int:
    pairs = [(seconds("-m", "skillopt_ci", "--help"), seconds("-c", "pass")) for _ in range(RUNS)]
    ratio = statistics.median(a / b for a, b in pairs)
    help_ms, pass_ms = (1000 * statistics.median(p[i] for p in pairs) for i in (0, 1))
    print(f"skillopt-ci --help: {help_ms:.0f} ms; python -c pass: {pass_ms:.0f} ms; {ratio:.1f} times (bar 8)")
    code = (
        "import sys\nfrom skillopt_ci.cli.main import cli\n"
        "try:\n    cli(['--help'], standalone_mode=False)\nexcept SystemExit:\n    pass\n"
        f"print('imported:', *[m for m in {HEAVY!r} if m in sys.modules] or ['none of', *{HEAVY!r}], file=sys.stderr)"
    )
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stderr.strip()
    print(found)
    with tempfile.TemporaryDirectory() as folder:
        write_project(Path(folder), 1000)
        checked = statistics.median(seconds("-m", "skillopt_ci", "check", "--quiet", cwd=folder) for _ in range(5))
    print(f"skillopt-ci check of 1,000 tasks: {checked:.2f} s (bar 1)")
    return 0 if ratio <= 8 and "none of" in found and checked < 1 else 1


if __name__ == "__main__":
    raise SystemExit(main())
