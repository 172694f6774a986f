"""Write what is made from the reusable workflows: `python scripts/workflows.py`; --check only looks.

- `.github/workflows/reusable-*.yml`: the same bytes, where GitHub looks for them;
- `workflows/skillopt-*.yml`: what `skillopt-ci init` writes, with a commit of zeros;
- `workflows/standalone-*.yml`: the same jobs without a reusable workflow, for keys in an environment and for GitHub
  Enterprise Server.
"""

import re
import sys
from pathlib import Path

from skillopt_ci.cli.workflow_files import REPOSITORY, Action, workflow_files

ROOT = Path(__file__).resolve().parents[1]
KINDS = ("gate", "train", "baseline")
NO_COMMIT = Action(repository=REPOSITORY, sha="0" * 40)
_NOTE = "# One file without a reusable workflow; the model keys are secrets of the environment `skillopt`.\n"


def made() -> dict[str, str]:
    """Path and text of every file that is made."""
    found: dict[str, str] = {}
    for kind in KINDS:
        source = (ROOT / "workflows" / f"reusable-{kind}.yml").read_text(encoding="utf-8")
        caller = workflow_files(NO_COMMIT, "main")[f"skillopt-{kind}.yml"]
        found[f".github/workflows/reusable-{kind}.yml"] = source
        found[f"workflows/skillopt-{kind}.yml"] = caller
        found[f"workflows/standalone-{kind}.yml"] = standalone(caller, source)
    return found


def standalone(caller: str, reusable: str) -> str:
    """The events of a caller with the jobs of the workflow that it calls."""
    head = caller.partition("\njobs:\n")[0].rstrip()
    jobs = re.split(r"\n(?=  (?:# .*\n  )*[a-z-]+:\n    name: )", reusable.partition("\njobs:\n")[2])
    text = "\n".join(_job(job) for job in jobs)
    pin = f"{NO_COMMIT.repository}@{NO_COMMIT.sha} # {NO_COMMIT.version}"
    text = text.replace("uses: $/\n", f"uses: {pin}\n")
    text = re.sub(r"inputs\.app-(client-id|slug)", lambda m: f"vars.SKILLOPT_APP_{_variable(m[1])}", text)
    # A workflow of one's own has no inputs to hand on: what it wants it writes here.
    text = re.sub(r"^ +(?:config|skills|max-usd): \$\{\{ inputs\..*\n", "", text, flags=re.MULTILINE)
    first, _, rest = head.partition("\nname: ")
    return f"{first}\n{_NOTE}name: {rest}\n\njobs:\n{text}"


def _variable(name: str) -> str:
    return name.upper().replace("-", "_")


def _job(text: str) -> str:
    """A job; one that has a model key takes it from the environment `skillopt`."""
    if "secrets.OPENAI_API_KEY" not in text:
        return text
    return re.sub(r"(\n    timeout-minutes: \d+\n)", r"\1    environment: skillopt\n", text, count=1)


def stale() -> list[str]:
    """Files that are not what would be made now."""
    return [
        name
        for name, text in made().items()
        if not (ROOT / name).is_file() or (ROOT / name).read_bytes() != text.encode()
    ]


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        sys.exit("\n".join(f"{name}: run python scripts/workflows.py" for name in stale()) or None)
    for name, text in made().items():
        (ROOT / name).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / name).write_bytes(text.encode())
