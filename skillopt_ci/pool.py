"""One thread pool: work in plan order, results in plan order, whatever finishes first."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Pool:
    """At most `size` jobs in flight. `stop` is set on the first error or interruption: what waits gives up."""

    def __init__(self, size: int, stop: threading.Event | None = None) -> None:
        self.size = size
        self.stop = stop or threading.Event()

    def map(self, job: Callable[[T], R], items: Sequence[T]) -> list[R]:
        """Run `job` on every item and return the results in the order of the items.

        The first exception stops the start of further jobs, lets those in flight finish (what they bought is
        recorded) and is raised. Jobs are handed out in order, `2 * size` at most, so that memory stays flat.
        """
        self.stop.clear()
        results: dict[int, R] = {}
        waiting = iter(enumerate(items))
        running: dict[Future[R], int] = {}
        failed: BaseException | None = None
        ended = False
        workers = f"pool-{id(results)}"
        with ThreadPoolExecutor(min(self.size, max(1, len(items))), thread_name_prefix=workers) as executor:
            try:
                while True:
                    while failed is None and len(running) < 2 * self.size:
                        following = next(waiting, None)
                        if following is None:
                            break
                        running[executor.submit(job, following[1])] = following[0]
                    if not running:
                        break
                    done, _ = wait(running, return_when=FIRST_COMPLETED)
                    for future in sorted(done, key=running.__getitem__):  # of two errors the one first in the plan
                        index = running.pop(future)
                        if future.cancelled():
                            continue
                        error = future.exception()
                        if error is None:
                            results[index] = future.result()
                        elif failed is None:
                            failed = error
                            self._abandon(running)
                ended = True
            finally:
                if not ended:  # interrupted: Ctrl-C, or the items themselves
                    self._abandon(running)
                    executor.shutdown()
                    # A worker that was just being started works already, and the executor does not know it.
                    for thread in threading.enumerate():
                        if thread.name.startswith(f"{workers}_"):
                            join_begun(thread)
        if failed is not None:
            raise failed
        return [results[i] for i in range(len(items))]

    def _abandon(self, running: dict[Future[R], int]) -> None:
        self.stop.set()
        for future in running:
            future.cancel()


def join_begun(thread: threading.Thread, patience: float = 1.0) -> None:
    """Wait for a thread whose start was interrupted: it begins in a moment, or never, and until then has no join.

    Args:
        thread: that was listed while it was being started.
        patience: seconds after which it counts as one that never begins.
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            return thread.join()
        except RuntimeError:
            if time.monotonic() > deadline:
                return None
            time.sleep(0.001)
