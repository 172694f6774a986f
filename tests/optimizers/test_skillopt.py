from dataclasses import replace

import pytest

from skillopt_ci.core.rollout import Failure
from skillopt_ci.errors import CallFailedError, ProviderDownError
from skillopt_ci.optimizers.skillopt import GUIDANCE_CHARS, NOTES_CHARS, make
from skillopt_ci.pool import Pool
from skillopt_ci.providers.base import Model, Request
from tests.optimizers.samples import PLACE, SKILL, Answers, down, edits, evidence, optimizer, pair


def stage(request: Request) -> str:
    return request.label.split(",")[0]


def by_stage(**answers: object):  # type: ignore[no-untyped-def]
    """Answers by the first word of the stage; an unknown one gets no edits."""
    return lambda request: answers.get(stage(request).split()[0], edits())


def by_reader(first: object, second: object, **others: object):  # type: ignore[no-untyped-def]
    """What the reader of t0 says, and what the other one does."""
    answer = by_stage(**others)

    def said(request: Request) -> object:
        if stage(request).startswith("reflect"):
            return first if 'task="t0"' in request.messages[1].content else second
        return answer(request)

    return said


def test_failures_and_successes_are_read_apart_in_minibatches() -> None:
    made, provider = optimizer(by_stage())
    proposal = made.propose(SKILL, evidence([0, 1, 0.5, None, 1, 0, 1]))
    assert (proposal.edits, proposal.failures) == ((), ())
    stages = [stage(r) for r in provider.requests]
    assert stages == ["reflect on failures"] * 2 + ["reflect on successes"] * 2
    failed = "\n".join(provider.prompts("reflect on failures"))
    passed = "\n".join(provider.prompts("reflect on successes"))
    for name, text, other in (
        ("t0", failed, passed),
        ("t5", failed, passed),
        ("t1", passed, failed),
        ("t6", passed, failed),
    ):
        assert f'task="{name}"' in text
        assert f'task="{name}"' not in other
    assert "t3" not in failed + passed  # nothing was measured there
    places = [r.place for r in provider.requests]
    assert len(set(places)) == 4
    assert all(p.startswith("1/1\x1foptimizer\x1f2\x1f5\x1f") for p in places)


def test_a_request_says_who_asks_for_what() -> None:
    made, provider = optimizer(by_stage())
    made.propose(SKILL, evidence([0]))
    (request,) = provider.requests
    assert (request.model, request.temperature, request.max_output_tokens) == ("m", 0.5, 99)
    assert request.stream == "optimizer"
    assert request.label == "reflect on failures, epoch 2, step 5"
    assert request.place == PLACE.at("reflect on failures", 0)
    assert request.schema is not None
    assert request.schema.name == "skill_edits"
    assert [m.role for m in request.messages] == ["system", "user"]


def test_readers_of_failures_are_asked_for_half_of_what_the_step_can_try() -> None:
    made, provider = optimizer(by_stage())
    for places, asked in ((0, 3), (3, 3), (5, 3), (12, 6)):
        provider.requests.clear()
        made.propose(SKILL, replace(evidence([0, 1], budget=3), places=places))
        (failed,), (passed,) = provider.prompts("reflect on failures"), provider.prompts("reflect on successes")
        assert f"at most {asked} edits" in failed
        assert "at most 3 edits" in passed  # it says what must stay


def test_a_prompt_has_the_skill_once_and_no_secret() -> None:
    made, provider = optimizer(by_stage())
    made.propose(SKILL, evidence([0, 0]))
    (prompt,) = provider.prompts()
    assert prompt.count("- one\n- two") == 1
    for word in ("secret-name", "SECRET", "123.456"):
        assert word not in prompt  # frontmatter, the expected answer, the clock


def test_minibatches_are_read_in_parallel_and_merged_in_order() -> None:
    def answer(request: Request) -> object:
        index = request.place.rsplit("\x1f", 1)[1]
        return edits(
            ("add", "", f"- rule number {index} of many words, all of its own"), ("add", "", "- the same rule")
        )

    proposals = []
    for concurrency in (1, 8):
        made, _ = optimizer(answer, concurrency)
        proposals.append(made.propose(SKILL, evidence([0] * 6 + [1] * 2, budget=99)))
    assert proposals[0] == proposals[1]
    assert (proposals[0].edits[0].content, proposals[0].edits[0].support) == ("- the same rule", 4)


def test_evidence_names_tasks_of_the_minibatch_only() -> None:
    one = {"op": "add", "target": "", "content": "- x", "rationale": "", "evidence": ["t1", "t9", "val-3", "t0"]}
    made, _ = optimizer(lambda request: edits(one))
    assert made.propose(SKILL, evidence([0, 0])).edits[0].evidence == ("t1", "t0")


