"""The month's limit over all runs of a repository."""

import json
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from skillopt_ci.cli.console import Console
from skillopt_ci.cli.month import MonthBook, month_book, month_name
from skillopt_ci.core.spend import Limits
from skillopt_ci.core.spending import SpendRecord, parse_record, render_record
from skillopt_ci.errors import BudgetReachedError, ForgeError, SkilloptError
from tests.forge.artifact_host import REPOSITORY, ArtifactHost

NOVEMBER, DECEMBER = 1_795_000_000.0, 1_796_500_000.0


def others(month: str = "2026-11", usd: str = "3") -> SpendRecord:
    return SpendRecord(months={month: {"7/1/00000000": Decimal(usd)}}, until="2026-11-02T00:00:00Z")


@pytest.fixture
def host() -> Iterator[ArtifactHost]:
    made = ArtifactHost()
    yield made
    made.close()


def env(tmp_path: Path, host: ArtifactHost | None = None, **more: str) -> dict[str, str]:
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"repository": {"default_branch": "main"}}), encoding="utf-8")
    found = {
        "SKILLOPT_CI_SPEND": str(tmp_path / "spend" / "spend.json"),
        "GITHUB_EVENT_NAME": "push",
        "GITHUB_EVENT_PATH": str(event),
        "GITHUB_REPOSITORY": REPOSITORY,
        "GITHUB_RUN_ID": "42",
        "GITHUB_RUN_ATTEMPT": "2",
    }
    if host is not None:
        found |= {"GITHUB_API_URL": host.url, "GITHUB_TOKEN": "ghs_secret"}
    return {**found, **more}


def test_the_book_is_written_while_it_goes_on_and_over_the_turn_of_a_month(tmp_path: Path) -> None:
    place = tmp_path / "spend.json"
    moment = [NOVEMBER]
    book = MonthBook(place, others(), "42/1/aaaaaaaa", now=lambda: moment[0])
    assert book.before == 3
    book.add(Decimal("0.25"))
    book.add(Decimal("0.25"))
    assert parse_record(place.read_bytes()).total("2026-11") == Decimal("3.25")  # the second within a second
    moment[0] = DECEMBER
    book.add(Decimal(1))
    told = parse_record(place.read_bytes())
    assert (told.total("2026-11"), told.total("2026-12"), told.until) == (Decimal("3.5"), Decimal(1), others().until)


def test_who_spends_nothing_and_knows_nothing_leaves_nothing(tmp_path: Path) -> None:
    with month_book(Console(), Limits(), limited=False, env=env(tmp_path)) as book:
        assert book.before == 0
    assert not (tmp_path / "spend").exists()


def test_a_receipt_that_cannot_be_written_is_told_at_the_end_only(tmp_path: Path) -> None:
    (tmp_path / "spend").write_text("a file where the folder should be", encoding="utf-8")
    book = MonthBook(tmp_path / "spend" / "spend.json", SpendRecord(), "1/1/aaaaaaaa")
    book.add(Decimal(1))
    with pytest.raises(SkilloptError, match="cannot be written"):
        book.close()


def test_outside_of_the_action_there_is_no_book(tmp_path: Path) -> None:
    with month_book(Console(), Limits(month_usd=Decimal(1)), limited=True, env={}) as book:
        book.add(Decimal(1))
    assert list(tmp_path.iterdir()) == []


def test_what_others_spent_counts_and_is_handed_on(tmp_path: Path, host: ArtifactHost) -> None:
    now = month_name(time.time())
    host.spent(7, render_record(others(now, "3")), f"{now}-01T00:00:01Z")
    with month_book(Console(), Limits(month_usd=Decimal(9)), limited=True, env=env(tmp_path, host)) as book:
        assert book.before == 3
        book.add(Decimal(1))
    told = parse_record((tmp_path / "spend/spend.json").read_bytes())
    assert told.total(now) == 4
    assert [key.rpartition("/")[0] for key in sorted(told.months[now])] == ["42/2", "7/1"]
    # A second step of the job goes on from the file of the first.
    with month_book(Console(), Limits(month_usd=Decimal(9)), limited=True, env=env(tmp_path, host)) as book:
        assert book.before == 4


def test_runs_that_could_not_be_read_count_with_their_limit(
    tmp_path: Path, host: ArtifactHost, capsys: pytest.CaptureFixture[str]
) -> None:
    now = month_name(time.time())
    for n in range(1, 11):
        usd = Decimal("1.5" if n == 10 else "0.5")
        text = render_record(SpendRecord(months={now: {f"{n}/1/00000000": usd}}))
        host.spent(n, text, f"{now}-01T00:00:{n:02d}Z")
    event = tmp_path / "pull.json"
    head = {"ref": "x", "sha": "a" * 40, "repo": {"full_name": REPOSITORY}}
    payload = {
        "number": 3,
        "pull_request": {"head": head, "base": {"ref": "main"}},
        "repository": {"default_branch": "main"},
    }
    event.write_text(json.dumps(payload), encoding="utf-8")
    own = {"GITHUB_RUN_ID": "10"}  # an earlier attempt of the same run, whose receipt is read first
    judging = env(tmp_path, host, GITHUB_EVENT_NAME="pull_request", GITHUB_EVENT_PATH=str(event), **own)
    limits = Limits(usd=Decimal(2), month_usd=Decimal(9))
    with month_book(Console(), limits, limited=True, env=judging) as book:
        assert book.before == 7 * Decimal("0.5") + Decimal("1.5") + 2 * 2
    assert "2 more runs of this month could not be read" in capsys.readouterr().err
    (tmp_path / "spend/spend.json").unlink()
    with (
        pytest.raises(BudgetReachedError, match="without budget"),
        month_book(Console(), Limits(month_usd=Decimal(9)), limited=True, env=judging),
    ):
        pass
    told = parse_record((tmp_path / "spend/spend.json").read_bytes())  # what was read is handed on all the same
    assert told.total(now) == 5
    (tmp_path / "spend/spend.json").unlink()
    with month_book(Console(), Limits(month_usd=Decimal(9)), limited=True, env=env(tmp_path, host)) as book:
        assert book.before == 6  # a run of the default branch reads them all


def test_records_that_cannot_be_had_end_it_before_anything_is_bought(tmp_path: Path, host: ArtifactHost) -> None:
    host.status["list"] = 403
    with (
        pytest.raises(ForgeError),
        month_book(Console(), Limits(month_usd=Decimal(9)), limited=True, env=env(tmp_path, host)),
    ):
        pass


def test_without_a_token_the_log_says_what_is_not_known(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with month_book(Console(), Limits(month_usd=Decimal(9)), limited=True, env=env(tmp_path)) as book:
        assert book.before == 0
    assert "no github-token" in capsys.readouterr().err
