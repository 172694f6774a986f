"""Every prompt as it is sent, byte for byte, for people to read and for changes to show.

Written anew by: `python -m tests.optimizers.test_golden`
"""

from dataclasses import replace
from pathlib import Path

import pytest

from skillopt_ci.core.trajectory import Message, ToolCall
from skillopt_ci.providers.base import Request
from tests.optimizers import test_describing as describing
from tests.optimizers.samples import SKILL, edits, evidence, optimizer, pair, rejected, rollout

FOLDER = Path(__file__).parent / "golden"
NAMES = ("failures", "successes", "merge", "rank", "slow_update", "meta_notes", "again", "agent", "describe")


def rendered() -> dict[str, str]:
    """Name of the golden file -> what the model is sent."""

    def answer(request: Request) -> object:
        if len(request.messages) == 2 and "successes" in request.label:
            return "Here you are: edits"
        values = {
            "ranking": {"order": [2, 1]},
            "slow_update": {"reasoning": "", "guidance": "Mind it."},
            "meta_notes": {"notes": "Short edits were kept."},
        }
        made = edits(("replace", "- two", "- deux"), ("replace", "- two", "- zwei"), ("add", "", "- three"))
        return values.get(request.schema.name, made) if request.schema else made

    made, provider = optimizer(answer)
    given = evidence(
        [0, 0.5, 1], budget=1, notes="Lists work.", rejected=[rejected("- four"), rejected("- five", effect=None)]
    )
    made.propose(SKILL, given)
    made.slow_update(SKILL, (pair("t0", 0, 1), pair("t1", 0.5, 0)), given)
    made.meta_notes(SKILL, "Step 1, edit: reject (not better, -5 points)\n- [add] - four", given)
    again = next(r for r in provider.requests if len(r.messages) > 2)
    first = {r.label.split(",")[0]: r.messages for r in provider.requests if len(r.messages) == 2}
    names = ("reflect on failures", "reflect on successes", "merge", "rank", "slow update", "meta notes")
    texts = [_text(first[name]) for name in names]
    return dict(zip(NAMES, [*texts, _text(again.messages[2:]), _agent(), _describe()], strict=True))


def _agent() -> str:
    """What is read of an agent's failures: tool calls, a pass of the same task, what recurs."""
    failed = [rollout(f"t{n}", 0.0, "I could not.", hint=f"section {n} is missing") for n in range(3)]
    calls = tuple(ToolCall(name="bash", arguments=f"ls {n}", result=f"{n} files") for n in range(1, 9))
    denied = ToolCall(name="write", arguments="/etc/x", result="denied: outside of the folder")
    assert failed[1].trajectory is not None
    failed[1] = replace(failed[1], trajectory=replace(failed[1].trajectory, tool_calls=(denied, *calls)))
    given = replace(
        evidence([0, 0, 0], minibatch=3),
        rollouts=tuple(failed),
        earlier=(rollout("t2", 1.0, "Section 2: done."),),
    )
    made, provider = optimizer(lambda request: edits())
    made.propose(SKILL, given)
    return provider.prompts()[0]


def _describe() -> str:
    """What better descriptions are asked for with."""
    made, provider = optimizer(lambda request: {"reasoning": "", "descriptions": []})
    told = rejected("")
    made.propose(describing.SKILL, replace(describing.EVIDENCE, rejected=(replace(told, edit=describing.REJECTED),)))
    return _text(provider.requests[0].messages)


def _text(messages: tuple[Message, ...]) -> str:
    return "\n".join(f"===== {m.role}\n{m.content}" for m in messages)


@pytest.mark.parametrize("name", NAMES)
def test_prompts_are_what_they_were(name: str) -> None:
    golden = (FOLDER / f"{name}.md").read_bytes()
    assert rendered()[name].encode() == golden, f"prompt '{name}' changed; if it should: {__doc__}"


def test_there_is_no_golden_file_too_many() -> None:
    assert sorted(p.stem for p in FOLDER.iterdir()) == sorted(NAMES)


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for file, text in rendered().items():
        (FOLDER / f"{file}.md").write_bytes(text.encode())
