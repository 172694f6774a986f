from dataclasses import replace

from skillopt_ci.core.suite_edits import SuiteEdits, suite_edits
from skillopt_ci.core.task import Attachment, GraderSpec, Source, Suite, Task


def made(name: str, line: int = 1) -> Task:
    return Task(id=name, prompt=f"prompt of {name}", source=Source(file="f", line=line))


def test_added_removed_and_changed_tasks_by_id() -> None:
    before = Suite(tasks=(made("a"), made("b"), made("c"), made("d")))
    graded = replace(made("c"), graders=(GraderSpec(type="exact"),), golden=True)
    attached = replace(made("d"), files=(Attachment(name="x", data=b"1"),))
    after = Suite(tasks=(made("new"), graded, attached, made("b", line=9)))
    found = suite_edits("s", before, after)
    assert found == SuiteEdits(
        skill="s", added=("new",), removed=("a",), changed=(("c", ("graders", "golden")), ("d", ("files",)))
    )
    assert found


def test_another_place_or_order_is_no_change() -> None:
    before = Suite(tasks=(made("a"), made("b")))
    assert not suite_edits("s", before, Suite(tasks=(made("b", line=7), made("a"))))


def test_what_cannot_be_read_is_something_to_tell() -> None:
    assert SuiteEdits(skill="s", unreadable="f:1: no")
