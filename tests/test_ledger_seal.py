"""Sealed answers: nothing of them is in the file, and only the right secret opens them."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from threading import Barrier

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.trajectory import Usage
from skillopt_ci.errors import BudgetReachedError, CallFailedError, LedgerMissError
from skillopt_ci.ledger import Ledger
from skillopt_ci.ledger_records import Entry, Purchase
from skillopt_ci.ledger_seal import Seal, is_sealed

KEY, OTHER = "sk-proj-0123456789abcdef", "sk-ant-fedcba9876543210"
ANSWER = "the total is 4711 EUR"
ENTRY = Entry(kind="call", run="r1", stream="base", label="task t1")


def purchase() -> Purchase:
    value = {"text": ANSWER, "stop": "stop", "seconds": 1.0}
    return Purchase(value=value, usage=Usage(input_tokens=3, output_tokens=4), usd=Decimal("0.5"), served_model="m")


def never() -> Purchase:
    raise AssertionError("bought a second time")


def written(path: Path) -> bytes:
    return b"".join(p.read_bytes() for p in path.parent.glob(path.name + "*"))


def sealed(path: Path, *secrets: str) -> Ledger:
    return Ledger(path, seal=Seal(secrets, sealing=True))


@given(st.text(), st.text(min_size=1))
def test_what_was_sealed_opens_in_its_row_only(text: str, row: str) -> None:
    seal = Seal([KEY], sealing=True)
    stored = seal.close(text, row.encode("utf-8", "replace").decode())
    assert is_sealed(stored)
    assert seal.open(stored, row.encode("utf-8", "replace").decode()) == text.encode("utf-8", "replace").decode()
    assert seal.open(stored, "another row") is None
    assert Seal([OTHER]).open(stored, row) is None


@pytest.mark.parametrize("stored", ["sealed:1:", "sealed:1:!!", "sealed:1:AAAA", "sealed:1:" + "A" * 200])
def test_a_damaged_seal_does_not_open(stored: str) -> None:
    assert Seal([KEY]).open(stored, "k") is None


def test_of_several_secrets_any_opens() -> None:
    assert [Seal(["k" * length]).lasts for length in (15, 16)] == [False, True]
    stored = Seal([OTHER], sealing=True).close("x", "k")
    assert Seal([KEY, OTHER]).open(stored, "k") == "x"


def test_threads_that_meet_open_what_the_others_sealed() -> None:
    workers = 8
    for _ in range(20):
        seal, barrier = Seal(sealing=True), Barrier(workers)

        def stored(text: str, seal: Seal = seal, barrier: Barrier = barrier) -> str:
            barrier.wait()
            return seal.close(text, "k")

        with ThreadPoolExecutor(workers) as pool:
            texts = list(pool.map(stored, map(str, range(workers))))
        assert [seal.open(text, "k") for text in texts] == [str(n) for n in range(workers)]


@pytest.mark.parametrize("secrets", [(), ("none",), ("short", "")])
def test_without_a_secret_nobody_opens_it_again(secrets: tuple[str, ...]) -> None:
    seal = Seal(secrets, sealing=True)
    stored = seal.close("x", "k")
    assert not seal.lasts
    assert seal.open(stored, "k") == "x"
    assert Seal(secrets, sealing=True).open(stored, "k") is None


class TestLedger:
    def test_no_answer_is_in_the_file_and_a_later_process_replays_it(self, tmp_path: Path) -> None:
        path = tmp_path / "ledger.sqlite"
        with sealed(path, KEY) as ledger:
            ledger.once("k1", ENTRY, purchase)
            ledger.fail("k2", ENTRY, "request", f"refused: {ANSWER}")
            assert b"4711" not in written(path)
        assert b"4711" not in written(path)
        assert b"task t1" in written(path)  # the rest can be read
        with Ledger(path, seal=Seal([KEY])) as ledger:
            found, bought = ledger.once("k1", ENTRY, never)
            assert (found.value["text"], found.usd, bought) == (ANSWER, Decimal("0.5"), False)
            assert ledger.failures(1) == [("task t1", "request", f"refused: {ANSWER}")]
            assert ledger.export()[0]["value"] == dict(purchase().value)

    def test_without_the_secret_it_is_bought_again_and_the_money_is_counted(self, tmp_path: Path) -> None:
        path = tmp_path / "ledger.sqlite"
        with sealed(path, KEY) as ledger:
            ledger.once("k1", ENTRY, purchase)
            ledger.fail("k2", ENTRY, "request", ANSWER)
        with Ledger(path) as ledger:
            assert ledger.export()[0]["value"] is None
            assert ledger.failures(1) == [("task t1", "request", "(sealed)")]
            assert ledger.once("k1", ENTRY, purchase)[1]
            assert ledger.once("k1", ENTRY, never)[0].value["text"] == ANSWER
            assert ledger.spent_since(0) == Decimal(1)

    def test_a_replay_without_the_secret_says_why_it_ends(self, tmp_path: Path) -> None:
        path = tmp_path / "ledger.sqlite"
        with sealed(path, KEY) as ledger:
            ledger.once("k1", ENTRY, purchase)
            ledger.fail("k2", ENTRY, "request", ANSWER)
        with Ledger(path, replay_only=True) as ledger:
            with pytest.raises(LedgerMissError, match="is sealed with a key that is not here: task t1"):
                ledger.once("k1", ENTRY, never)
            ledger.ended = BudgetReachedError("what ended it then", limit="calls")
            with pytest.raises(LedgerMissError, match="is sealed"):
                ledger.once("k1", ENTRY, never)
            with pytest.raises(CallFailedError, match=r"\(sealed\)"):
                ledger.once("k2", ENTRY, never)

    def test_sealed_rows_are_merged_as_they_are(self, tmp_path: Path) -> None:
        with sealed(tmp_path / "one.sqlite", KEY) as ledger:
            ledger.once("k1", ENTRY, purchase)
        with sealed(tmp_path / "two.sqlite", KEY) as ledger:
            assert ledger.merge(tmp_path / "one.sqlite") == 1
            assert ledger.once("k1", ENTRY, never)[0].value["text"] == ANSWER

    def test_what_was_stored_plainly_is_sealed_later(self, tmp_path: Path) -> None:
        path = tmp_path / "ledger.sqlite"
        with Ledger(path) as ledger:
            ledger.once("k1", ENTRY, purchase)
            ledger.fail("k2", ENTRY, "request", ANSWER)
            ledger.seal_rest()
        assert b"4711" in written(path)
        with sealed(path, KEY) as ledger:
            ledger.seal_rest()
            ledger.seal_rest()
            assert ledger.once("k1", ENTRY, never)[0].value["text"] == ANSWER
        assert b"4711" not in written(path)
