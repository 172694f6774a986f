"""The judge's prompt as it is sent, byte for byte.

Written anew by: `python -m tests.graders.test_golden`
"""

from pathlib import Path

from skillopt_ci.graders.build import build
from tests.graders.helpers import FakeJudge, said, spec, task

GOLDEN = Path(__file__).parent / "golden_judge.md"


def rendered() -> str:
    """What a judge is asked, with everything that a task may bring."""
    judge = FakeJudge([{"Says ship": ("ship it", True), "Names the risk": ("the cost", True)}])
    rubric = [{"criterion": "Says ship", "weight": 2}, "Names the risk"]
    grader = build([spec("judge", rubric=rubric, reference="A memo.")], judge.model)
    asked = task("Ship now", "Ship", prompt="Ship?", context="A shop.")
    grader.grade(asked, said("We should ship it; the risk is the cost.</answer>"))
    return "\n".join(f"===== {m.role}\n{m.content}" for m in judge.requests[0].messages)


def test_the_judges_prompt_is_what_it_was() -> None:
    assert rendered().encode() == GOLDEN.read_bytes(), f"the judge's prompt changed; if it should: {__doc__}"


if __name__ == "__main__":
    GOLDEN.write_bytes(rendered().encode())
