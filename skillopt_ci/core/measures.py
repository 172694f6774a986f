"""What the runs of a failed task are read by: its score, or one by one the checks that failed in it.

An edit that mends one of five checks moves the score by a fifth, which is lost in the luck of the other four; of that
check alone it is as plain as in a task that is right or wrong.
"""

from dataclasses import dataclass

from skillopt_ci.core.rollout import Score

# Checks of one task that are read one by one, in the order of its graders. Each costs as much time as a task of its own
# (`attribution`): with 14 edits for six tasks, 20 took three times as long as 8, and half a minute; 40, over a minute.
MOST = 20


@dataclass(frozen=True, slots=True)
class Measure:
    """One thing that a run of a task is read by: a check, by its text, or the score where that is None."""

    task: str
    check: str | None = None

    def of(self, score: Score) -> float:
        """What a run shows, in [0, 1]. One whose checks are others, as when nothing was answered, shows its score."""
        said = [c.passed for c in score.checks if c.text == self.check]
        return float(all(said)) if said else score.value


def measures(task: str, failed: Score) -> tuple[Measure, ...]:
    """What a task is read by that came out like this when it failed."""
    if len(failed.checks) == 1:
        return (Measure(task),)
    found = dict.fromkeys(c.text for c in failed.checks if not c.passed)
    return tuple(Measure(task, text) for text in found)[:MOST] or (Measure(task),)
