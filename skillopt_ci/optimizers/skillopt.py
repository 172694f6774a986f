"""The paper's optimizer: minibatch reflection, merge, rank; slow update and meta notes (arXiv 2605.23904)."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from skillopt_ci.core.edit import Edit
from skillopt_ci.core.rollout import Failure
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.trajectory import Message
from skillopt_ci.errors import CallFailedError
from skillopt_ci.optimizers import wording
from skillopt_ci.optimizers.answers import (
    META_NOTES,
    RANKING,
    SKILL_EDITS,
    SLOW_UPDATE,
    read_edits,
    read_order,
    read_reasoning,
    read_text,
)
from skillopt_ci.optimizers.base import Evidence, Longitudinal, Optimizer, Proposal
from skillopt_ci.optimizers.describing import describe
from skillopt_ci.optimizers.merge import conflicts, merge_by_rule, merge_settled, ranked, settled, undecided
from skillopt_ci.optimizers.reading import Minibatch, minibatches
from skillopt_ci.pool import Pool
from skillopt_ci.prompts import render
from skillopt_ci.providers.base import Model, Request, Schema
from skillopt_ci.providers.structured import ask

T = TypeVar("T")
GUIDANCE_CHARS = 1200
NOTES_CHARS = 2000


@dataclass(frozen=True, slots=True)
class _Read:
    """What a minibatch gave: edits, and of successes what must be preserved."""

    edits: list[Edit]
    keep: str = ""


def make(model: Model, pool: Pool) -> Optimizer:
    """The optimizer `skillopt`; minibatches are read in parallel."""
    return SkillOpt(model, pool)


class SkillOpt:
    """Reflects on minibatches of failures and of successes, merges what they propose and ranks it."""

    def __init__(self, model: Model, pool: Pool) -> None:
        self._model = model
        self._pool = pool

    def propose(self, skill: Skill, evidence: Evidence, /) -> Proposal:
        """Edits, best first. A minibatch whose answer could not be had or read is a failure in the proposal."""
        if evidence.what == "description":
            return describe(self._ask, skill, evidence)
        answers = self._pool.map(lambda m: self._reflect(skill, evidence, m), minibatches(evidence))
        failures = [a for a in answers if isinstance(a, Failure)]
        reads = [a for a in answers if isinstance(a, _Read)]
        keep = wording.keep_text([r.keep for r in reads])
        # Failure edits stand before success edits, as the minibatches do.
        edits, failed = self._merge(skill, evidence, [r.edits for r in reads], keep)
        failures += failed
        edits = ranked(edits)
        if undecided(edits, evidence.places or evidence.edit_budget):
            edits, failed = self._rank(skill, evidence, edits, keep)
            failures += failed
        return Proposal(edits=tuple(edits), failures=tuple(failures))

    def slow_update(self, skill: Skill, pairs: tuple[Longitudinal, ...], evidence: Evidence, /) -> str:
        """Guidance for the protected region; empty when there is no lesson. Raises `CallFailedError`."""
        prompt = render(
            "slow_update",
            max_chars=GUIDANCE_CHARS,
            skill=wording.skill_text(skill),
            rollouts=wording.pairs_text(pairs),
            rejected=wording.rejected_text(evidence.rejected),
            notes=wording.notes_text(evidence.meta_notes),
        )
        return self._ask(
            prompt, SLOW_UPDATE, evidence, "slow update", lambda v: read_text(v, "guidance", GUIDANCE_CHARS)
        )

    def meta_notes(self, skill: Skill, history: str, evidence: Evidence, /) -> str:
        """Notes that replace the ones in the evidence. Raises `CallFailedError`."""
        prompt = render(
            "meta_notes",
            max_chars=NOTES_CHARS,
            skill=wording.skill_text(skill),
            history=wording.history_text(history),
            notes=wording.notes_text(evidence.meta_notes),
        )
        return self._ask(prompt, META_NOTES, evidence, "meta notes", lambda v: read_text(v, "notes", NOTES_CHARS))

    def _reflect(self, skill: Skill, evidence: Evidence, minibatch: Minibatch) -> _Read | Failure:
        failing = minibatch.kind == "failures"
        values = {"groups": wording.groups_text(minibatch.readings)} if failing else {}
        prompt = render(
            f"reflect_{minibatch.kind}",
            edit_budget=evidence.asked if failing else evidence.edit_budget,
            skill=wording.skill_text(skill),
            rollouts=wording.rollouts_text(minibatch.readings, halves=evidence.halves),
            rejected=wording.rejected_text(evidence.rejected),
            notes=wording.notes_text(evidence.meta_notes),
            **values,
        )
        known = {r.task.id for r in minibatch.readings}

        def read(value: object) -> _Read:
            edits = [replace(e, evidence=tuple(i for i in e.evidence if i in known)) for e in read_edits(value)]
            return _Read(edits, "" if failing else read_reasoning(value))

        try:
            return self._ask(prompt, SKILL_EDITS, evidence, f"reflect on {minibatch.kind}", read, minibatch.index)
        except CallFailedError as error:
            return Failure(stage="reflect", kind=error.kind, message=error.message)

    def _merge(
        self, skill: Skill, evidence: Evidence, reads: list[list[Edit]], keep: str
    ) -> tuple[list[Edit], list[Failure]]:
        """One edit for what several say; the model is asked about those that change the same text differently.

        Without an answer the best supported of each such group stays.
        """
        edits = merge_by_rule(reads)
        alone, groups = conflicts(edits)
        if not groups:
            return edits, []
        clashing = [e for group in groups for e in group]
        prompt = render("merge", skill=wording.skill_text(skill), edits=wording.numbered(clashing), keep=keep)
        try:
            merged = self._ask(prompt, SKILL_EDITS, evidence, "merge", read_edits)
            return merge_settled([*alone, *settled(merged, clashing, reads)]), []
        except CallFailedError as error:
            best = [max(group, key=lambda e: e.support) for group in groups]
            return [*alone, *best], [Failure(stage="merge", kind=error.kind, message=error.message)]

    def _rank(self, skill: Skill, evidence: Evidence, edits: list[Edit], keep: str) -> tuple[list[Edit], list[Failure]]:
        prompt = render(
            "rank",
            edit_budget=evidence.edit_budget,
            skill=wording.skill_text(skill),
            edits=wording.numbered(edits),
            keep=keep,
        )
        try:
            order = self._ask(prompt, RANKING, evidence, "rank", lambda v: read_order(v, len(edits)))
            # Evidence first: the model decides between edits for which as much speaks.
            return ranked([edits[i] for i in order]), []
        except CallFailedError as error:
            return edits, [Failure(stage="rank", kind=error.kind, message=error.message)]

    def _ask(
        self,
        prompt: str,
        schema: Schema,
        evidence: Evidence,
        stage: str,
        read: Callable[[object], T],
        index: int = 0,
    ) -> T:
        place = evidence.place
        system = "describer" if evidence.what == "description" else "optimizer_system"
        request = Request(
            model=self._model.model,
            messages=(
                Message(role="system", content=render(system)),
                Message(role="user", content=prompt),
            ),
            max_output_tokens=self._model.max_output_tokens,
            temperature=self._model.temperature,
            place=place.at(stage, index),
            stream="optimizer",
            label=f"{stage}, epoch {place.epoch}, step {place.step}",
            schema=schema,
        )
        return ask(self._model.provider, request, read)