def test_more_edits_than_the_budget_are_ranked_and_all_are_returned() -> None:
    listed = [("add", "", f"- rule {word}") for word in ("alpha", "bravo-bravo", "charlie")]
    made, provider = optimizer(by_stage(reflect=edits(*listed), rank={"order": [3, 1]}))
    proposal = made.propose(SKILL, evidence([0], budget=2))
    assert [e.content for e in proposal.edits] == ["- rule charlie", "- rule alpha", "- rule bravo-bravo"]
    assert "3. [add] (support 1) why\n" in provider.prompts("rank")[0]
    made, provider = optimizer(by_stage(reflect=edits(*listed)))
    assert len(made.propose(SKILL, evidence([0], budget=3)).edits) == 3
    assert provider.prompts("rank") == []


def test_a_failed_ranking_leaves_the_order_of_support() -> None:
    listed = [("add", "", "- rule alpha"), ("add", "", "- something else"), ("add", "", "- third")]
    told = by_reader(edits(*listed), edits(listed[1]), rank=CallFailedError("server", "500"))
    made, _ = optimizer(told)
    proposal = made.propose(SKILL, evidence([0, 0], budget=2, minibatch=1))
    assert [(e.content, e.support) for e in proposal.edits] == [
        ("- something else", 2),
        ("- rule alpha", 1),
        ("- third", 1),
    ]
    assert proposal.failures == (Failure(stage="rank", kind="server", message="500"),)


def test_the_model_ranks_only_what_readers_leave_open() -> None:
    listed = [("add", "", "- rule alpha"), ("add", "", "- rule bravo"), ("add", "", "- something else")]
    made, provider = optimizer(by_reader(edits(*listed), edits(listed[2]), rank={"order": [2, 3, 1]}))
    given = evidence([0, 0], budget=1, minibatch=1)
    proposal = made.propose(SKILL, given)  # the place is taken by what two readers want
    assert [e.content for e in proposal.edits] == ["- something else", "- rule alpha", "- rule bravo"]
    assert provider.prompts("rank") == []
    proposal = made.propose(SKILL, replace(given, places=2))
    assert [e.content for e in proposal.edits] == ["- something else", "- rule alpha", "- rule bravo"]
    assert len(provider.prompts("rank")) == 1
    proposal = made.propose(SKILL, replace(given, places=3))
    assert len(provider.prompts("rank")) == 1


CLASH = [("replace", "- one", "- 1"), ("delete", "- one", ""), ("add", "", "- another rule")]


def test_edits_of_the_same_text_are_settled_by_the_model() -> None:
    answers = by_stage(reflect=edits(*CLASH), merge=edits(("replace", "- one", "- uno")))
    made, provider = optimizer(answers)
    proposal = made.propose(SKILL, evidence([0]))
    assert [(e.op, e.content, e.support) for e in proposal.edits] == [
        ("add", "- another rule", 1),
        ("replace", "- uno", 1),
    ]
    (prompt,) = provider.prompts("merge")
    assert "1. [replace] (support 1) why" in prompt
    assert "another rule" not in prompt  # only what clashes is asked about
    assert proposal.failures == ()


def test_a_settled_edit_is_wanted_by_as_many_as_read() -> None:
    """Two readers want the same line changed, one of them in two ways."""
    reads = by_reader(edits(*CLASH), edits(CLASH[1]), merge=edits(("replace", "- one", "- uno")))
    made, _ = optimizer(reads)
    proposal = made.propose(SKILL, evidence([0, 0], minibatch=1))
    assert [(e.content, e.support) for e in proposal.edits] == [("- uno", 2), ("- another rule", 1)]


def test_what_one_reader_says_twice_is_wanted_by_one() -> None:
    twice = edits(("add", "", "- Always be brief."), ("add", "- two", "- be brief"))
    made, _ = optimizer(by_stage(reflect=twice))
    assert [e.support for e in made.propose(SKILL, evidence([0])).edits] == [1]
    assert [e.support for e in made.propose(SKILL, evidence([0, 0, 1], minibatch=1)).edits] == [3]


def test_without_a_merge_the_best_supported_stays() -> None:
    made, _ = optimizer(by_reader(edits(*CLASH), edits(CLASH[1]), merge=CallFailedError("server", "500")))
    proposal = made.propose(SKILL, evidence([0, 0], minibatch=1))
    assert [(e.op, e.support) for e in proposal.edits] == [("delete", 2), ("add", 1)]
    assert proposal.failures == (Failure(stage="merge", kind="server", message="500"),)


