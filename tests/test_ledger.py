import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from skillopt_ci.core.spend import Spend
from skillopt_ci.core.trajectory import Usage
from skillopt_ci.errors import CallFailedError, LedgerError, LedgerMissError
from skillopt_ci.ledger import Ledger
from skillopt_ci.ledger_records import Entry, Purchase

ROOT = Path(__file__).parents[1]
ENTRY = Entry(kind="call", run="r1", stream="val", label="task t1")


def bought(value: object, usd: str | None = "0.1") -> Purchase:
    price = None if usd is None else Decimal(usd)
    return Purchase(
        value={"v": value}, usage=Usage(input_tokens=3, output_tokens=1), usd=price, served_model="m", run="r1"
    )


def plain(purchase: Purchase | None) -> Purchase | None:
    """A purchase without the time that the ledger adds."""
    return None if purchase is None else replace(purchase, bought_at=0.0)


def never() -> Purchase:
    raise AssertionError("this was bought already")


def child(script: str, *args: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", script, *args]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


class TestOnce:
    def test_buys_and_then_replays(self, tmp_path: Path) -> None:
        with Ledger(tmp_path / "deep" / "ledger.sqlite") as ledger:
            first, new = ledger.once("k", ENTRY, lambda: bought([1, None, "é\ud800\x00"]))
            again, newer = ledger.once("k", ENTRY, never)
        assert (new, newer) == (True, False)
        assert first == again
        assert first.bought_at > 1e9
        assert plain(first) == bought([1, None, "é\ud800\x00"])
        assert first.spend == Spend(calls=1, usage=first.usage, usd=Decimal("0.1"))

    def test_many_threads_buy_a_key_once(self) -> None:
        calls: list[int] = []
        start = threading.Barrier(16)
        everybody_waits = threading.Event()

        def buy() -> Purchase:
            calls.append(1)
            everybody_waits.wait()
            return bought("x")

        def ask(_: int) -> bool:
            start.wait()
            return ledger.once("k", ENTRY, buy)[1]

        with Ledger(None) as ledger, ThreadPoolExecutor(17) as threads:
            asked = threads.map(ask, range(16))
            threads.submit(everybody_waits.set)
            assert sorted(asked) == [False] * 15 + [True]
        assert calls == [1]

    def test_who_looked_before_another_finished_does_not_buy_again(self) -> None:
        looked, finished = threading.Event(), threading.Event()

        class Slow(Ledger):
            """The first look of the thread `late` happens before the purchase, its answer arrives after it."""

            def find(self, key: str) -> Purchase | None:
                found = super().find(key)
                if threading.current_thread().name == "late" and not looked.is_set():
                    looked.set()
                    finished.wait()
                return found

        results: list[tuple[Purchase, bool]] = []
        with Slow(None) as ledger:
            late = threading.Thread(target=lambda: results.append(ledger.once("k", ENTRY, never)), name="late")
            late.start()
            looked.wait()
            ledger.once("k", ENTRY, lambda: bought("x"))
            finished.set()
            late.join()
        assert [(plain(found), new) for found, new in results] == [(bought("x"), False)]

    def test_a_failure_is_not_replayed_and_frees_those_who_wait(self) -> None:
        turns: list[int] = []
        begun, waiting = threading.Event(), threading.Event()

        def buy() -> Purchase:
            turns.append(1)
            if len(turns) == 1:
                begun.set()
                waiting.wait()
                raise CallFailedError("timeout", "late")
            return bought("x")

        with Ledger(None) as ledger, ThreadPoolExecutor(2) as threads:
            first = threads.submit(ledger.once, "k", ENTRY, buy)
            begun.wait()
            second = threads.submit(ledger.once, "k", ENTRY, buy)
            waiting.set()
            found, new = second.result()
            assert (plain(found), new) == (bought("x"), True)
            with pytest.raises(CallFailedError, match="timeout: late"):
                first.result()
            ledger.fail("k", ENTRY, "timeout", "late \ud800")
            assert ledger.failures(5) == [("task t1", "timeout", "late \\ud800")]
            assert ledger.once("k", ENTRY, never) == (found, False)

    def test_of_two_ledgers_on_one_file_the_first_record_wins(self, tmp_path: Path) -> None:
        path = tmp_path / "l.sqlite"
        with Ledger(path) as one, Ledger(path) as two:

            def slow() -> Purchase:
                one.once("k", ENTRY, lambda: bought("first"))
                return bought("second", "0.3")

            assert plain(two.once("k", ENTRY, slow)[0]) == bought("first")
            assert one.find("k") == two.find("k")
            spent = two.spend_by_stream("r1")["val"]  # both were paid
            assert (spent.calls, spent.usd, two.spent_since(0.0)) == (2, Decimal("0.4"), Decimal("0.4"))

    def test_replay_only_buys_nothing(self, tmp_path: Path) -> None:
        path = tmp_path / "l.sqlite"
        with Ledger(path) as ledger:
            ledger.once("k", ENTRY, lambda: bought("x"))
            ledger.fail("f", ENTRY, "server", "500")
        with Ledger(path, replay_only=True) as ledger:
            assert plain(ledger.once("k", ENTRY, never)[0]) == bought("x")
            with pytest.raises(LedgerMissError, match=r"never bought: task t1 \(call\)"):
                ledger.once("other", ENTRY, never)
            with pytest.raises(CallFailedError, match="server: 500"):
                ledger.once("f", ENTRY, never)

    def test_labels_of_strangers_are_stored(self) -> None:
        entry = Entry(kind="call", run="r1", stream="s", label="task \ud800 '; drop table purchases; --")
        with Ledger(None) as ledger:
            assert ledger.once("k", entry, lambda: bought("x"))[1]
            assert plain(ledger.once("k", entry, never)[0]) == bought("x")


BUY_THE_SAME = """
import json, sys
from decimal import Decimal
from pathlib import Path
from skillopt_ci.core.trajectory import Usage
from skillopt_ci.ledger import Ledger
from skillopt_ci.ledger_records import Entry, Purchase
entry = Entry(kind="call", run="r", stream="s", label="l")
with Ledger(Path(sys.argv[1])) as ledger:
    got = []
    for n in range(40):
        made = Purchase(value={"by": sys.argv[2]}, usage=Usage(), usd=Decimal(1), served_model="m")
        got.append(ledger.once(f"k{n}", entry, lambda: made)[0].value["by"])
print(json.dumps(got))
"""

BUY_FOR_EVER = """
import itertools, sys
from decimal import Decimal
from pathlib import Path
from skillopt_ci.core.trajectory import Usage
from skillopt_ci.ledger import Ledger
from skillopt_ci.ledger_records import Entry, Purchase
ledger = Ledger(Path(sys.argv[1]))
for n in itertools.count():
    made = Purchase(value={"n": n}, usage=Usage(), usd=Decimal(1), served_model="m")
    ledger.once(f"k{n}", Entry(kind="call", run="r", stream="s", label="l"), lambda: made)
    print(n, flush=True)
"""

OPEN_AS_NOBODY = """
import os, sys
from pathlib import Path
from skillopt_ci.errors import LedgerError
from skillopt_ci.ledger import Ledger
if os.geteuid() == 0:
    os.setuid(65534)
try:
    Ledger(Path(sys.argv[1]))
except LedgerError as error:
    print(error)
"""


class TestProcesses:
    def test_processes_that_start_together_share_one_record(self, tmp_path: Path) -> None:
        path = tmp_path / "l.sqlite"
        running = [child(BUY_THE_SAME, str(path), name) for name in ("a", "b", "c")]
        said = [process.communicate() for process in running]
        assert [process.returncode for process in running] == [0, 0, 0], said
        assert len({out for out, _ in said}) == 1
        assert len(json.loads(said[0][0])) == 40
        assert [p.name for p in tmp_path.iterdir()] == ["l.sqlite"]

    @pytest.mark.parametrize("after", [1, 37])
    def test_a_killed_process_loses_nothing_it_committed(self, tmp_path: Path, after: int) -> None:
        path = tmp_path / "l.sqlite"
        process = child(BUY_FOR_EVER, str(path))
        assert process.stdout is not None
        for _ in range(after):
            assert process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        rest, _ = process.communicate()
        last = int(rest.split("\n")[-2]) if rest.count("\n") else after - 1
        with Ledger(path) as ledger:
            for n in range(last + 1):
                found = ledger.find(f"k{n}")
                assert found is not None
                assert found.value == {"n": n}
            assert ledger.once("new", ENTRY, lambda: bought("x"))[1]
        assert [p.name for p in tmp_path.iterdir()] == ["l.sqlite"]

    def test_a_directory_that_cannot_be_written(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o555)  # noqa: PTH101
            process = child(OPEN_AS_NOBODY, str(Path(folder, "l.sqlite")))
            said, errors = process.communicate()
            os.chmod(folder, 0o755)  # noqa: PTH101
        assert (process.returncode, errors) == (0, "")
        assert said.count("\n") == 1
        assert "l.sqlite: the ledger cannot be opened: " in said

    def test_what_cannot_be_written_is_not_to_be_moved_away(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "l.sqlite")
            Ledger(path).close()
            path.chmod(0o444)
            os.chmod(folder, 0o555)  # noqa: PTH101
            said, errors = child(OPEN_AS_NOBODY, str(path)).communicate()
            os.chmod(folder, 0o755)  # noqa: PTH101
        assert errors == ""
        assert said.endswith("; it must be a file that, with its folder, may be written: see to their permissions\n")


BUYS_ONE = """
import sys
from pathlib import Path
from tests.test_ledger import ENTRY, bought
from skillopt_ci.ledger import Ledger
with Ledger(Path(sys.argv[1])) as ledger:
    ledger.once("theirs", ENTRY, lambda: bought("x"))
"""


class TestFile:
    def test_after_close_the_file_alone_has_everything(self, tmp_path: Path) -> None:
        path = tmp_path / "l.sqlite"
        ledger = Ledger(path)
        ledger.once("k", ENTRY, lambda: bought("x"))
        ledger.close()
        ledger.close()
        assert [p.name for p in tmp_path.iterdir()] == ["l.sqlite"]
        copy = tmp_path / "elsewhere" / "copy.sqlite"
        copy.parent.mkdir()
        shutil.copy(path, copy)
        with Ledger(copy) as other:
            assert plain(other.find("k")) == bought("x")

    def test_a_ledger_that_is_open_twice_here_keeps_what_it_buys_beside_other_commands(self, tmp_path: Path) -> None:
        """A command that looks into its own ledger a second time must not lose its locks on it."""
        path = tmp_path / "l.sqlite"
        with Ledger(path) as ledger:
            ledger.once("first", ENTRY, lambda: bought("x"))
            with Ledger(path, replay_only=True) as again:
                assert again.find("first") is not None
            other = child(BUYS_ONE, str(path))
            assert other.communicate() == ("", "")
            assert (tmp_path / "l.sqlite-wal").exists()  # the other one did not take it for a leftover
            ledger.once("last", ENTRY, lambda: bought("x"))
        with Ledger(path) as ledger:
            assert [key for key in ("first", "theirs", "last") if ledger.find(key) is None] == []

    @pytest.mark.parametrize("content", [b"m", b"garbage " * 500, b"SQLite format 3\x00" + b"\xff" * 5000, b"my notes"])
    def test_a_file_that_is_no_database(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "l.sqlite"
        path.write_bytes(content)
        with pytest.raises(LedgerError, match=r"l\.sqlite: the ledger cannot be opened: [^\n]*; move the file away"):
            Ledger(path)
        assert path.read_bytes() == content

    def test_an_empty_file_is_a_new_ledger(self, tmp_path: Path) -> None:
        path = tmp_path / "l.sqlite"
        path.touch()
        with Ledger(path) as ledger:
            assert ledger.find("k") is None

    @pytest.mark.parametrize(
        ("statement", "message"),
        [
            ("pragma user_version=99", r"newer skillopt-ci \(ledger version 99\); update the tool$"),
            ("create table mine (a)", "a database, but not a ledger; name another file$"),
            ("pragma user_version=1", "a database, but not a ledger; name another file$"),
        ],
    )
    def test_a_database_of_somebody_else_stays_as_it_is(self, tmp_path: Path, statement: str, message: str) -> None:
        path = tmp_path / "l.sqlite"
        db = sqlite3.connect(path)
        db.execute(statement)
        db.close()
        for _ in range(2):
            with pytest.raises(LedgerError, match=message):
                Ledger(path)
        db = sqlite3.connect(path)
        tables = [name for (name,) in db.execute("select name from sqlite_master")]
        db.close()
        assert tables == (["mine"] if "mine" in statement else [])

    def test_a_place_that_cannot_be(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        for path in (tmp_path / "file" / "l.sqlite", tmp_path):
            with pytest.raises(LedgerError, match="cannot be opened") as caught:
                Ledger(path)
            assert "\n" not in str(caught.value)

    def test_trouble_while_it_is_used_is_a_ledger_error(self, tmp_path: Path) -> None:
        path = tmp_path / "l.sqlite"
        ledger = Ledger(path)
        huge = Purchase(value={}, usage=Usage(input_tokens=2**70), usd=None, served_model="m")
        with pytest.raises(LedgerError, match="cannot be used"):
            ledger.once("k", ENTRY, lambda: huge)
        db = sqlite3.connect(path)
        db.execute("drop table purchases")
        db.close()
        with pytest.raises(LedgerError, match="cannot be used: no such table"):
            ledger.find("k")
        ledger.close()
        with pytest.raises(LedgerError, match="cannot be used"):
            ledger.find("k")

    @pytest.mark.parametrize(
        "damage",
        ["purchases set value='{not json'", "purchases set value='7'", "purchases set usd='0.1x'",
         "purchases set usd='NaN'", "purchases set usd='-1'", "purchases set usd='1e999999'", "runs set detail='{'"],
    )  # fmt: skip
    def test_a_damaged_record_is_a_ledger_error(self, tmp_path: Path, damage: str) -> None:
        path = tmp_path / "l.sqlite"
        with Ledger(path) as ledger:
            ledger.once("k", ENTRY, lambda: bought("v"))
            ledger.note_run("r", "l", 1, "started", {})
        db = sqlite3.connect(path)
        with db:
            db.execute(f"update {damage}")
        db.close()
        with Ledger(path) as ledger, pytest.raises(LedgerError, match=r"holds a damaged record .*; move"):
            (ledger.once("k", ENTRY, never), ledger.run_events("l"))
        if "usd" in damage:
            with Ledger(path) as ledger, pytest.raises(LedgerError, match="damaged"):
                ledger.spend_by_stream()
            with Ledger(path) as ledger, pytest.raises(LedgerError, match="damaged"):
                ledger.spent_since(0.0)


class TestMerge:
    def test_takes_over_what_is_missing_once(self, tmp_path: Path) -> None:
        other = tmp_path / "other.sqlite"
        with Ledger(other) as theirs:
            theirs.once("a", ENTRY, lambda: bought("theirs"))
            theirs.once("b", ENTRY, lambda: bought("theirs"))
            theirs.fail("c", ENTRY, "server", "500")
            theirs.note_run("r", "l", 1, "started", {})
        with Ledger(tmp_path / "mine.sqlite") as mine:
            mine.once("a", ENTRY, lambda: bought("mine"))
            before = mine.spent_since(0.0)
            assert [mine.merge(other), mine.merge(other)] == [2, 0]
            assert mine.spent_since(0.0) == 3 * before > 0  # both have paid for `a`
            assert [p.value["v"] for key in "ab" if (p := mine.find(key))] == ["mine", "theirs"]
            assert len(mine.failures(9)) == 1
            assert len(mine.run_events("l")) == 1

    def test_another_file_must_be_a_ledger(self, tmp_path: Path) -> None:
        garbage = tmp_path / "garbage"
        garbage.write_text("garbage " * 99)
        with Ledger(tmp_path / "mine.sqlite") as mine:
            with pytest.raises(LedgerError, match="nowhere: no such ledger"):
                mine.merge(tmp_path / "nowhere")
            with pytest.raises(LedgerError, match="garbage: the ledger cannot be opened"):
                mine.merge(garbage)
            assert mine.spend_by_stream() == {}
        assert not (tmp_path / "nowhere").exists()

    def test_a_merge_is_whole_or_nothing(self, tmp_path: Path) -> None:
        other, path = tmp_path / "other.sqlite", tmp_path / "mine.sqlite"
        with Ledger(other) as theirs:
            theirs.once("a", ENTRY, lambda: bought("theirs"))
            theirs.fail("c", ENTRY, "server", "500")
        with Ledger(path) as mine:
            db = sqlite3.connect(path)
            db.execute("create trigger no before insert on failures begin select raise(abort, 'no'); end")
            db.close()
            with pytest.raises(LedgerError, match="cannot be used: no"):
                mine.merge(other)
            assert mine.find("a") is None
            assert mine.once("a", ENTRY, lambda: bought("mine"))[1]


class TestAccounts:
    def test_spend_by_stream_and_run(self) -> None:
        with Ledger(None) as ledger:
            for n, (run, stream, usd) in enumerate(
                [("a", "val", "0.1"), ("a", "val", "0.2"), ("b", "val", None), ("b", "x", "1")]
            ):
                entry = Entry(kind="call", run=run, stream=stream, label="l")
                ledger.once(str(n), entry, lambda usd=usd: bought("v", usd))  # type: ignore[misc]
            assert {k: (s.calls, s.usd) for k, s in ledger.spend_by_stream().items()} == {
                "val": (3, None),
                "x": (1, Decimal(1)),
            }
            assert {k: (s.calls, s.usd) for k, s in ledger.spend_by_stream("a").items()} == {"val": (2, Decimal("0.3"))}
            assert ledger.spent_since(0) == Decimal("1.3")
            assert ledger.spent_since(1e12) == 0

    def test_events_of_a_lineage_in_order(self) -> None:
        with Ledger(None) as ledger:
            ledger.note_run("r1", "l", 1, "started", {"a": [1]})
            ledger.note_run("r2", "other", 1, "started", {})
            ledger.note_run("r1", "l", 1, "finished", {})
            assert [(e.run, e.generation, e.event, e.detail) for e in ledger.run_events("l")] == [
                ("r1", 1, "started", {"a": [1]}),
                ("r1", 1, "finished", {}),
            ]


KEYS = st.sampled_from(["a", "b", "c"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda v: st.lists(v, max_size=3), max_leaves=5
)


class LikeADict(RuleBasedStateMachine):
    """A ledger is a dict whose keys are written once, however often it is opened."""

    @initialize()
    def start(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name, "l.sqlite")
        self.ledger = Ledger(self.path)
        self.model: dict[str, object] = {}
        self.failed = 0

    @rule(key=KEYS, value=VALUES)
    def once(self, key: str, value: object) -> None:
        got, new = self.ledger.once(key, ENTRY, lambda: bought(value))
        assert new == (key not in self.model)
        assert plain(got) == bought(self.model.setdefault(key, value))

    @rule(key=KEYS)
    def fail(self, key: str) -> None:
        def buy() -> Purchase:
            raise CallFailedError("server", "500")

        if key in self.model:
            assert plain(self.ledger.once(key, ENTRY, buy)[0]) == bought(self.model[key])
            return
        with pytest.raises(CallFailedError):
            self.ledger.once(key, ENTRY, buy)
        self.ledger.fail(key, ENTRY, "server", "500")
        self.failed += 1

    @rule()
    def reopen(self) -> None:
        self.ledger.close()
        self.ledger = Ledger(self.path)

    @invariant()
    def has_what_the_model_has(self) -> None:
        if hasattr(self, "ledger"):
            for key in "abc":
                found = self.ledger.find(key)
                assert (found is not None) == (key in self.model)
                assert found is None or plain(found) == bought(self.model[key])
            assert len(self.ledger.failures(1000)) == self.failed

    def teardown(self) -> None:
        if hasattr(self, "ledger"):
            self.ledger.close()
            self.folder.cleanup()


TestLikeADict = LikeADict.TestCase
TestLikeADict.settings = settings(max_examples=15, stateful_step_count=15, deadline=None)


@pytest.mark.parametrize(
    "damage",
    [
        "update purchases set usd='abc'",
        "update purchases set value='{'",
        "update purchases set value=x'ff00'",
        "update purchases set input_tokens='x'",
        "insert into runs (run, lineage, generation, event, detail, at) values ('r', 'l', 0, 'started', '{', 0)",
        "insert into runs (run, lineage, generation, event, detail, at) values ('r', 'l', 'x', 'started', '{}', 0)",
    ],
)
def test_a_record_that_is_none_of_ours_is_the_files_fault(tmp_path: Path, damage: str) -> None:
    place = tmp_path / "ledger.sqlite"
    with Ledger(place) as ledger:
        ledger.once("k", ENTRY, lambda: bought("x"))
    with sqlite3.connect(place) as db:
        db.execute(damage)
    db.close()
    with Ledger(place) as ledger:
        looks = (lambda: ledger.find("k"), ledger.run_events, ledger.spend_by_stage, ledger.export)
        with pytest.raises(LedgerError, match=r"holds a damaged record .*; move the file away"):
            [look() for look in looks]
