"""What `plan` says that a run takes, and what `train` then takes.

Calls of target and optimizer together, the closing comparison with them; those of judges are not counted. Suites are
the examples that can be trained in chat, some of them with other settings, and made-up invoices in several sizes, of
which more or fewer tasks pass at the start. The models are simulated: of others nothing is said here.

Every suite is planned and trained twice: as it comes, and after `eval`, which tells how many tasks pass.

Run: python benchmarks/planned.py [--seeds 1-4] [--suites demo,made-40-60] [--to-the-end]
"""

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from click.testing import CliRunner

from skillopt_ci.cli.main import cli

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
NEAR = 0.15  # of the likely calls a run may be off
LARGE = 40  # train tasks from which on a suite is counted with the large ones
OWN = [name for name in os.environ if name.startswith(("SKILLOPT_CI_", "GITHUB_"))]  # of who runs this: kept out
ENDED = "calls of target and optimizer that were planned are left"
SKILL = """---
name: invoice-fields
description: Reads one field of an invoice. Use when somebody asks for something that stands on an invoice.
---

# Invoice fields

- Find the field that the question is about.
"""
LINES = (
    "- Answer with only the value, nothing else.\n",
    "- Write dates as YYYY-MM-DD.\n",
    "- Write amounts as plain numbers with two decimals, then the three-letter currency code.\n",
    "- If the value is not stated, answer `n/a`.\n",
)
# Percent of the tasks that pass at the start, about -> what the skill says.
STARTS = {
    0: SKILL,
    20: SKILL + "- Answer in a short and friendly way.\n",
    60: SKILL + "".join(LINES[:2]),
    85: SKILL + "".join(LINES[:3]),
    100: SKILL + "".join(LINES),
}
DEMO = {"batch_size": 12, "minibatch_size": 4, "edit_budget": {"start": 3, "end": 2, "schedule": "cosine"}}
SHORT = {**DEMO, "epochs": 3, "batch_size": 8}


