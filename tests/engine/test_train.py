from collections.abc import Callable

import pytest

from skillopt_ci.core.history import Notes, Step
from skillopt_ci.core.rollout import Failure, Sample
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.task import Task
from skillopt_ci.core.training_gate import TrainingRule
from skillopt_ci.core.unanswered import unanswered
from skillopt_ci.engine.train import NOTHING_LEFT
from skillopt_ci.errors import BudgetReachedError, CallFailedError, InconclusiveError, ProviderDownError
from skillopt_ci.optimizers.base import Proposal
from tests.engine.bench import Script, Scripted, add, bench, holds, lab, named, run, skill, tasks

MIXED = tasks("a1", "b1", "c1", "d1")


def runs_out_after(count: int) -> Callable[[Skill, Task, Sample], float | Exception]:
    """As `holds`, until so many rollouts were taken."""
    left = [count]

    def scorer(skill: Skill, task: Task, sample: Sample) -> float | Exception:
        left[0] -= 1
        return BudgetReachedError("budget.calls: reached", limit="calls") if left[0] < 0 else holds(skill, task, sample)

    return scorer


def test_it_ends_when_nothing_is_left_to_gain() -> None:
    optimizer = Scripted([[add("- a")], [add("- b")], [add("- c\n- d")]])
    result, told = run(bench(optimizer, train=MIXED, val=MIXED, epochs=9, slow_update=False), skill("x\n"))
    assert (result.best_val_mean, result.stopped, result.stopped_by) == (1.0, NOTHING_LEFT, "")
    assert [s.action for s in result.steps] == ["accept"] * 3
    assert result.accepted == result.steps
    assert [t for t in told if isinstance(t, Step)] == list(result.steps)
    assert [s.number for s in result.steps] == [1, 2, 3]
    assert [v.body for v in result.versions] == [s.candidate.body for s in result.steps if s.candidate]


def test_a_perfect_start_buys_its_validation_and_nothing_more() -> None:
    harness, optimizer = Script(), Scripted()
    result, told = run(bench(optimizer, harness, epochs=4), skill("a"))
    assert (told, optimizer.asked, result.stopped) == ([], [], NOTHING_LEFT)
    assert len(harness.seen) == 4
    assert result.best == result.start


def test_it_ends_when_the_epochs_are_over() -> None:
    result, _ = run(bench(Scripted([[add("- q")]]), epochs=2), skill("x\n"))
    assert (result.stopped, result.stopped_by) == ("all epochs done", "")


def test_an_optimizer_that_never_answers_is_not_asked_for_ever() -> None:
    lost = Failure(stage="reflect", kind="malformed", message="no JSON")
    optimizer = Scripted([Proposal(edits=(), failures=(lost,))])
    result, _ = run(bench(optimizer, epochs=9, slow_update=False, meta_notes=False), skill("x\n"))
    assert result.stopped == "3 steps without an answer that could be used"
    assert [s.reason for s in result.steps] == ["infrastructure"] * len(optimizer.asked) == ["infrastructure"] * 3
    assert unanswered(result.steps) == (3, lost)


def down(kind: str = "server") -> Proposal:
    return Proposal(edits=(), failures=(Failure(stage="reflect", kind=kind, message="500: down"),))


@pytest.mark.parametrize("kind", ["server", "network", "timeout", "rate-limit"])
@pytest.mark.parametrize("before", [[], [Proposal(edits=(add("- q"),))]])
def test_a_run_whose_optimizer_has_no_provider_any_more_does_not_end(kind: str, before: list[Proposal]) -> None:
    """Neither finished nor inconclusive: it can go on, and nothing of it is bought again."""
    optimizer = Scripted([*before, down(kind)])
    with pytest.raises(ProviderDownError, match=r"provider does not answer: 500: down; .* the same command goes on"):
        run(bench(optimizer, epochs=9, slow_update=False, meta_notes=False), skill("x\n"))
    assert len(optimizer.asked) == len(before) + 3


def test_a_short_run_without_any_answer_does_not_end_either() -> None:
    with pytest.raises(ProviderDownError):
        run(bench(Scripted([down()]), epochs=2, slow_update=False), skill("x\n"))


@pytest.mark.parametrize("others", [[Proposal(edits=())], [down("malformed")], [Proposal(edits=(add("- q"),))]])
def test_a_provider_that_fails_now_and_then_ends_nothing(others: list[Proposal]) -> None:
    optimizer = Scripted([down(), down(), *others, down(), down(), *others])
    result, _ = run(bench(optimizer, epochs=6, slow_update=False, meta_notes=False), skill("x\n"))
    assert len(optimizer.asked) == len(result.steps)


@pytest.mark.parametrize("answer", [Proposal(edits=()), Proposal(edits=(add("- q"),))])
def test_an_optimizer_that_answered_once_is_asked_until_the_end(answer: Proposal) -> None:
    lost = Proposal(edits=(), failures=(Failure(stage="reflect", kind="malformed", message="no JSON"),))
    optimizer = Scripted([lost, lost, answer, lost])
    result, _ = run(bench(optimizer, epochs=9, slow_update=False, meta_notes=False), skill("x\n"))
    assert (result.stopped, len(optimizer.asked)) == ("all epochs done", 9)
    assert unanswered(result.steps) == (0, None)


