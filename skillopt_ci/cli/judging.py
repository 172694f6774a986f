"""Judging one changed skill on one target: stored base, rounds of the head, verdict."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from skillopt_ci.cli.bases import read_base
from skillopt_ci.cli.openings import times_opened
from skillopt_ci.cli.rules import merge_rule
from skillopt_ci.cli.trust import require_trust
from skillopt_ci.cli.viewer import write_view
from skillopt_ci.cli.work import Work
from skillopt_ci.config.resolve import ResolvedSkill
from skillopt_ci.core.compare import compare
from skillopt_ci.core.digest import digest
from skillopt_ci.core.rollout import Evaluation, Failure, Rollout
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.suite_effect import suite_effect
from skillopt_ci.core.task import Suite, Task
from skillopt_ci.core.trigger import Triggers
from skillopt_ci.core.verdict import SkillVerdict, Verdict
from skillopt_ci.engine.lab import Lab
from skillopt_ci.engine.merge import GateOutcome, GateSettings, MergeGate, rows_of
from skillopt_ci.errors import BudgetReachedError, InconclusiveError, ProviderDownError
from skillopt_ci.ledger import Ledger
from skillopt_ci.providers.meter import Meter
from skillopt_ci.report.triggering import trigger_notes
from skillopt_ci.report.viewer import NEW, OLD


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A changed skill on one target; `suite` and configuration come from the base's rules, `blank` names it."""

    skill: ResolvedSkill
    base: Skill
    head: Skill
    suite: Suite
    blank: SkillVerdict

    @property
    def tasks(self) -> tuple[Task, ...]:
        """What both sides are measured on."""
        return self.suite.of(self.skill.gate.splits)

    @property
    def run(self) -> str:
        """The identity of this comparison: pushing the same head again meets the same runs."""
        parts = ["gate", self.skill.fingerprint(), self.suite.digest, self.base.digest, self.head.digest]
        return digest(parts)[:16]

    @property
    def session(self) -> str:
        """The identity of its runs of the target: another judge or other graders judge the same answers."""
        skill = self.skill
        harness = [skill.harness, dict(skill.harness_options)]
        return digest(["fresh", skill.target.identity(), harness, self.base.digest, self.head.digest])[:16]


def judge_pairs(work: Work, pairs: Sequence[Pair]) -> list[SkillVerdict]:
    """Compare every head with its base until the rule decides; what ends one without a decision is in its verdict.

    Raises:
        MissingKeyError: one of the targets has no key; then nothing was bought for any.
        ConfigError: an agent or a grader of one cannot work here; nothing was bought for any, either.
    """
    made = []
    for pair in pairs:
        meters = [work.meter, work.skill_meter(pair.skill, pair.run)]
        made.append((pair, meters, work.workshop.lab(pair.skill, work.progress, run=pair.run, meters=meters)))
    for pair, _, lab in made:  # only now: without a key, as in a fork, nothing else matters
        lab.ready(pair.tasks)
    return [_judge(work, pair, meters, lab, len(pairs)) for pair, meters, lab in made]


def _judge(work: Work, pair: Pair, meters: Sequence[Meter], lab: Lab, pairs: int) -> SkillVerdict:
    skill, name, tasks = pair.skill, pair.run, pair.tasks
    before = _judged_before(work.ledger, name)
    now, pairs = before or (time.time(), pairs)
    opened = times_opened(work.ledger, pair.suite, name) if "test" in skill.gate.splits else 0
    try:
        require_trust(work, skill, tasks, run=name, meters=meters)
        stored = read_base(work, skill, pair.base, tasks, meters=meters, now=now, run=name)
        beside = "" if stored.fewest else ": the base runs beside the head (`skillopt-ci baseline` measures it ahead)"
        work.console.say(
            f"{skill.name} on {skill.target.label}: {len(tasks)} held-out tasks, "
            f"{stored.fewest} of {skill.gate.base_runs} base runs are stored{beside}"
        )
        settings = GateSettings(
            rule=merge_rule(skill, pairs=pairs),
            base_runs=skill.gate.base_runs,
            guard=stored.stale,
            session=pair.session,
        )
        outcome = MergeGate(lab, (pair.base, pair.head), tasks, stored.rows, settings).run()
    except (BudgetReachedError, InconclusiveError, ProviderDownError) as error:
        work.console.error(f"{skill.name}: {error}")
        ended: Verdict | None = None if isinstance(error, ProviderDownError) else "inconclusive"
        return replace(pair.blank, verdict=ended, reason=error.reason, message=str(error))
    write_view(work, skill, tasks, [(NEW, outcome.head), (OLD, outcome.base)])
    shown = work.project.config.report.show_heldout
    verdict = replace(_verdict(lab, pair, outcome, settings, show_heldout=shown), test_opened=opened)
    if not before and verdict.reason != "infrastructure" and not work.ledger.replay_only:
        work.ledger.note_run(name, name, 1, "judged", {"now": now, "pairs": pairs})
    return verdict


