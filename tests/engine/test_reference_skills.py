"""Skills that the reference implementation trained: a step beside their protected region, a slow update inside it."""

from pathlib import Path

import pytest

from skillopt_ci.core.edit import SLOW_END, SLOW_START, Edit, slow_update_text
from skillopt_ci.core.skill import Skill, parse_skill
from tests.core.bodies import REAL
from tests.engine.bench import Scripted, add, bench, run, tasks

MORE = Path(__file__).parents[3] / "shared" / "data" / "skillopt-skills"  # all six, where they lie beside the project
LONG = "Look twice at totals.\n\nWhen two rows disagree:\n- take the later one\n- say so\n"
WRITTEN = {
    "empty region": f"# A\n\n- one rule\n\n{SLOW_START}\n{SLOW_END}\n",
    "guidance": f"# A\n\n- one rule\n\n{SLOW_START}\n{LONG}{SLOW_END}\n",
    "no newline at the end": f"# A\n\n- one rule\n\n{SLOW_START}\n{LONG}{SLOW_END}",
    "in the middle": f"# A\n\n- one rule\n\n{SLOW_START}\n{LONG}{SLOW_END}\n\n## Later\n\nMore.\n",
    "CRLF": f"# A\n\n- one rule\n\n{SLOW_START}\n{LONG}{SLOW_END}\n".replace("\n", "\r\n"),
    "no region yet": "# A\n\n- one rule\n",
}
FILES = sorted((MORE if MORE.is_dir() else REAL).glob("*/SKILL.md"))
VAL = tasks("zqa", "zqb", "zqc", "zqd")  # each passes when its id stands in the body
GUIDANCE = "Mind the zqc.\n\nAnd the zqd."


def read(data: bytes) -> Skill:
    return parse_skill(data, path="SKILL.md", name="real")


def region(body: str) -> str | None:
    """The region with its markers; None when there is none."""
    start, end = body.find(SLOW_START), body.find(SLOW_END)
    return None if start < 0 else body[start : end + len(SLOW_END)]


def trained(start: Skill) -> tuple[Skill, Skill]:
    """(after two edit steps, after the slow update) of a run that also tries to edit the region."""
    inside = slow_update_text(start).split("\n")[0]
    attacks = [
        Edit(op="replace", target=inside, content="Overwritten."),
        Edit(op="delete", target=inside, content=""),
        Edit(op="delete", target=SLOW_START, content=""),
        Edit(op="add", target=inside or SLOW_START, content=f"{SLOW_END}\nOverwritten."),
    ]
    optimizer = Scripted([[*attacks, add("- zqa")], [*attacks, add("- zqb")]], guidance=[GUIDANCE])
    made = bench(optimizer, train=VAL, val=VAL, epochs=2, meta_notes=False, budget_start=8, budget_end=8)
    result, _ = run(made, start)
    assert [(s.kind, s.action) for s in result.steps[:3]] == [
        ("edit", "accept"),
        ("edit", "accept"),
        ("slow_update", "accept"),
    ]
    return result.versions[1], result.versions[2]


@pytest.mark.parametrize("data", [*(p.read_bytes() for p in FILES), *(t.encode() for t in WRITTEN.values())])
def test_a_trained_skill_trains_on(data: bytes) -> None:
    start = read(data)
    assert start.text.encode() == data
    edited, best = trained(start)
    assert region(edited.body) == region(start.body)  # byte by byte, whatever was tried
    assert "Overwritten" not in edited.body
    assert {"- zqa", "- zqb"} <= {line.strip() for line in edited.body.splitlines()}
    assert slow_update_text(best).replace("\r\n", "\n") == GUIDANCE
    assert best.body.count(SLOW_START) == best.body.count(SLOW_END) == 1
    own = region(edited.body)
    if own is None:
        assert best.body.startswith(edited.body)
    else:  # outside of the region nothing moved
        before, after = edited.body.split(own)
        assert best.body.startswith(before)
        assert best.body.endswith(after)
        assert best.body.removeprefix(before).removesuffix(after) == region(best.body)


def test_there_are_real_skills_to_try() -> None:
    assert len(FILES) in (2, 6)
    assert all(region(read(p.read_bytes()).body) for p in FILES)