def test_steps_that_ask_nothing_say_nothing_about_the_optimizer() -> None:
    optimizer = Scripted()
    train, val = named("a", 4), named("b", 4)  # train tasks pass as they are, validation tasks never do
    result, _ = run(bench(optimizer, train=train, val=val, epochs=4, slow_update=False), skill("a\n"))
    assert (optimizer.asked, result.stopped) == ([], "all epochs done")
    assert unanswered(result.steps) == (0, None)


@pytest.mark.parametrize("count", range(4, 40))
def test_a_budget_reached_in_the_middle_leaves_a_clean_prefix(count: int) -> None:
    script = [[add("- a")], [add("- q")], [add("- b")]]
    whole, _ = run(bench(Scripted(script), train=MIXED, val=MIXED, epochs=3), skill("x\n"))
    result, told = run(
        bench(Scripted(script), Script(runs_out_after(count)), train=MIXED, val=MIXED, epochs=3), skill("x\n")
    )
    assert result.steps == whole.steps[: len(result.steps)]
    assert [t for t in told if isinstance(t, Step)] == list(result.steps)
    if len(result.steps) < len(whole.steps):
        assert (result.stopped, result.stopped_by) == ("budget.calls: reached", "calls")
    accepted = [s.candidate for s in result.steps if s.action == "accept"]
    assert result.best == (accepted[-1] if accepted else result.start)


def test_a_budget_that_ends_before_the_start_is_measured_is_an_error() -> None:
    with pytest.raises(BudgetReachedError):
        run(bench(Scripted(), Script(runs_out_after(3))), skill("x"))


def test_the_limit_is_also_checked_at_barriers() -> None:
    calls: list[int] = []

    def checkpoint() -> None:
        calls.append(1)
        if len(calls) == 3:
            raise BudgetReachedError("budget.usd: reached", limit="usd")

    made = bench(Scripted([[add("- q")]]), checkpoint=checkpoint, epochs=9)
    result, _ = run(made, skill("x\n"))
    assert (len(result.steps), result.stopped_by) == (1, "usd")  # after the start, after step 1, in step 2


def test_a_start_that_cannot_be_measured_is_inconclusive() -> None:
    def down(count: int) -> Script:
        return Script(lambda s, t, _: CallFailedError("server", "500") if int(t.id[1:]) < count else 0.0)

    for count in (2, 20):
        with pytest.raises(InconclusiveError, match="of 20 tasks gave no result") as raised:
            run(bench(Scripted(), down(count), val=named("a", 20)), skill("x"))
        assert raised.value.exit_code == 3
    result, _ = run(bench(Scripted(), down(1), val=named("a", 20)), skill("x"))
    assert result.start_val.missing_share == 0.05  # as much as may be missing


def test_the_score_of_the_start_is_that_of_all_its_runs() -> None:
    """A gate asks for more of them; an unchanged skill that went from one score to another would look trained."""

    def luck(skill: Skill, task: Task, sample: Sample) -> float:
        return float(int(task.id[1:]) < 2 + 3 * sample.n + 2 * ("- b" in skill.body))

    for said, best in ((["- q"], 0.35), (["- q", "- b"], 0.55)):
        made = bench(
            Scripted([[add(text)] for text in said]), Script(luck), val=named("v", 10), epochs=2, rule=TrainingRule()
        )
        result, _ = run(made, skill("x\n"))
        assert result.steps[0].action == "reject"
        assert (result.start_val.mean, result.best_val_mean) == (0.35, best)


def test_a_dead_provider_ends_the_run() -> None:
    with pytest.raises(ProviderDownError):
        run(bench(Scripted(), Script(lambda *_: ProviderDownError("key refused"))), skill("x"))


def test_histories_do_not_depend_on_concurrency() -> None:
    def scorer(skill: Skill, task: Task, sample: Sample) -> float | Exception:
        if task.id == "b7":
            return CallFailedError("timeout", "no")
        return (hash_of(sample.place()) % 3) / 2 if task.id < "c" else holds(skill, task, sample)

    def hash_of(text: str) -> int:
        return sum(text.encode())

    world = tasks(*(f"{letter}{n}" for letter in "abcde" for n in range(10)))
    script = [[add(f"- {word}")] for word in ("d", "q", "e", "c", "z")]
    histories = []
    for concurrency in (1, 8):
        made = bench(
            Scripted(script, guidance=["Mind the z."], notes=["n"]),
            lab=lab(Script(scorer), concurrency=concurrency),
            train=world,
            val=world[::-1],
            batch_size=13,
            epochs=3,
        )
        result, told = run(made, skill("x\n"))
        histories.append(
            ([s.as_json() for s in result.steps], result.best.text, [t for t in told if isinstance(t, Notes)])
        )
    assert histories[0] == histories[1]
    actions = {step["action"] for step in histories[0][0]}
    assert {"accept", "reject"} <= actions