def _judged_before(ledger: Ledger, name: str) -> tuple[float, int] | None:
    """When this comparison got its verdict, and among how many; None when it never did.

    The stored runs of that moment count, and its share of alpha: judging the same head again, with a fuller base or
    beside more skills, cannot end otherwise.
    """
    for event in ledger.run_events(name):
        moment, pairs = event.detail.get("now"), event.detail.get("pairs")
        if event.event == "judged" and isinstance(moment, int | float) and isinstance(pairs, int) and pairs > 0:
            return float(moment), pairs
    return None


def _verdict(lab: Lab, pair: Pair, outcome: GateOutcome, settings: GateSettings, *, show_heldout: bool) -> SkillVerdict:
    final, tasks = outcome.final, pair.tasks
    ids = tuple(t.id for t in tasks)
    clusters = tuple(t.cluster for t in tasks)
    base = _evaluation(pair.base, ids, outcome.base, clusters)
    head = _evaluation(pair.head, ids, outcome.head, clusters)
    chosen = (_triggers(lab, tasks, outcome.base), _triggers(lab, tasks, outcome.head))
    verdict: Verdict
    message = ""
    if outcome.golden_failed:
        verdict, reason = "regression", "golden-broken"
    elif final.decision == "pass" and outcome.golden_unmeasured:
        # A pass must also hold if every missing run of the head had failed.
        verdict, reason = "inconclusive", "infrastructure"
        message = f"golden tasks without a result: {', '.join(outcome.golden_unmeasured)}"
    elif final.decision == "inconclusive":
        verdict, reason = "inconclusive", "infrastructure" if final.reason == "infrastructure" else "undecided"
        message = _missing(outcome) if reason == "infrastructure" else ""
    else:
        assert final.decision != "continue"  # noqa: S101 - the last look never asks for more
        verdict, reason = final.decision, final.reason
    return replace(
        pair.blank,
        verdict=verdict,
        reason=reason,
        message=message,
        rounds=final.round,
        base=base,
        head=head,
        comparison=compare(base, head, tasks),
        look=final,
        rule=settings.rule,
        suite_effect=suite_effect(rows_of(outcome.base), rows_of(outcome.head)),
        minimum_detectable_effect=final.minimum_detectable_effect,
        margin=settings.rule.margin,
        golden_failed=outcome.golden_failed,
        golden_armed=outcome.golden_armed == outcome.golden_total,
        suspects=outcome.suspects,
        notes=(*outcome.notes, *trigger_notes(("Base", chosen[0]), ("Head", chosen[1]))),
        rollouts=tuple(r for row in outcome.head for r in row) if show_heldout else (),
        triggers=chosen,
    )


def _missing(outcome: GateOutcome) -> str:
    """What kept runs from having a result, by place and kind; words of tasks may be in the rest."""
    runs = [r.outcome for row in (*outcome.base, *outcome.head) for r in row]
    kinds = Counter(f"{found.stage}: {found.kind}" for found in runs if isinstance(found, Failure))
    told = ", ".join(f"{kind} ({count})" for kind, count in kinds.most_common(3))
    share = max(outcome.final.missing_base, outcome.final.missing_head)
    return f"{100 * share:.0f}% of the runs gave no result, too many to decide; {told}; see skillopt-ci ledger failures"


def _triggers(lab: Lab, tasks: Sequence[Task], rows: Sequence[Sequence[Rollout]]) -> Triggers | None:
    return lab.triggers(tasks, [r for row in rows for r in row])


def _evaluation(
    skill: Skill, ids: tuple[str, ...], rows: tuple[tuple[Rollout, ...], ...], clusters: tuple[str | None, ...]
) -> Evaluation:
    values = tuple(tuple(r.value for r in row) for row in rows)
    return Evaluation(skill=skill.digest, task_ids=ids, values=values, clusters=clusters)
