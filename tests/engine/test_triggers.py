"""Tasks that ask whether the agent chooses the skill, in the lab and in training."""

from dataclasses import replace

from skillopt_ci.core.description import description_of
from skillopt_ci.core.edit import Edit
from skillopt_ci.core.rollout import Failure, Sample, Score
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.task import Task
from skillopt_ci.core.trajectory import Message, StopReason, Trajectory
from skillopt_ci.core.trigger import triggers
from skillopt_ci.engine.lab import Job, Lab
from skillopt_ci.pool import Pool
from tests.engine.bench import Hears, Reader, Scripted, bench, named, run

FRONT = "---\nname: x\ndescription: Reads invoices.\n---\n"
START = Skill(name="x", frontmatter=FRONT, body="# X\n")
GOOD = "Reads invoices. Use when somebody asks about a bill."


class Chooser:
    """A harness: opens the skill when its description has the task's word, and then answers `1`."""

    def __init__(self, stop: StopReason = "stop") -> None:
        self._stop = stop
        self.bodies: list[str] = []

    def run(self, skill: Skill, task: Task, sample: Sample, /) -> Trajectory:
        used = ("x",) if task.prompt.split()[-1] in description_of(skill) else ()
        said = (Message(role="assistant", content="1"),)
        return Trajectory(messages=said, stop_reason=self._stop, served_model="m", skills_used=used)


def asking(count: int, should: bool, word: str) -> tuple[Task, ...]:
    made = named(f"{word}{int(should)}-", count)
    return tuple(replace(t, prompt=f"about a {word}", should_trigger=should, graders=()) for t in made)


def lab(harness: Chooser, judged: str = "both") -> Lab:
    return Lab(harness, lambda task: Reader(), Pool(1), Hears(), "1/1", judged)  # type: ignore[arg-type]


def outcomes(made: Lab, tasks: tuple[Task, ...]) -> list[Score | Failure]:
    return [r.outcome for r in made.roll_out([Job(START, t, made.sample(t, "x")) for t in tasks], what="x")]


def test_tasks_without_graders_are_scored_by_the_choice() -> None:
    tasks = (
        *asking(1, True, "invoices"),
        *asking(1, True, "bill"),
        *asking(1, False, "bill"),
        *asking(1, False, "invoices"),
    )
    assert [o.value for o in outcomes(lab(Chooser()), tasks) if isinstance(o, Score)] == [1.0, 0.0, 1.0, 0.0]


def test_tasks_with_graders_are_scored_by_their_answers_unless_the_description_is_trained() -> None:
    tasks = tuple(replace(t, graders=None) for t in asking(2, True, "bill"))
    assert [o.value for o in outcomes(lab(Chooser()), tasks) if isinstance(o, Score)] == [1.0, 1.0]
    assert [o.value for o in outcomes(lab(Chooser(), "triggers"), tasks) if isinstance(o, Score)] == [0.0, 0.0]


def test_a_limit_is_no_answer_to_the_question() -> None:
    tasks = (*asking(1, True, "bill"), *asking(1, False, "bill"), *asking(1, True, "invoices"))
    late = outcomes(lab(Chooser("timeout")), tasks)
    assert [type(o) for o in late] == [Failure, Failure, Score]  # what was opened was opened
    made = lab(Chooser("timeout"))
    found = triggers(tasks, made.roll_out([Job(START, t, made.sample(t, "x")) for t in tasks], what="x"))
    assert found is not None
    assert (found.chosen, found.missed, found.missing) == (1, 0, 2)


def test_a_description_is_trained_by_what_agents_choose() -> None:
    tasks = (*asking(3, True, "invoices"), *asking(3, True, "bill"), *asking(3, False, "song"))
    said = [
        Edit(op="describe", target="Reads invoices.", content="Reads <b>bills</b>."),
        Edit(op="describe", target="Reads invoices.", content=GOOD),
        Edit(op="describe", target="Reads invoices.", content="Reads invoices, a bill, a song."),
    ]
    optimizer = Scripted([said])
    made = bench(
        optimizer, what="description", batch_size=9, slow_update=False, meta_notes=False, train=tasks, val=tasks
    )
    result, steps = run(replace(made, lab=lab(Chooser(), "triggers")), START)
    assert description_of(result.best) == GOOD
    assert result.best.body == START.body
    assert result.best.frontmatter == FRONT.replace("Reads invoices.", GOOD)
    assert (result.start_val.mean, result.best_val_mean) == (2 / 3, 1.0)
    assert optimizer.asked[0][1].what == "description"
    records = steps[0].edits  # type: ignore[union-attr]
    assert [r.status for r in records] == ["refused", "kept", "unmatched"]
    assert "XML tag" in records[0].reason
