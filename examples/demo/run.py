"""The demo: trains a deficient skill, shows the pull request, then breaks the skill and lets the gate block it.

Needs git and an installed skillopt-ci; no network and no key, as the models are simulated.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

EXAMPLE = Path(__file__).resolve().parent
SKILL = "skills/invoice-fields/SKILL.md"
RESULT = ".skillopt/runs/demo.json"
BAD_IDEA = "- Explain your reasoning step by step before the answer.\n"


class Unexpected(SystemExit):
    """Something is not as the demo promises."""


class Repository:
    """A copy of the example under git."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        ignore = shutil.ignore_patterns(".skillopt", "__pycache__", "run.py")
        shutil.copytree(EXAMPLE, folder, ignore=ignore, dirs_exist_ok=True)
        self.git("init", "-q", "-b", "main")
        self.git("config", "user.name", "Demo")
        self.git("config", "user.email", "demo@example.invalid")
        self.git("config", "commit.gpgsign", "false")
        self.commit("An invoice skill with its tasks")

    def git(self, *words: str) -> None:
        """Run git without showing it."""
        done = subprocess.run(["git", *words], cwd=self.folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Unexpected(f"git {' '.join(words)} failed: {done.stderr.strip() or done.stdout.strip()}")

    def commit(self, message: str) -> None:
        """Commit everything."""
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message)

    def run(self, *words: str, expect: int = 0, lines: int | None = None) -> None:
        """Run skillopt-ci and show it; with `lines`, only the beginning of what it says."""
        say(f"$ skillopt-ci {' '.join(words)}")
        command = [sys.executable, "-m", "skillopt_ci", *words]
        if lines is None:
            code = subprocess.run(command, cwd=self.folder, check=False).returncode
        else:
            done = subprocess.run(
                command,
                cwd=self.folder,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                check=False,
            )
            code = done.returncode
            say(beginning(done.stdout, lines))
        if code != expect:
            raise Unexpected(f"exit code {code}, and {expect} was expected")

    def result(self) -> dict[str, Any]:
        """What the last command wrote with --json."""
        value: dict[str, Any] = json.loads((self.folder / RESULT).read_text(encoding="utf-8"))
        return value

    def gate(self, verdict: str, expect: int) -> None:
        """Run the gate and insist on its verdict."""
        self.run("gate", "--base", "main", "--json", RESULT, expect=expect, lines=14)
        if self.result()["verdict"] != verdict:
            raise Unexpected(f"the gate says '{self.result()['verdict']}', and '{verdict}' was expected")


def beginning(text: str, lines: int) -> str:
    """The first lines of a text, and how many are left out."""
    rows = text.splitlines()
    return "\n".join(rows[:lines]) + (f"\n[... {len(rows) - lines} more lines]" if len(rows) > lines else "")


def say(text: str) -> None:
    """Print at once, so that the order is right beside the commands' own output."""
    print(text, flush=True)


def title(text: str) -> None:
    """A heading of the demo."""
    say(f"\n=== {text}\n")


def demo(repository: Repository) -> None:
    """The whole story."""
    skill = repository.folder / SKILL
    title("A repository with a skill and tasks that measure it")
    say(skill.read_text(encoding="utf-8"))
    repository.run("check")

    title("Measure it as it is: later gates compare with these runs (in CI: on every push to the default branch)")
    repository.run("baseline", "--quiet", lines=7)

    title("Train it")
    repository.run("train", "--json", RESULT, lines=40)
    trained = repository.result()["skills"][0]
    before, after = (trained["test"][side]["mean"] for side in ("start", "best"))
    if not (repository.result()["proposal"] and after > before):
        raise Unexpected("the training shows no improvement")
    repository.run("report", lines=8)

    title("The pull request that would be opened")
    repository.run("pr", "--dry-run", lines=10)
    written = repository.folder / trained["run_dir"] / "pull_request"
    say(beginning((written / "title.txt").read_text(encoding="utf-8"), 1))
    say(beginning((written / "body.md").read_text(encoding="utf-8"), 24))
    patches = sorted((written / "commits").glob("*.patch"))
    if not patches:
        raise Unexpected("no commits were written")
    repository.git("switch", "-q", "-c", "trained")
    say("$ git am .skillopt/runs/*/pull_request/commits/*.patch")
    repository.git("am", "-q", *(str(p) for p in patches))
    repository.gate("pass", expect=0)

    title("Somebody breaks the skill")
    repository.git("switch", "-q", "main")
    repository.git("merge", "-q", "--ff-only", "trained")
    repository.run("baseline", "--quiet", lines=7)
    repository.git("switch", "-q", "-c", "broken")
    rows = skill.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [row for row in rows if not row.startswith("- ") or not any(w in row for w in ("YYYY", "currency"))]
    skill.write_text("".join(kept).rstrip("\n") + "\n" + BAD_IDEA, encoding="utf-8")
    repository.commit("Explain more")
    say(skill.read_text(encoding="utf-8"))
    repository.gate("regression", expect=1)

    title(f"Done: trained from {100 * before:.0f} to {100 * after:.0f} points, and the regression was blocked (exit 1)")
    say("Simulated models: these figures show that the machinery works, nothing about a real model.")


def main() -> None:
    """Run in the folder named on the command line, or in a temporary one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, help="a new folder; a temporary one when it is left out")
    folder = parser.parse_args().folder
    if folder is not None:
        if folder.exists() and any(folder.iterdir()):
            raise Unexpected(f"{folder} is not empty; name a new folder or remove it first")
        demo(Repository(folder))
        say(f"Look around in {folder}")
    else:
        with tempfile.TemporaryDirectory(prefix="skillopt-demo-") as temporary:
            demo(Repository(Path(temporary)))


if __name__ == "__main__":
    main()
