"""Nothing is decided by a judge that gets its own samples wrong."""

from collections.abc import Sequence

from skillopt_ci.cli.work import Work
from skillopt_ci.config.resolve import ResolvedSkill
from skillopt_ci.core.agreement import SelfTest
from skillopt_ci.core.task import Task
from skillopt_ci.engine.judge_trial import Trial, run_trials, trials
from skillopt_ci.errors import InconclusiveError
from skillopt_ci.graders.wording import clip, quoted
from skillopt_ci.providers.meter import Meter

_SHOWN = 3


def require_trust(
    work: Work, skill: ResolvedSkill, tasks: Sequence[Task], *, run: str, meters: Sequence[Meter]
) -> None:
    """Test every judge of these tasks that has samples, once for a judge and a rubric: later tests are replayed.

    Raises:
        InconclusiveError: a judge gets too many of its samples wrong, and does not say `on_wrong: warn`; or the test
            itself failed.
        BudgetReachedError, ProviderDownError, LedgerMissError: of the calls.
    """
    if skill.judge is None or not (listed := trials(skill.graders, tasks, None)):
        return
    model = work.workshop.model(skill.judge, run=run, meters=meters)
    listed = trials(skill.graders, tasks, model)
    work.console.say(f"{skill.name}: testing the judge {skill.judge.label} with samples of known verdict")
    refused = []
    for trial, test in zip(listed, run_trials(work.workshop.pool, listed), strict=True):
        if not test.wrong:
            continue
        words = wrong_words(trial, test, skill.judge.label)
        if test.trusted or not trial.grader.samples.refuse:
            work.console.warn(f"{skill.name}: warning: {words}")
        else:
            refused.append(words)
    if refused:
        advice = "write the rubric more clearly, take another judge, or say `on_wrong: warn` under `samples`"
        raise InconclusiveError(f"{'; '.join(refused)}. Nothing is decided by it: {advice}")


def wrong_words(trial: Trial, test: SelfTest, judge: str) -> str:
    """What a judge got wrong, for people."""
    says = {True: "passes", False: "fails", None: "gives no verdict on"}
    shown = [
        f"{says[said]} {quoted(clip(s.answer, 80))}, which should {'pass' if s.passing else 'fail'}"
        for s, said in test.wrong[:_SHOWN]
    ]
    more = f" and {len(test.wrong) - _SHOWN} more" if len(test.wrong) > _SHOWN else ""
    count = f"{len(test.wrong)} of {len(test.results)} samples"
    return f"the judge {judge} gets {count} of {trial.place} wrong: {'; '.join(shown)}{more}"
