import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import overload

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.pool import Pool, join_begun

ROOT = Path(__file__).parents[1]


class Items(Sequence[int]):
    """0 .. size-1; tells somebody about every item that is handed out."""

    def __init__(self, size: int, told: Callable[[int], None]) -> None:
        self.size = size
        self.told = told

    def __len__(self) -> int:
        return self.size

    @overload
    def __getitem__(self, index: int) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[int]: ...
    def __getitem__(self, index: int | slice) -> int | Sequence[int]:
        return range(self.size)[index]

    def __iter__(self) -> Iterator[int]:
        for n in range(self.size):
            self.told(n)
            yield n


def nothing_runs() -> bool:
    return not [t for t in threading.enumerate() if "ThreadPoolExecutor" in t.name]


@given(st.lists(st.integers(), max_size=40), st.integers(1, 8))
def test_results_are_in_the_order_of_the_items(items: list[int], size: int) -> None:
    assert Pool(size).map(lambda n: n * 2, items) == [n * 2 for n in items]


def test_whatever_finishes_first() -> None:
    done = [threading.Event() for _ in range(5)]

    def job(n: int) -> int:
        if n + 1 < len(done):
            done[n + 1].wait()  # the last item finishes first
        done[n].set()
        return n

    assert Pool(5).map(job, range(5)) == [0, 1, 2, 3, 4]
    assert nothing_runs()


def test_no_more_than_size_at_once() -> None:
    lock = threading.Lock()
    now, most = [0], [0]
    full = threading.Barrier(3)

    def job(n: int) -> int:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        if n < 3:
            full.wait()
        with lock:
            now[0] -= 1
        return n

    Pool(3).map(job, range(50))
    assert most == [3]


def test_the_first_error_is_raised_and_later_jobs_are_not_started() -> None:
    pool = Pool(2)
    begun, in_flight = threading.Event(), threading.Event()
    started: list[int] = []
    finished: list[int] = []

    def job(n: int) -> None:
        started.append(n)
        if n == 0:
            begun.wait()
            raise ValueError("first")
        begun.set()
        pool.stop.wait()  # what waits gives up when another job failed
        in_flight.set()
        finished.append(n)
        raise KeyError("later")

    with pytest.raises(ValueError, match="first"):
        pool.map(job, range(100))
    assert in_flight.is_set()
    assert set(finished) == set(started) - {0}  # who was in flight could finish
    assert max(started) <= 4
    assert pool.stop.is_set()
    assert nothing_runs()
    assert pool.map(lambda n: n, [1, 2]) == [1, 2]
    assert not pool.stop.is_set()


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, StopIteration, RuntimeError])
def test_any_exception_of_a_job_is_raised(error: type[BaseException]) -> None:
    def job(n: int) -> int:
        if n == 3:
            raise error
        return n

    with pytest.raises(error):
        Pool(2).map(job, range(1000))
    assert nothing_runs()


def test_an_interruption_of_the_main_thread_stops_all() -> None:
    done: list[int] = []

    def told(n: int) -> None:
        if n == 10:
            raise KeyboardInterrupt

    pool = Pool(2)
    with pytest.raises(KeyboardInterrupt):
        pool.map(done.append, Items(1000, told))
    assert max(done) < 10
    assert pool.stop.is_set()
    assert nothing_runs()


CTRL_C = """
import os, signal, threading
from skillopt_ci.pool import Pool
pool = Pool(2)
started = []
def job(n):
    started.append(n)
    if n == 5:
        os.kill(os.getpid(), signal.SIGINT)
    if n >= 5:
        pool.stop.wait()
    return n
try:
    pool.map(job, range(1000))
except KeyboardInterrupt:
    threads = [t for t in threading.enumerate() if t is not threading.main_thread()]
    print("interrupted", max(started) < 12, len(threads))
"""


def test_ctrl_c_ends_the_run_with_nothing_left() -> None:
    done = subprocess.run([sys.executable, "-c", CTRL_C], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "interrupted True 0\n", "")
    assert signal.getsignal(signal.SIGINT) is not None


def test_memory_stays_flat_for_many_items() -> None:
    lock = threading.Lock()
    handed_out, done, most = [0], [0], [0]

    def told(n: int) -> None:
        with lock:
            handed_out[0] += 1
            most[0] = max(most[0], handed_out[0] - done[0])

    def job(n: int) -> int:
        with lock:
            done[0] += 1
        return n

    assert Pool(4).map(job, Items(20_000, told)) == list(range(20_000))
    assert most[0] <= 8  # twice the size, whatever the number of items
    assert nothing_runs()


def test_nothing_to_do() -> None:
    assert Pool(3).map(lambda n: n, []) == []


def test_a_stop_event_of_the_caller_is_used() -> None:
    stop = threading.Event()
    assert Pool(1, stop).stop is stop


def test_an_interruption_while_workers_are_started_waits_for_those_that_work() -> None:
    begun: list[int] = []
    done: list[int] = []

    def job(item: int) -> None:
        begun.append(item)
        if len(begun) == 1:
            signal.raise_signal(signal.SIGINT)
        time.sleep(0.005)
        done.append(item)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        for _ in range(30):
            with pytest.raises(KeyboardInterrupt):
                Pool(4).map(job, range(40))
            assert sorted(done) == sorted(begun)
            begun.clear()
            done.clear()
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_worker_whose_start_was_interrupted_is_waited_for() -> None:
    done: list[int] = []

    def work() -> None:
        time.sleep(0.02)
        done.append(1)

    late = threading.Thread(target=work)
    threading.Timer(0.02, late.start).start()
    join_begun(late)
    assert done == [1]
    join_begun(threading.Thread(target=work), patience=0.01)  # it never begins
    assert done == [1]
