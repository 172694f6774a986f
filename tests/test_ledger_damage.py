"""Damaged ledgers: what is whole in them is taken over, what is not is bought again, and nothing else is lost."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from skillopt_ci.core.trajectory import Usage
from skillopt_ci.errors import LedgerError
from skillopt_ci.ledger import Ledger
from skillopt_ci.ledger_records import Entry, Purchase
from skillopt_ci.ledger_seal import Seal
from tests.cli.world import call, call_json, files, write
from tests.test_ledger import ENTRY, bought, never

PAGE = 4096


def damaged(path: Path, *statements: str) -> None:
    """Change a ledger behind its back."""
    with closing(sqlite3.connect(path)) as db, db:
        for statement in statements:
            db.execute(statement)


def made(path: Path, keys: str, *, seal: Seal | None = None) -> Path:
    """A ledger with a purchase for every letter, at 0.1 USD each."""
    with Ledger(path, seal=seal) as ledger:
        for key in keys:
            ledger.once(key, ENTRY, lambda key=key: bought(key))  # type: ignore[misc]
        ledger.fail("f", ENTRY, "server", "500")
        ledger.note_run("r", "l", 1, "started", {"planned": 7})
    return path


@pytest.mark.parametrize(
    ("damage", "price_known"),
    [
        ("value='{'", True),
        ("value='7'", True),
        ("value=x'ff00'", False),
        ("value=cast(x'7bff7d' as text)", False),
        ("usd='0.1x'", False),
        ("input_tokens='x'", False),
        ("bought_at='x'", False),
        ("served_model=x'ff'", False),
        ("label=x'ff'", False),
        ("stream=x'ff'", False),
        ("run=x'ff'", False),
    ],
)
def test_a_damaged_record_costs_no_other_one(tmp_path: Path, damage: str, price_known: bool) -> None:
    away, told = made(tmp_path / "away.sqlite", "abc"), []
    damaged(away, f"update purchases set {damage} where key='b'")
    with Ledger(tmp_path / "new.sqlite") as ledger:
        ledger.merge(away, tell=told.append)
        assert [ledger.once(key, ENTRY, never)[0].value for key in "ac"] == [{"v": "a"}, {"v": "c"}]
        assert ledger.find("b") is None
        (spent,) = ledger.spend_by_stage()
        assert (spent.spend.calls, str(spent.spend.usd)) == ((3, "0.3") if price_known else (2, "0.2"))
        assert (len(ledger.failures(9)), ledger.run_events("l")[0].detail) == (1, {"planned": 7})
        assert len(ledger.export()) == spent.spend.calls
        assert ledger.once("b", ENTRY, lambda: bought("again"))[1]
    (said,) = told
    assert said == f"{away}: left out 1 damaged record; what is missing is bought again when it is needed"


def test_damaged_words_about_runs_and_failures_are_left_out(tmp_path: Path) -> None:
    away, told = made(tmp_path / "away.sqlite", "a"), []
    damaged(away, "update runs set detail='{'", "update failures set message=x'00'")
    with Ledger(tmp_path / "new.sqlite") as ledger:
        assert ledger.merge(away, tell=told.append) == 1
        assert (ledger.failures(9), ledger.run_events()) == ([], [])
    assert "left out 2 damaged records" in told[0]


def test_what_is_sealed_with_another_key_is_taken_over_as_it_is(tmp_path: Path) -> None:
    key, told = "sk-proj-0123456789abcdef", []
    away = made(tmp_path / "away.sqlite", "ab", seal=Seal([key], sealing=True))
    with Ledger(tmp_path / "new.sqlite") as ledger:
        assert ledger.merge(away, tell=told.append) == 2
    assert told == []
    with Ledger(tmp_path / "new.sqlite", seal=Seal([key])) as ledger:
        assert ledger.once("a", ENTRY, never)[0].value == {"v": "a"}


def test_of_a_file_with_a_damaged_page_the_rest_is_taken_over(tmp_path: Path) -> None:
    away, count = tmp_path / "away.sqlite", 400
    with Ledger(away) as ledger:
        for n in range(count):
            value = {"v": "x" * 200}
            one = Purchase(value=value, usage=Usage(), usd=None, served_model="m")
            ledger.once(f"k{n:04}", ENTRY, lambda one=one: one)  # type: ignore[misc]
    data = bytearray(away.read_bytes())
    at = data.index(b"k0200") // PAGE * PAGE
    data[at : at + PAGE] = b"\xff" * PAGE
    away.write_bytes(data)
    with Ledger(away) as ledger, pytest.raises(LedgerError, match=r"malformed; move the file away, and `skillopt-ci "):
        ledger.export()
    told: list[str] = []
    with Ledger(tmp_path / "new.sqlite") as ledger:
        gained = ledger.merge(away, tell=told.append)
        assert count - 40 < gained < count
        assert ledger.find("k0000") is not None
        assert ledger.find("k0399") is not None
    assert "left out a part that cannot be read" in told[0]


@pytest.mark.parametrize("pages", [1, 3, 6])
def test_of_a_file_that_was_cut_off_the_rest_is_taken_over(tmp_path: Path, pages: int) -> None:
    away, told = made(tmp_path / "away.sqlite", "", seal=None), []
    with Ledger(away) as ledger:
        for n in range(60):
            ledger.once(f"{n:02}", ENTRY, lambda n=n: bought(str(n) * 200))  # type: ignore[misc]
    data = away.read_bytes()
    away.write_bytes(data[: -pages * PAGE])
    with pytest.raises(LedgerError, match=r"malformed; move the file away, and `skillopt-ci ledger merge THAT-FILE`"):
        Ledger(away)
    with Ledger(tmp_path / "new.sqlite") as ledger:
        assert 10 < ledger.merge(away, tell=told.append) < 60
    assert "a part that cannot be read; what is missing is bought again" in told[0]
    assert len(away.read_bytes()) == len(data) - pages * PAGE  # it stays as it was


def test_the_lives_of_runs_keep_their_order_around_a_damaged_page(tmp_path: Path) -> None:
    """A run that started after it finished would be an unfinished one."""
    away, count, told = tmp_path / "away.sqlite", 100, list[str]()
    with Ledger(away) as ledger:
        for n in range(count):
            ledger.note_run(f"r{n:03}", "l", n, "started", {"planned": " " * 300})
    data = bytearray(away.read_bytes())
    at = data.index(b"r050l") // PAGE * PAGE
    data[at : at + PAGE] = b"\xff" * PAGE
    away.write_bytes(data)
    with Ledger(tmp_path / "new.sqlite") as ledger:
        ledger.merge(away, tell=told.append)
        found = [event.generation for event in ledger.run_events("l")]
    assert "left out a part that cannot be read" in told[0]
    assert found == sorted(found)
    assert (found[0], found[-1]) == (0, count - 1)


@pytest.mark.parametrize("damage", ["value='{\"text\": 1}'", "value='{'", "usd='x'", "value=cast(x'ff' as text)"])
def test_a_command_says_how_a_damaged_ledger_is_mended_and_then_buys_one_call(tmp_path: Path, damage: str) -> None:
    root = tmp_path / "p"
    write(root, files(sizes=(1, 6, 1)))
    assert call(root, "eval").code == 0
    ledger, away = root / ".skillopt/ledger.sqlite", root / "away.sqlite"
    damaged(ledger, f"update purchases set {damage} where label like 'task t003%'")
    done, value = call_json(root, "eval")
    assert (done.code, value["reason"]) == (2, "config")
    advice = "move the file away, and `skillopt-ci ledger merge THAT-FILE` takes over what is whole in it"
    assert value["message"].endswith(advice)
    assert "damaged" in value["message"] or "Could not decode" in value["message"]
    ledger.rename(away)
    merged = call(root, "ledger", "merge", str(away))
    assert (merged.code, "left out 1 damaged record" in merged.err) == (0, True)
    done, value = call_json(root, "eval")
    assert (done.code, value["spend"]["paid"]["calls"], value["spend"]["replayed"]["calls"]) == (0, 1, 5)


def test_a_rollout_that_cannot_be_replayed_is_left_out_and_its_price_stays(tmp_path: Path) -> None:
    write(tmp_path / "p", files())
    away = tmp_path / "away.sqlite"
    with Ledger(away) as ledger:
        entry = Entry(kind="rollout", run="r", stream="val", label="task t1")
        one = Purchase(value={"messages": []}, usage=Usage(input_tokens=9), usd=None, served_model="m", calls=7)
        ledger.once("k", entry, lambda: one)
    assert "left out 1 damaged record" in call(tmp_path / "p", "ledger", "merge", str(away)).err
    with Ledger(tmp_path / "p/.skillopt/ledger.sqlite") as ledger:
        assert ledger.find("k") is None
        assert ledger.spend_by_stream()["val"].calls == 7
