import pytest

from skillopt_ci.core.edit import Edit
from skillopt_ci.core.history import Rejected
from skillopt_ci.core.rejected import still_rejected
from skillopt_ci.core.skill import Skill

SKILL = Skill(
    name="x", frontmatter="", body="# X\n\n- Write dates as YYYY-MM-DD.\r\n- Round amounts.  \n  Never up.\n\nEnd"
)


@pytest.mark.parametrize(
    ("op", "content", "stays"),
    [
        ("add", "- Write dates as YYYY-MM-DD.", False),  # another pull request brought it in
        ("replace", "\n- Round amounts.\n  Never up.\n", False),
        ("add", "End", False),
        ("add", "Write dates", True),  # part of a line is another edit
        ("add", "- Round amounts.\n\n  Never up.", True),
        ("delete", "", True),
    ],
)
def test_what_the_skill_got_since_is_no_rejected_edit(op: str, content: str, stays: bool) -> None:
    entry = Rejected(edit=Edit(op=op, target="t", content=content, rationale=""), reason="r", effect=None)  # type: ignore[arg-type]
    assert still_rejected(SKILL, [entry]) == ((entry,) if stays else ())
