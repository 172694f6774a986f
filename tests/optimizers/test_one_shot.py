"""The rewrite's prompt, byte for byte (written anew by `python -m tests.optimizers.test_one_shot`), and its answers."""

from dataclasses import replace
from pathlib import Path

import pytest

from skillopt_ci.core.skill import Skill
from skillopt_ci.errors import CallFailedError
from skillopt_ci.optimizers.base import Rewrite
from skillopt_ci.optimizers.gepa_reflection import record
from skillopt_ci.optimizers.one_shot import SHOWN, OneShot
from skillopt_ci.optimizers.wording import READ_TOKENS
from skillopt_ci.providers.base import Model
from tests.optimizers.samples import PLACE, SKILL, Answer, Answers, down, evidence, rejected, rollout, task

GOLDEN = Path(__file__).parent / "golden_one_shot.md"
GIVEN = {"reasoning": "dates were missing", "body": "# Title\n\n- one\n- three\n"}


def one_shot(answer: Answer) -> tuple[OneShot, Answers]:
    provider = Answers(answer)
    return OneShot(Model(provider=provider, model="m", temperature=0.5, max_output_tokens=99)), provider


def rendered() -> str:
    made, provider = one_shot(lambda request: GIVEN)
    made.rewrite(SKILL, evidence([0, 0.5], rejected=[rejected("- four")]))
    return "\n".join(f"===== {m.role}\n{m.content}" for m in provider.requests[0].messages)


def test_the_prompt_is_what_it_was() -> None:
    assert rendered().encode() == GOLDEN.read_bytes(), f"the prompt changed; if it should: {__doc__}"


def test_hidden_words_and_the_frontmatter_are_not_in_it() -> None:
    assert "SECRET" not in rendered()
    assert "secret-name" not in rendered()


def test_one_call_and_where_it_stands() -> None:
    made, provider = one_shot(lambda request: GIVEN)
    found = made.rewrite(SKILL, evidence([0]))
    assert found == Rewrite(text="# Title\n\n- one\n- three", rationale="dates were missing")
    [request] = provider.requests
    assert (request.place, request.stream, request.schema and request.schema.name) == (
        PLACE.at("one-shot"),
        "optimizer",
        "skill_rewrite",
    )


def test_regions_at_the_end_are_not_shown() -> None:
    made, provider = one_shot(lambda request: GIVEN)
    body = "# T\n\n<!-- SLOW_UPDATE_START -->\nMind the gap.\n<!-- SLOW_UPDATE_END -->\n"
    made.rewrite(Skill(name="x", frontmatter="", body=body), evidence([0]))
    assert "Mind the gap" not in provider.requests[0].messages[1].content


@pytest.mark.parametrize("answer", [{"reasoning": "", "body": "  "}, {"reasoning": "", "body": 1}, {"body": "x"}, []])
def test_an_answer_that_does_not_fit_is_asked_for_again_and_fails(answer: object) -> None:
    made, provider = one_shot(lambda request: answer)
    with pytest.raises(CallFailedError, match="malformed"):
        made.rewrite(SKILL, evidence([0]))
    assert len(provider.requests) == 2


def test_a_dead_call_is_told() -> None:
    with pytest.raises(CallFailedError, match="500"):
        one_shot(down)[0].rewrite(SKILL, evidence([0]))


def test_many_failures_are_shown_as_far_as_there_is_room() -> None:
    made, provider = one_shot(lambda request: GIVEN)
    given = evidence([0] * 40)
    long = tuple(rollout(t.id, 0, answer="long " * 1000) for t in given.tasks)
    made.rewrite(SKILL, replace(given, rollouts=long))
    prompt = provider.requests[0].messages[1].content
    assert len(prompt) < 4 * READ_TOKENS * 1.3
    assert prompt.count("<rollout ") == SHOWN


def test_what_gepa_shows_of_a_trajectory_hides_what_the_optimizer_must_not_see() -> None:
    shown = record(task("t0", context="in Oslo"), rollout("t0", 0.5, answer="Bergen"))
    assert shown == {
        "Inputs": "prompt of t0\n\nin Oslo",
        "Generated Outputs": "Bergen",
        "Feedback": "Score 0.50 of 1. a hint",
    }
    assert record(task("t0"), rollout("t0", None))["Feedback"] == "No result."


if __name__ == "__main__":
    GOLDEN.write_bytes(rendered().encode())
