"""The loss report in words."""

from skillopt_ci.suites.base import Loss
from skillopt_ci.suites.losses import MOST_LINES, report


def test_like_losses_are_counted_together() -> None:
    losses = [Loss("f", n, f"t{n}", f"assertions[{n}].type", "code") for n in range(1, 4)]
    losses += [Loss("f", 9, "", "config", "elsewhere"), Loss("f", 5, "t", "", "left out")]
    assert [str(p) for p in report(losses)] == [
        "f:1: warning: not imported: 'assertions[].type' of 't1' and 2 more like it: code",
        "f:9: warning: not imported: 'config': elsewhere",
        "f:5: warning: not imported: an item of 't': left out",
    ]
    assert report([]) == []


def test_a_long_report_is_cut() -> None:
    found = report([Loss("f", 1, "", f"k{n}", "r") for n in range(MOST_LINES + 7)])
    assert len(found) == MOST_LINES + 1
    assert found[-1].message == "not imported: 7 more of other kinds; --json lists all"