@dataclass(frozen=True, kw_only=True)
class Project:
    """A suite and how it is trained. `sizes` of the splits and the `start` are those of made-up invoices."""

    name: str
    folder: str = ""
    skill: str = ""
    train: Mapping[str, object] = field(default_factory=dict)
    sizes: tuple[int, int, int] = (0, 0, 0)
    start: int = 0

    def write(self, root: Path, seed: int, over_plan: float | None) -> None:
        """Make the project."""
        if self.folder:
            shutil.copytree(EXAMPLES / self.folder, root, ignore=shutil.ignore_patterns(".skillopt", "__pycache__"))
            config = yaml.safe_load((root / "skillopt.yml").read_text(encoding="utf-8"))
        else:
            config = self._invoices(root)
        config.pop("budget", None)  # a budget of calls governs alone
        config["concurrency"] = 1
        config["train"] = {**config.get("train", {}), **self.train, "seed": seed, "over_plan": over_plan}
        (root / "skillopt.yml").write_text(json.dumps(config), encoding="utf-8")

    def _invoices(self, root: Path) -> dict[str, Any]:
        """Skill and tasks; returns the configuration."""
        sys.path.insert(0, str(EXAMPLES / "demo/evals/invoice-fields"))
        from generate import task  # type: ignore[import-not-found]  # of the demo, in no package

        sys.path.pop(0)
        splits = [split for split, n in zip(("train", "val", "test"), self.sizes, strict=True) for _ in range(n)]
        rows = [{**task(n + 1000), "split": split} for n, split in enumerate(splits)]
        root.mkdir()
        (root / "SKILL.md").write_text(STARTS[self.start], encoding="utf-8")
        (root / "tasks.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        noise = 0.0 if self.start == max(STARTS) else 0.05
        return {
            "version": 1,
            "providers": {"models": {"type": "simulated", "noise": noise}},
            "target": {"provider": "models", "model": "small"},
            "optimizer": {"provider": "models", "model": "large"},
            "skills": [{"path": "SKILL.md", "tasks": ["tasks.jsonl"], "graders": [{"type": "exact"}]}],
        }


def _made(train: int, val: int, test: int, start: int, settings: Mapping[str, object]) -> Project:
    return Project(name=f"made-{train}-{start}", sizes=(train, val, test), start=start, train=settings)


PROJECTS = (
    Project(name="demo", folder="demo"),
    Project(name="demo-2-epochs", folder="demo", train={"epochs": 2}),
    Project(name="demo-6-epochs", folder="demo", train={"epochs": 6}),
    Project(name="demo-batch-10", folder="demo", train={"batch_size": 10}),
    Project(name="demo-unscreened", folder="demo", train={"screen": {"runs": 0}}),
    Project(name="demo-no-memory", folder="demo", train={"slow_update": False, "meta_notes": False}),
    Project(name="demo-strict", folder="demo", train={"gate": "strict"}),
    Project(name="chat-qa", folder="chat-qa"),
    Project(name="chat-qa-strict", folder="chat-qa", train={"gate": "strict"}),
    Project(name="docvqa", folder="benchmarks/docvqa"),
    Project(name="officeqa", folder="benchmarks/officeqa"),
    Project(name="searchqa", folder="benchmarks/searchqa"),
    Project(name="spreadsheetbench", folder="benchmarks/spreadsheetbench"),
    Project(name="livemathematicianbench", folder="benchmarks/livemathematicianbench"),
    Project(name="gbrain-analyst", folder="gbrain", skill="thorough-analyst-example"),
    Project(name="gbrain-writer", folder="gbrain", skill="brief-writer-example"),
    _made(6, 10, 10, 0, SHORT),
    _made(6, 8, 12, 60, {}),
    _made(8, 10, 10, 85, DEMO),
    _made(12, 12, 12, 0, {}),
    _made(12, 14, 20, 20, SHORT),
    _made(12, 12, 16, 60, DEMO),
    _made(16, 16, 20, 0, DEMO),
    _made(16, 16, 20, 85, {}),
    _made(18, 18, 24, 100, DEMO),
    _made(20, 24, 30, 20, {}),
    _made(20, 20, 25, 60, SHORT),
    _made(24, 24, 24, 85, DEMO),
    _made(40, 30, 40, 0, {}),
    _made(40, 40, 50, 60, SHORT),
    _made(60, 40, 60, 85, {}),
    _made(90, 60, 80, 20, DEMO),
    _made(90, 50, 60, 60, {}),
    _made(110, 60, 80, 0, SHORT),
    _made(110, 80, 100, 85, DEMO),
    _made(150, 80, 100, 20, {}),
    _made(150, 60, 80, 60, DEMO),
    # Those that follow were not looked at when the figures of `core/expected.py` were set.
    _made(10, 12, 14, 20, {"epochs": 5, "batch_size": 5, "minibatch_size": 5}),
    _made(14, 12, 20, 60, {"epochs": 2, "edit_budget": {"start": 2, "end": 2}}),
    _made(28, 20, 30, 0, {"batch_size": 14, "minibatch_size": 7}),
    _made(32, 30, 40, 85, {"epochs": 3, "batch_size": 16}),
    _made(50, 45, 60, 20, {"batch_size": 25, "epochs": 3}),
    _made(70, 50, 70, 60, {"batch_size": 10, "epochs": 2, "edit_budget": {"start": 6, "end": 6}}),
    _made(80, 40, 50, 0, {}),
    _made(130, 70, 90, 85, {"batch_size": 40, "epochs": 5}),
)


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run beside its plan; `stages` are its calls by what they were for."""

    known: bool
    train_tasks: int
    plan: Mapping[str, Any]
    stages: Mapping[str, int]
    ended: bool

    @property
    def calls(self) -> int:
        """All that are counted."""
        return sum(self.stages.values())

    @property
    def off(self) -> float:
        """By how much it took more than likely, as a part of that."""
        likely: int = self.plan["likely"]
        return self.calls / likely - 1


def told(root: Path, command: str, *args: str) -> dict[str, Any]:
    """What a command of the tool says with --json."""
    place = root.parent / "told.json"
    before = Path.cwd()
    os.chdir(root)
    try:
        done = CliRunner(env=dict.fromkeys(OWN)).invoke(cli, [command, *args, "--quiet", "--json", str(place)])
    finally:
        os.chdir(before)
    if done.exit_code:
        raise SystemExit(f"{command} in {root} failed: {done.stderr}")
    value: dict[str, Any] = json.loads(place.read_text(encoding="utf-8"))
    return value


def taken(project: Project, seed: int, *, known: bool, over_plan: float | None) -> Run:
    """Plan and train; `known`: after an `eval` of the validation tasks."""
    only = ["--skill", project.skill] if project.skill else []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "project"
        project.write(root, seed, over_plan)
        if known:
            told(root, "eval", "--split", "val", *only)
        (row,) = told(root, "plan", *only)["skills"]
        (sizes,) = (s for s in told(root, "check")["skills"] if s["name"] == row["name"])
        (entry,) = told(root, "train", *only)["skills"]
    stages = {cost["stage"]: cost["calls"] for cost in entry["costs"] if cost["stage"] != "judge"}
    return Run(
        known=known,
        train_tasks=sizes["train"],
        plan=row["expected_calls"],
        stages=stages,
        ended=ENDED in entry["stopped"],
    )


def measured(project: Project, seeds: Sequence[int], *, to_the_end: bool) -> Iterator[Run]:
    """The runs of a suite: of each seed one as it comes, and one after `eval`."""
    over_plan = None if to_the_end else NEAR
    for seed in seeds:
        for known in (False, True):
            yield taken(project, seed, known=known, over_plan=over_plan)


def figures(runs: Sequence[Run]) -> str:
    """Likely and end, then what the runs took; likely differs where the ledger knows other tasks."""
    likely = _range([r.plan["likely"] for r in runs])
    ends = [r.plan["ends_at"] for r in runs if r.plan["ends_at"] is not None]
    calls = [r.calls for r in runs]
    end = f", {_range(ends)}" if ends else ""
    return f"{likely}{end} | {statistics.median(calls):.0f} ({_range(calls)})"


def _range(values: Sequence[int]) -> str:
    low, high = min(values), max(values)
    return f"{low}" if low == high else f"{low} to {high}"


def summary(runs: Iterable[Run]) -> str:
    """How many of some runs are near their plan, and how the others miss it."""
    runs = list(runs)
    above, below = sum(r.off > NEAR for r in runs), sum(r.off < -NEAR for r in runs)
    near = len(runs) - above - below
    ended = sum(r.ended for r in runs)
    return f"{near} of {len(runs)} within {NEAR:.0%}; {above} above, {below} below; {ended} ended by their plan"


def numbers(text: str) -> list[int]:
    """Seeds: `3`, or `1-4`."""
    first, _, last = text.partition("-")
    return list(range(int(first), int(last or first) + 1))


def main() -> int:
    parser = argparse.ArgumentParser(description="What plan says that a run takes, and what train then takes.")
    parser.add_argument("--seeds", type=numbers, default=[1, 2, 3, 4], help="for example 1-4")
    parser.add_argument("--suites", default="", help="names with commas between; all without")
    parser.add_argument("--to-the-end", action="store_true", help="runs are not ended by their plan")
    options = parser.parse_args()
    names = [name for name in options.suites.split(",") if name]
    if unknown := set(names) - {p.name for p in PROJECTS}:
        parser.error(f"no suite {', '.join(sorted(unknown))}; there are {', '.join(p.name for p in PROJECTS)}")
    print("| suite (train tasks) | likely, ends at | calls: median (all) | after `eval`: likely, ends at | calls |")
    print("|---|---|---|---|---|")
    runs: list[Run] = []
    for project in PROJECTS:
        if names and project.name not in names:
            continue
        found = list(measured(project, options.seeds, to_the_end=options.to_the_end))
        sides = [figures([r for r in found if r.known == known]) for known in (False, True)]
        print(f"| {project.name} ({found[0].train_tasks}) | {' | '.join(sides)} |", flush=True)
        runs += found
    print()
    for words, large in ((f"{LARGE} train tasks or more", True), ("fewer", False)):
        for known in (False, True):
            chosen = [r for r in runs if r.known == known and (r.train_tasks >= LARGE) == large]
            if chosen:
                print(f"{words}, {'after `eval`' if known else '`plan`'}: {summary(chosen)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