def test_without_conflicts_no_model_merges() -> None:
    made, provider = optimizer(by_stage(reflect=edits(("replace", "- one", "- 1"), ("add", "", "- new"))))
    made.propose(SKILL, evidence([0]))
    assert provider.prompts("merge") == []


def test_a_malformed_answer_is_asked_again_once_and_then_a_failure() -> None:
    bad = edits(("remove", "", ""))

    def once(request: Request) -> object:
        return edits(("add", "", "- x")) if request.place.endswith("again") else bad

    made, provider = optimizer(once)
    assert [e.content for e in made.propose(SKILL, evidence([0])).edits] == ["- x"]
    first, second = provider.requests
    assert second.place == first.place + "\x1fagain"
    assert [m.role for m in second.messages] == ["system", "user", "assistant", "user"]
    assert "'op' must be one of add, replace, delete" in second.messages[-1].content
    for broken in (bad, "no JSON", "[" * 5000, '{"edits": NaN}', "", "1" * 5000):
        made, provider = optimizer(lambda request, broken=broken: broken)
        proposal = made.propose(SKILL, evidence([0]))
        assert len(provider.requests) == 2
        assert proposal.edits == ()
        assert [(f.stage, f.kind) for f in proposal.failures] == [("reflect", "malformed")]


def test_one_failed_minibatch_does_not_take_the_others_with_it() -> None:
    def answer(request: Request) -> object:
        return CallFailedError("server", "500") if request.place.endswith("\x1f0") else edits(("add", "", "- x"))

    made, _ = optimizer(answer)
    proposal = made.propose(SKILL, evidence([0, 0, 0]))
    assert (len(proposal.edits), len(proposal.failures)) == (1, 1)


def test_a_dead_provider_ends_it() -> None:
    made, _ = optimizer(lambda request: ProviderDownError("key refused"))
    with pytest.raises(ProviderDownError):
        made.propose(SKILL, evidence([0]))


def test_slow_update_asks_for_guidance() -> None:
    made, provider = optimizer(lambda request: {"reasoning": "", "guidance": "  Mind it.\n"})
    assert made.slow_update(SKILL, (pair("t1", 0, 1), pair("t2", 1, 0.5)), evidence([])) == "Mind it."
    (prompt,) = provider.prompts("slow update")
    assert '<rollout task="t2" change="regressed" before="1.00" after="0.50">' in prompt
    assert "<answer>\nnew\n</answer>" in prompt
    assert "<earlier>\nold\n</earlier>" in prompt
    assert f"at most {GUIDANCE_CHARS} characters" in prompt
    made, provider = optimizer(lambda request: {"guidance": "x" * (GUIDANCE_CHARS + 1)})
    with pytest.raises(CallFailedError, match="at most 1200 are allowed"):
        made.slow_update(SKILL, (pair("t1", 0, 1),), evidence([]))
    assert len(provider.requests) == 2


def test_meta_notes_read_the_history_and_replace_the_notes() -> None:
    made, provider = optimizer(lambda request: {"notes": "New."})
    assert made.meta_notes(SKILL, "Step 1: reject", evidence([], notes="Old.")) == "New."
    (prompt,) = provider.prompts("meta notes")
    assert "<edits>\nStep 1: reject\n</edits>" in prompt
    assert "<notes>\nOld.\n</notes>" in prompt
    assert f"at most {NOTES_CHARS} characters" in prompt
    made, _ = optimizer(down)
    with pytest.raises(CallFailedError):
        made.meta_notes(SKILL, "h", evidence([]))


def test_it_is_made_for_a_model_and_a_pool() -> None:
    provider = Answers(lambda request: edits(("add", "", "- x")))
    made = make(Model(provider=provider, model="m", temperature=None, max_output_tokens=9), Pool(2))
    assert len(made.propose(SKILL, evidence([0])).edits) == 1


def test_what_readers_of_successes_want_preserved_reaches_merge_and_rank() -> None:
    def answer(request: Request) -> object:
        if "successes" in request.label:
            return {"reasoning": "Keep the line\nabout two.", "edits": []}
        clash = edits(("replace", "- one", "- 1"), ("delete", "- one", ""), ("add", "", "- x y z"))
        return {"order": [1]} if request.label.startswith("rank") else clash

    made, provider = optimizer(answer)
    made.propose(SKILL, evidence([0, 1], budget=1))
    for stage_name in ("merge", "rank"):
        (prompt,) = provider.prompts(stage_name)
        assert "<keep>\n- Keep the line about two.\n</keep>" in prompt
