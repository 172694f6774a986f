"""Screening where a score is the share of several checks: an edit that mends one of them is seen by that one."""

from dataclasses import dataclass, replace

from skillopt_ci.core.digest import fraction
from skillopt_ci.core.history import EditStatus
from skillopt_ci.core.rollout import Sample, Score
from skillopt_ci.core.screening import ScreenRule
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.task import GraderSpec, Task
from skillopt_ci.core.trajectory import Trajectory
from skillopt_ci.engine.lab import Lab
from skillopt_ci.graders.base import Grader
from skillopt_ci.graders.build import build
from skillopt_ci.pool import Pool
from tests.engine.bench import Hears, Script, Scripted, add, bench, named, run, skill

WORDS = ("amount", "date", "name", "place", "reason")
LUCK = 0.3  # chance of what the skill says nothing about
TASKS = named("a", 12)
RULES = build([GraderSpec(type="rules", options={"checks": [{"op": "contains", "arg": w} for w in WORDS]})], None)
HELPS = {"- State the date.": "date", "- State the place.": "place"}
DOES_NOTHING = {"- Add the total.": "amount", "- Say who it is for.": "name"}
ANSWERS = HELPS | DOES_NOTHING  # the word that an edit is said to bring


@dataclass(frozen=True)
class Bare:
    """The same scores, without the checks that they are made of."""

    inner: Grader

    def grade(self, task: Task, trajectory: Trajectory, /) -> Score:
        return replace(self.inner.grade(task, trajectory), checks=())


def answer(skill: Skill, task: Task, sample: Sample) -> str:
    """Every word by luck, and surely where the skill asks for it."""
    asked = {word for line, word in HELPS.items() if line in skill.body}
    return " ".join(w for w in WORDS if w in asked or fraction(0, skill.body, sample.place(), w) < LUCK)


def statuses(grader: Grader) -> dict[str, EditStatus]:
    start = skill("x\n")
    said = {t.id: answer(start, t, Sample(task_id=t.id, stream="train/1", replica="1/1")) for t in TASKS}
    lacks = {word: tuple(task for task, words in said.items() if word not in words) for word in WORDS}
    edits = [replace(add(line), evidence=lacks[word]) for line, word in ANSWERS.items()]
    lab = Lab(Script(answer), lambda task: grader, Pool(1), Hears(), "1/1")
    made = bench(
        Scripted([edits]), lab=lab, train=TASKS, val=TASKS, batch_size=12, slow_update=False, screen=ScreenRule(runs=6)
    )
    result, _ = run(made, start)
    return {r.edit.content: r.status for r in result.steps[0].edits}


def test_an_edit_that_mends_one_check_of_five_is_seen() -> None:
    found = statuses(RULES)
    assert [found[line] for line in HELPS] == ["kept", "kept"]
    assert [found[line] for line in DOES_NOTHING] == ["rejected-alone"] * 2


def test_in_the_share_alone_it_is_lost_in_the_luck_of_the_others() -> None:
    """What makes the test above one of the checks: without them the same runs do not tell."""
    assert "kept" not in statuses(Bare(RULES)).values()


def test_checks_of_several_graders_are_read_like_those_of_one() -> None:
    """Where all must pass, a task with one check more is as failed as before: only the check tells."""
    several = build([GraderSpec(type="contains", options={"values": w}) for w in WORDS], None)
    assert {line for line, status in statuses(several).items() if status != "rejected-alone"} == set(HELPS)


def test_a_choice_of_graders_is_one_check_beside_others() -> None:
    """The words of which an edit helps may be said in two ways, the others in one."""
    named_in = {w: GraderSpec(type="contains", options={"values": w}) for w in WORDS}
    either = {
        w: GraderSpec(type="any", options={"graders": [{"type": "contains", "values": v} for v in (w, f"its {w}")]})
        for w in HELPS.values()
    }
    found = statuses(build(list((named_in | either).values()), None))
    assert {line for line, status in found.items() if status != "rejected-alone"} == set(HELPS)
