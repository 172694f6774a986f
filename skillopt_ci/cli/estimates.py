"""What calls cost before they are made: at sizes that the ledger knows of the same models, else at assumed ones."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from skillopt_ci.config.access import pricer
from skillopt_ci.config.resolve import ModelRef, ResolvedSkill
from skillopt_ci.core.costs import Calls
from skillopt_ci.core.expected import Expected
from skillopt_ci.core.media import usual_tokens
from skillopt_ci.core.skill import Skill, estimate_tokens
from skillopt_ci.core.spend import Spend
from skillopt_ci.core.task import Suite, Task
from skillopt_ci.core.trajectory import Usage
from skillopt_ci.engine.judge_trial import trials
from skillopt_ci.graders.build import judge_calls
from skillopt_ci.ledger import Role

# Assumed sizes of what nobody can know before: an answer, and what an optimizer reads and writes per trajectory.
ANSWER_TOKENS = 300
TRAJECTORY_TOKENS = 900
EDITS_TOKENS = 700
# Of an agent: model calls of a rollout, and what it sends with each beside the task: its own prompt, tools, history.
AGENT_TURNS = 8
AGENT_TOKENS = 12_000
ENOUGH = 10  # answers of a model whose mean size is taken for what further ones will have
Sizes = Mapping[Role, Mapping[str, tuple[int, Usage]]]  # by role and the model that answered: answers, and their tokens


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What calls of one skill's training and gate cost.

    Attributes:
        sizes: what the ledger knows, see `Ledger.sizes`.
    """

    skill: ResolvedSkill
    suite: Suite
    start: Skill
    sizes: Sizes

    def known(self) -> dict[str, int]:
        """By role, the answers in the ledger whose mean size is taken; of no role at assumed sizes, or unasked."""
        roles: tuple[tuple[Role, ModelRef | None], ...] = (
            ("target", self.skill.target),
            ("judge", self.skill.judge if self._per_answer() else None),
            ("optimizer", self.skill.optimizer),
        )
        found = {role: self._seen(role, ref) for role, ref in roles if ref is not None}
        return {role: seen[0] for role, seen in found.items() if seen is not None}

    def stages(self, calls: Calls) -> dict[str, Spend]:
        """What these calls of a training cost, role by role."""
        skill, per_answer = self.skill, self._per_answer()
        read = self.start.tokens + skill.train.minibatch_size * TRAJECTORY_TOKENS
        stages = {
            "target": self.rollouts(skill.target, calls.target, self.suite.tasks),
            "judge": self.judging(calls.target),
            "optimizer": self._spend("optimizer", skill.optimizer, calls.optimizer, read, EDITS_TOKENS),
        }
        for other in skill.targets[1:]:  # the closing comparison is made on each of them
            stages[f"target {other.label}"] = self.rollouts(other, calls.confirmation, self.suite.of(["test"]))
            stages["judge"] += self._judge(round(calls.confirmation * per_answer))
        return stages

    def judging(self, answers: int) -> Spend:
        """What the judge costs for so many answers, and when it is tried before."""
        listed = trials(self.skill.graders, self.suite.tasks, None)
        tested = sum(len(t.grader.samples.listed) * t.grader.votes for t in listed)
        return self._judge(round(answers * self._per_answer()) + tested)

    def rollouts(self, ref: ModelRef, rollouts: int, tasks: tuple[Task, ...]) -> Spend:
        """Rollouts on a target: one call each in direct chat; of an agent an estimate, as nobody knows its turns."""
        size = _prompt_tokens(self.start, tasks)
        if self.skill.harness == "chat":
            return self._spend("target", ref, rollouts, size, ANSWER_TOKENS, asks_alike=False)
        seen = self._seen("target", ref)
        calls = rollouts * AGENT_TURNS
        usage = Usage(
            input_tokens=calls * (AGENT_TOKENS + size),
            cached_tokens=(calls - rollouts) * AGENT_TOKENS,
            output_tokens=calls * ANSWER_TOKENS,
        )
        return _priced(ref, calls, usage if seen is None else _as_before(seen, rollouts))

    def _judge(self, calls: int) -> Spend:
        return self._spend("judge", self.skill.judge, calls, 2 * ANSWER_TOKENS, ANSWER_TOKENS)

    def _per_answer(self) -> float:
        """Calls of the judge for an answer, in the mean over the tasks."""
        return judge_calls(self.skill.graders, self.suite.tasks) / len(self.suite.tasks)

    def _spend(
        self, role: Role, ref: ModelRef | None, calls: int, asked: int, answered: int, *, asks_alike: bool = True
    ) -> Spend:
        """Calls of a model of which each is sent so many tokens and answers with as many; nothing without a model.

        `asks_alike`: what it was sent before tells what it will be sent, as well as its answers do.
        """
        if ref is None or not calls:
            return Spend()
        seen = self._seen(role, ref)
        if seen is None:
            size = min(answered, ref.max_output_tokens)
            return _priced(ref, calls, Usage(input_tokens=calls * asked, output_tokens=calls * size))
        before = _as_before(seen, calls)
        return _priced(
            ref, calls, before if asks_alike else replace(before, input_tokens=calls * asked, cached_tokens=0)
        )

    def _seen(self, role: Role, ref: ModelRef) -> tuple[int, Usage] | None:
        """Answers of a model in a role and their tokens; None of too few."""
        dated = re.compile(rf"(?:.*/)?{re.escape(ref.model)}(?:-\d[\d-]*)?")
        found = [each for served, each in self.sizes.get(role, {}).items() if dated.fullmatch(served)]
        answers = sum(n for n, _ in found)
        return (answers, sum((usage for _, usage in found), Usage())) if answers >= ENOUGH else None


def likely_calls(calls: Calls, likely: Expected, targets: int) -> Calls:
    """The likely calls: those of the optimizer, and those of targets, the closing comparison on each of them apart."""
    asked = min(calls.optimizer, round(likely.likely * likely.reading))
    rest = min(calls.target + (targets - 1) * calls.confirmation, likely.likely - asked)
    training = rest - targets * calls.confirmation
    ends_before = training < 0 or likely.gates_from is not None
    closing = 0 if ends_before else calls.confirmation
    return Calls(
        start_validation=0,
        rollouts=training if closing else rest,
        screening=0,
        validation=0,
        slow_update=0,
        confirmation=closing,
        optimizer=asked,
    )


def _as_before(seen: tuple[int, Usage], answers: int) -> Usage:
    """Tokens of so many further answers."""
    n, usage = seen
    tokens = (usage.input_tokens, usage.cached_tokens, usage.output_tokens)
    asked, cached, answered = (round(answers * each / n) for each in tokens)
    return Usage(input_tokens=asked, cached_tokens=cached, output_tokens=answered)


def _priced(ref: ModelRef, calls: int, usage: Usage) -> Spend:
    one = pricer(ref).price(ref.model, usage)
    return Spend(calls=calls, usage=usage, usd=None if one is None else Decimal(one))


def _prompt_tokens(skill: Skill, tasks: tuple[Task, ...]) -> int:
    """Mean tokens of what the target is sent."""
    sizes = [estimate_tokens(t.prompt + t.context) + sum(usual_tokens(f) for f in t.files) for t in tasks]
    return skill.tokens + (-(-sum(sizes) // len(sizes)) if sizes else 0)
