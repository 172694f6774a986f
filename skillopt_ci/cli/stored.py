"""What the ledger knows of a skill as it is, for commands that buy nothing and need no ledger."""

import math
import os
from collections.abc import Sequence

from skillopt_ci.cli.project import Project
from skillopt_ci.cli.work import ledger_path
from skillopt_ci.config.access import secret_values
from skillopt_ci.config.resolve import ResolvedSkill
from skillopt_ci.core.rollout import Rollout
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.task import Task
from skillopt_ci.core.trajectory import Usage
from skillopt_ci.engine.stored_verdicts import Verdicts, stored_verdicts
from skillopt_ci.errors import ConfigError, LedgerError
from skillopt_ci.ledger import ROLES, Ledger, Role
from skillopt_ci.pool import Pool
from skillopt_ci.providers.stored import Replays
from skillopt_ci.report.escape import scrubber
from skillopt_ci.wiring import Workshop

# Of other harnesses the stored runs are not looked up: for their keys a program that the configuration names would run.
_QUIET = ("chat", "claude-code", "codex")

JUDGE = "judge"  # the stream of its calls
MOST_RUNS = 5  # earlier runs that are looked at


class _Silence:
    """Progress that nobody watches."""

    def begin(self, what: str, count: int, /) -> None:
        """Say nothing."""

    def advance(self, rollout: Rollout, /) -> None:
        """Say nothing."""


def verdicts_by_ledger(
    project: Project,
    targets: Sequence[ResolvedSkill],
    measured: Skill,
    tasks: Sequence[Task],
    *,
    replicas: Sequence[str] = (),
) -> list[Verdicts]:
    """Verdicts on each target, as far as there is a ledger that can be read; `replicas` name trainings to look into."""
    path = ledger_path(project.root)
    if not path.is_file() or not tasks or any(one.harness not in _QUIET for one in targets):
        return []
    found: list[Verdicts] = []
    try:
        with Ledger(path, replay_only=True) as ledger:
            streams = ledger.streams()
            clean = scrubber(secret_values(project.config, os.environ))
            confined = project.config.sandbox == "auto"
            workshop = Workshop(ledger=ledger, pool=Pool(1), confined=confined, clean=clean)
            for one in targets:
                lab = workshop.stored_lab(one, _Silence(), until=math.inf, replays=Replays(), scripts=False)
                found.append(stored_verdicts(lab, measured, tasks, streams, replicas=replicas))
    except (ConfigError, LedgerError):  # the skill has problems of its own, told elsewhere; a ledger is no duty
        return found
    return found


def sizes_by_ledger(project: Project, *, agents: bool) -> dict[Role, dict[str, tuple[int, Usage]]]:
    """By role and model what answers took, see `Ledger.sizes`; nothing without a ledger that can be read."""
    path = ledger_path(project.root)
    if not path.is_file():
        return {}
    try:
        with Ledger(path, replay_only=True) as ledger:
            return {role: ledger.sizes(role, agents=agents) for role in ROLES}
    except LedgerError:
        return {}


def calls_by_ledger(project: Project, settings: str) -> list[int]:
    """Calls of target and optimizer that earlier runs of these settings bought until their end, oldest first."""
    path = ledger_path(project.root)
    if not path.is_file():
        return []
    try:
        with Ledger(path, replay_only=True) as ledger:
            last = {e.run: e for e in ledger.run_events()}
            runs = [run for run, e in last.items() if e.event == "finished" and e.detail.get("settings") == settings]
            spends = [ledger.spend_by_stream(run) for run in runs[-MOST_RUNS:]]
    except LedgerError:
        return []
    return [sum(spend.calls for stream, spend in streams.items() if stream != JUDGE) for streams in spends]
