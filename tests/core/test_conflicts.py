"""What git leaves where a merge was not finished: in skills, tasks and configurations it is an error with its line."""

from pathlib import Path

import pytest

from skillopt_ci.core.conflicts import UNMERGED, conflict_line
from skillopt_ci.core.skill_rules import check_skill
from tests.cli.world import CONFIG, GOOD, PATH, TASKS, call, config, repository, tasks, write

MARKS = "<<<<<<< HEAD\n- One.\n=======\n- Two.\n>>>>>>> topic\n"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (MARKS, 1),
        ('A 5" pipe\n' + MARKS, 2),
        ("a\r\n" + MARKS.replace("\n", "\r\n"), 2),
        ("a\n" + MARKS.replace("=======\n", "||||||| base\n- Zero.\n=======\n"), 2),
        ("Title\n=======\n", None),
        (MARKS.replace("=======", "========"), None),
        (MARKS.replace(">>>>>>> topic\n", ""), None),
        (MARKS.replace("<<<<<<< ", "    <<<<<<< "), None),
        ("<<<<<<< a\n" * 3, None),
    ],
)
def test_three_marks_in_order_are_a_conflict(text: str, line: int | None) -> None:
    assert conflict_line(text) == line


def test_marks_without_an_end_take_no_square_of_time() -> None:
    assert conflict_line("<<<<<<< a\n" * 300_000) is None


def test_a_cell_of_a_table_may_show_a_conflict() -> None:
    assert conflict_line(f'prompt\n"Merge:\n{MARKS}"\n', quoted=True) is None
    assert conflict_line(f'prompt\n"a"\n{MARKS}', quoted=True) == 3


def test_a_skill_is_not_ready_and_an_example_in_a_fence_is_a_warning() -> None:
    def said(text: str) -> list[str]:
        return [str(p) for p in check_skill(text.encode(), path="SKILL.md", directory="invoices")]

    assert said(GOOD + MARKS) == [f"SKILL.md:12: {UNMERGED}"]
    assert said("---\n" + MARKS + GOOD.removeprefix("---\n")) == [f"SKILL.md:2: {UNMERGED}"]
    (warning,) = said(f"{GOOD}\n- So:\n\n  x\n\n```\n{MARKS}```\n")
    assert warning == (
        "SKILL.md:18: warning: conflict marks of a merge stand in a fence; if it is no example, choose a side"
    )


@pytest.mark.parametrize(
    ("path", "text", "line"),
    [
        (TASKS, tasks(1, 1, 12) + MARKS, 15),
        (CONFIG, config() + "\n" + MARKS, None),
        ("evals/x.yaml", f"- prompt: a\n  expected: b\n{MARKS}", 3),
        ("evals/x.json", f"[\n{MARKS}]\n", 2),
        ("evals/x.csv", f"question,answer\na,b\n{MARKS}", 3),
        (PATH, GOOD + MARKS, 12),
    ],
)
def test_check_says_it_once_in_place_of_what_a_parser_makes_of_it(
    tmp_path: Path, path: str, text: str, line: int | None
) -> None:
    entry = {"path": PATH, "tasks": [path if path.startswith("evals") else TASKS], "graders": [{"type": "exact"}]}
    made = repository(tmp_path / "repo", skill=GOOD, sizes=(0, 0, 12), skills=[entry], optimizer=None)
    write(made.root, {path: text})
    done = call(made.root, "check")
    errors = [told for told in done.lines if "warning" not in told]
    assert (done.code, errors) == (2, [f"{path}:{line or config().count(chr(10)) + 2}: {UNMERGED}"])


def test_a_case_in_a_file_of_its_own_may_be_about_merging(tmp_path: Path) -> None:
    entry = {"path": PATH, "tasks": ["cases"], "graders": [{"type": "contains", "values": ["One"]}]}
    made = repository(tmp_path / "repo", skill=GOOD, skills=[entry], optimizer=None, gate={"splits": ["test"]})
    write(made.root, {"cases/a/prompt.md": f"Resolve this:\n{MARKS}", "cases/a/graders/x.md": "Says One."})
    said = call(made.root, "check").err
    assert "cases/a/prompt.md:1: warning: not imported" in said  # it was read
    assert UNMERGED not in said
