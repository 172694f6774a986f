"""`--viewer DIR`: runs for the viewer of skill-creator, one folder a skill and target."""

import re
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from skillopt_ci.cli.guard import write_text
from skillopt_ci.cli.work import Work
from skillopt_ci.config.resolve import ResolvedSkill
from skillopt_ci.core.history import TrainResult
from skillopt_ci.core.rollout import Rollout
from skillopt_ci.core.task import Suite, Task
from skillopt_ci.report.viewer import NEW, OLD, Arm, Viewed, viewer_files

Runs = Sequence[Sequence[Rollout]]


def write_view(work: Work, skill: ResolvedSkill, tasks: Sequence[Task], arms: Sequence[tuple[str, Runs]]) -> None:
    """Write the runs of one skill on one target, when --viewer asks for it, as the next iteration in its folder.

    Texts of validation and test tasks are left out unless `report.show_heldout` says that they may be shown.

    Args:
        work: the command.
        skill: with the one target that was measured.
        tasks: that were measured.
        arms: (configuration, per task its runs with trajectories); the one that matters first.

    Raises:
        SkilloptError: the folder cannot be written.
    """
    if work.options.viewer is None:
        return
    shown = work.project.config.report.show_heldout
    viewed = Viewed(
        name=skill.name,
        path=skill.path,
        target=skill.target.label,
        judge=skill.judge.label if skill.judge else "",
        tasks=tuple(tasks),
        arms=tuple(Arm(configuration=name, rows=tuple(map(tuple, rows))) for name, rows in arms),
        shown=shown or all(t.split == "train" for t in tasks),
        when=datetime.fromtimestamp(time.time(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    )
    several = sum(len(s.targets) for s in work.project.skills if s.name == skill.name) > 1
    target = re.sub(r"[^A-Za-z0-9._-]+", "-", skill.target.label).strip(".-")
    folder = work.options.viewer / (f"{viewed.folder}--{target}" if several else viewed.folder)
    numbers = [int(p.name[10:]) for p in folder.glob("iteration-*") if p.name[10:].isascii() and p.name[10:].isdigit()]
    folder /= f"iteration-{max(numbers, default=0) + 1}"
    for name, text in viewer_files(viewed).items():
        write_text(folder / name, work.console.scrub(text))
    work.console.say(f"{skill.name}: runs for skill-creator's viewer are in {folder}")


def by_task(rollouts: Sequence[Rollout], tasks: Sequence[Task]) -> list[list[Rollout]]:
    """Rollouts grouped by task, in the order of the tasks; runs keep theirs."""
    rows: dict[str, list[Rollout]] = {t.id: [] for t in tasks}
    for rollout in rollouts:
        rows[rollout.sample.task_id].append(rollout)
    return list(rows.values())


def unread(rollouts: Sequence[Rollout]) -> list[Rollout]:
    """Rollouts without what was said."""
    return [replace(r, trajectory=None) for r in rollouts]


def view_confirmation(work: Work, skill: ResolvedSkill, suite: Suite, result: TrainResult) -> TrainResult:
    """Write the runs of a closing comparison; the result keeps what was said only where that may be shown."""
    confirmation = result.confirmation
    if confirmation is None or work.options.viewer is None:
        return result
    test, rollouts = suite.of(["test"]), confirmation.rollouts
    write_view(work, skill, test, [(NEW, by_task(rollouts[1::2], test)), (OLD, by_task(rollouts[::2], test))])
    if work.project.config.report.show_heldout:
        return result
    return replace(result, confirmation=replace(confirmation, rollouts=()))
