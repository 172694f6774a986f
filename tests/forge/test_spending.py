"""What other runs have spent, from the artifacts that they left on a host."""

from collections.abc import Iterator
from decimal import Decimal

import pytest

from skillopt_ci.core.spending import SpendRecord, render_record
from skillopt_ci.errors import ForgeError
from skillopt_ci.forge.spending import MOST, MOST_IN_A_GATE, Spending, read_spending
from tests.forge.artifact_host import ArtifactHost, damaged, otherwise_damaged

MONTH = "2026-11"


def record(until: str = "", **usd: str) -> str:
    """A record; `r7="2"` is 2 USD of run 7."""
    runs = {f"{name[1:]}/1/00000000": Decimal(amount) for name, amount in usd.items()}
    return render_record(SpendRecord(months={MONTH: runs}, until=until))


def at(minute: int) -> str:
    return f"2026-11-20T{minute // 60:02d}:{minute % 60:02d}:00Z"


@pytest.fixture
def host() -> Iterator[ArtifactHost]:
    made = ArtifactHost()
    yield made
    made.close()


def read(host: ArtifactHost, most: int = MOST_IN_A_GATE, own: int = 0) -> Spending:
    with host.connected() as api:
        return read_spending(api, "main", MONTH, most=most, own=own)


def requests(host: ArtifactHost) -> int:
    return sum(not path.startswith("/store") for path, _ in host.seen)


def test_nothing_was_spent_yet(host: ArtifactHost) -> None:
    assert read(host) == Spending(record=SpendRecord(), unread=0)
    assert requests(host) == 1


def test_what_pull_requests_and_the_default_branch_left_is_added_up(host: ArtifactHost) -> None:
    host.spent(7, record(r7="2"), at(1))
    host.spent(8, record(r8="0.5", r7="2"), at(2), branch="main")
    host.spent(9, record(r9="1"), at(3))
    found = read(host)
    assert (found.record.total(MONTH), found.record.until, found.unread) == (Decimal("3.5"), at(3), 0)
    assert requests(host) == 4 + 3  # of the run, of the branch, of how they stand


def test_what_the_default_branch_has_added_up_is_not_read_again(host: ArtifactHost) -> None:
    for n in range(1, 31):
        host.spent(n, record(**{f"r{n}": "1"}), at(n))
    whole = read(host, MOST)
    assert (whole.record.total(MONTH), whole.record.until) == (Decimal(30), at(30))
    host.spent(40, render_record(whole.record), at(40), branch="main")
    host.spent(41, record(r41="1"), at(41))
    host.seen.clear()
    assert read(host).record.total(MONTH) == Decimal(31)
    assert requests(host) <= 1 + 3 + 3


def test_too_many_for_a_gate_are_counted_and_added_up_later(host: ArtifactHost) -> None:
    for n in range(1, 13):
        host.spent(n, record(**{f"r{n}": "1"}), at(n))
    found = read(host)
    assert (found.record.total(MONTH), found.unread, found.record.until) == (Decimal(8), 4, at(8))
    assert requests(host) == 1 + 8
    # A record that is not complete says so: the next one goes on after it.
    host.spent(20, render_record(found.record), at(20), branch="main")
    assert read(host).record.total(MONTH) == Decimal(12)


def test_what_has_expired_before_anybody_added_it_up_is_not_nothing(host: ArtifactHost) -> None:
    for n in (1, 2, 3, 4):
        host.spent(n, record(**{f"r{n}": "1"}), at(n))
    host.spent(5, record(until=at(2), r1="1", r2="1"), at(5), branch="main")
    for gone in host.records[2:]:  # of 3, 2 and 1; that of main has the last two
        gone["expired"] = True
    found = read(host)
    assert (found.record.total(MONTH), found.unread, found.record.until) == (Decimal(3), 1, at(2))
    host.records[0]["expired"] = True  # nobody believes what cannot be read any more
    found = read(host)
    assert (found.record.total(MONTH), found.unread) == (Decimal(1), 4)


def test_a_pull_request_cannot_speak_for_others_nor_hide_them(host: ArtifactHost) -> None:
    host.spent(7, record(r7="2"), at(1))
    host.spent(8, record(until="2026-11-30T00:00:00Z", r7="50", r8="1"), at(2))
    found = read(host)
    assert (found.record.total(MONTH), found.record.until) == (Decimal(3), at(2))


