"""Small projects for tests of the command line: a skill, tasks that the simulated models can learn, a configuration."""

import json
import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from skillopt_ci.cli.main import cli
from skillopt_ci.core.trajectory import Usage
from skillopt_ci.ledger import Ledger
from skillopt_ci.ledger_records import Entry, Purchase
from tests.forge.repo import Repo

SKILL = """---
name: invoices
description: Reads one field of an invoice. Use when a date or a name on an invoice is asked for.
---

# Invoices

- Find the field that the question is about.
- Answer in a short and friendly way.
"""
GOOD = SKILL + "- Answer with only the value, nothing else.\n- Write dates as YYYY-MM-DD.\n"
CONFIG = "skillopt.yml"
PATH = "skills/invoices/SKILL.md"
TASKS = "evals/invoices/tasks.jsonl"
# Nothing of the machine that runs the tests may decide what a command does.
_UNSET = (
    "OPENAI_API_KEY", "OPENAI_BASE_URL", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "AZURE_OPENAI_API_KEY",
    "GITHUB_STEP_SUMMARY", "GITHUB_TOKEN", "GH_TOKEN", "GITHUB_REPOSITORY", "GITHUB_API_URL", "GITHUB_SERVER_URL",
    "GITHUB_EVENT_NAME", "GITHUB_EVENT_PATH", "GITHUB_RUN_ID", "GITHUB_SHA", "NO_COLOR", "FORCE_COLOR",
    "SKILLOPT_CI_LEDGER", "SKILLOPT_CI_SEAL", "SKILLOPT_CI_LEDGER_KEY", "SKILLOPT_CI_SPEND",
)  # fmt: skip
_MONTHS = ("January", "February", "March", "April", "May", "June")


def task(number: int, split: str) -> dict[str, Any]:
    """One question about an invoice; every second one asks for a date."""
    month, day = number % 6, 1 + number % 27
    name = f"{('Alder', 'Birch', 'Cedar', 'Hazel', 'Maple')[number % 5]} {100 + number} Ltd"
    context = f"Invoice number: INV-{number:04}\nCustomer: {name}\nDue date: {day} {_MONTHS[month]} 2026\nCity: Oslo"
    asked = {"prompt": "What is the due date?", "expected": f"2026-{month + 1:02}-{day:02}"}
    if number % 2:
        asked = {"prompt": "Who is the customer?", "expected": name}
    return {"id": f"t{number:03}", **asked, "context": context, "split": split}


def tasks(train: int = 8, val: int = 10, test: int = 12) -> str:
    """A task file."""
    splits = ["train"] * train + ["val"] * val + ["test"] * test
    return "".join(json.dumps(task(n, split)) + "\n" for n, split in enumerate(splits))


def config(**changes: Any) -> str:
    """A configuration, JSON being YAML; a change replaces a whole top-level key, None removes it."""
    value: dict[str, Any] = {
        "version": 1,
        "providers": {"models": {"type": "simulated", "noise": 0.1}},
        "target": {"provider": "models", "model": "small"},
        "optimizer": {"provider": "models", "model": "large"},
        "concurrency": 4,
        "skills": [{"path": PATH, "tasks": [TASKS], "graders": [{"type": "exact"}]}],
        "train": {
            "epochs": 2,
            "batch_size": 4,
            "minibatch_size": 2,
            "gate": "strict",
            "edit_budget": {"start": 1, "end": 1},
            "over_plan": None,  # to its end, whatever `plan` takes for likely
        },
        **changes,
    }
    return json.dumps({k: v for k, v in value.items() if v is not None}, indent=1)


def write(root: Path, files: Mapping[str, str | bytes]) -> None:
    """Write files below a folder."""
    for name, data in files.items():
        place = root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data.encode() if isinstance(data, str) else data)


def files(skill: str = SKILL, *, sizes: tuple[int, int, int] = (8, 10, 12), **changes: Any) -> dict[str, str | bytes]:
    """The files of a project; `changes` go to `config`."""
    return {
        CONFIG: config(**changes),
        PATH: skill,
        TASKS: tasks(*sizes),
        ".gitignore": ".skillopt/ledger.sqlite*\n.skillopt/runs/\n",
    }


def repository(root: Path, **changes: Any) -> Repo:
    """A project in a repository with one commit on `main`."""
    repo = Repo(root)
    repo("config", "user.name", "A Person")
    repo("config", "user.email", "person@example.org")
    repo.commit(files(**changes))
    return repo


@dataclass(frozen=True)
class Done:
    """A command that ended."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """What it said on stderr."""
        return self.err.splitlines()


def call(root: Path, *args: str, env: Mapping[str, str] | None = None) -> Done:
    """Run a command in this process, in a folder. A traceback is a failed test."""
    before, handlers = Path.cwd(), {n: signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGHUP)}
    os.chdir(root)
    try:
        result = CliRunner().invoke(cli, list(args), env={**dict.fromkeys(_UNSET), **(env or {})})
    finally:
        os.chdir(before)
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert "Traceback" not in result.stderr + result.stdout
    assert "unexpected error" not in result.stderr
    return Done(result.exit_code, result.stdout, result.stderr)


def call_json(root: Path, *args: str, env: Mapping[str, str] | None = None) -> tuple[Done, dict[str, Any]]:
    """Run a command with --json and read what it wrote, outside of the project."""
    place = root.parent / f"{root.name}-result.json"
    place.unlink(missing_ok=True)
    done = call(root, *args, "--json", str(place), env=env)
    value: dict[str, Any] = json.loads(place.read_text(encoding="utf-8"))
    assert value["exit_code"] == done.code
    return done, value


def bytes_of(folder: Path, names: Sequence[str] = ()) -> dict[str, bytes]:
    """Files below a folder by relative path; those named, or all."""
    found = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    return {n: found[n] for n in names} if names else found


def answers(root: Path, model: str, count: int, usage: Usage, *, stream: str = "val", calls: int = 1) -> None:
    """Answers, or rollouts of an agent of so many calls, that somebody bought before."""
    (root / ".skillopt").mkdir(exist_ok=True)
    bought = Purchase(value={}, usage=usage, usd=Decimal(0), served_model=model, calls=calls)
    with Ledger(root / ".skillopt/ledger.sqlite") as ledger:
        for n in range(count):
            entry = Entry(kind="call" if calls == 1 else "rollout", run="r", stream=stream, label="l")
            ledger.once(f"{model} {stream} {n} {calls}", entry, lambda: bought)