@pytest.mark.parametrize("which", ["tag", "pull request", "gone"])
def test_the_name_of_the_default_branch_is_not_enough(host: ArtifactHost, which: str) -> None:
    """A run of a tag of that name, or of a pull request from the branch: its workflow file is then the other one's."""
    host.spent(7, record(r7="2"), at(1))
    host.spent(8, record(r8="3", r7="2"), at(2), branch="main")
    event = "pull_request" if which == "pull request" else "push"
    host.spent(9, record(until="2026-11-30T00:00:00Z", r9="1", r8="100"), at(3), branch="main", event=event)
    host.status_of = {f"{9:040x}": "ahead"} if which == "tag" else {}
    if which == "gone":
        del host.run_of_record[9]
    found = read(host)
    assert (found.record.total(MONTH), found.record.until) == (Decimal(6), at(3))


def test_many_runs_of_that_name_are_not_looked_at(host: ArtifactHost) -> None:
    host.spent(7, record(r7="2"), at(1), branch="main")
    for n in range(8, 14):
        host.spent(n, record(until="2026-11-30T00:00:00Z"), at(n), branch="main", event="pull_request")
    assert read(host).record.total(MONTH) == 2
    assert requests(host) == 1 + 3 + 7


@pytest.mark.parametrize(
    "changes",
    [
        {"home": 2},  # a fork's run, which has no key, and may call its branch as it likes
        {"at": "2026-10-31T23:59:59Z"},
    ],
)
def test_what_does_not_count(host: ArtifactHost, changes: dict[str, object]) -> None:
    host.spent(7, record(r7="1000"), **{"at": at(1), "branch": "main", **changes})  # type: ignore[arg-type]
    assert read(host).record.total(MONTH) == 0
    assert requests(host) == 1


@pytest.mark.parametrize("data", [b"no archive", b"", damaged("spend.json"), *otherwise_damaged("spend.json")])
def test_a_record_that_is_none_says_nothing(host: ArtifactHost, data: bytes) -> None:
    host.stored[host.spent(7, "", at(1))] = data
    host.spent(8, "not json", at(2))
    host.spent(9, record(r9="1"), at(3))
    assert read(host) == Spending(
        record=SpendRecord(months={MONTH: {"9/1/00000000": Decimal(1)}}, until=at(3)), unread=0
    )


def test_earlier_attempts_of_the_same_run_come_first(host: ArtifactHost) -> None:
    for n in range(1, 13):
        host.spent(n, record(**{f"r{n}": "1"}), at(n))
    found = read(host, own=12)
    assert "12/1/00000000" in found.record.months[MONTH]
    assert found.record.until == at(7)


def test_what_this_run_left_before_says_nothing_of_others(host: ArtifactHost) -> None:
    host.spent(12, record(r12="1"), at(12))
    found = read(host, own=12)
    assert (found.record.total(MONTH), found.record.until) == (Decimal(1), "")


def test_records_of_the_same_second_are_not_lost(host: ArtifactHost) -> None:
    for n in range(1, 10):
        host.spent(n, record(**{f"r{n}": "1"}), at(min(n, 8)))
    found = read(host)
    assert (found.unread, found.record.until) == (1, at(8))
    host.spent(20, render_record(found.record), at(20), branch="main")
    assert read(host).record.total(MONTH) == Decimal(9)


def test_one_more_record_of_a_run_that_is_known_is_unread_while_it_can_be_read(host: ArtifactHost) -> None:
    for n in (*range(1, 9), 1):
        host.spent(n, record(**{f"r{n}": "1"}), at(len(host.records) + 1))
    assert read(host).unread == 1


def test_records_beyond_what_can_be_listed(host: ArtifactHost) -> None:
    for n in range(1, 202):
        host.spent(n, record(), at(n))
    with pytest.raises(ForgeError, match="run the baseline on main"):
        read(host)


def test_a_job_that_may_not_look(host: ArtifactHost) -> None:
    host.status["list"] = 403
    with pytest.raises(ForgeError):
        read(host)
