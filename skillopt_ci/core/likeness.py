"""Tasks that are nearly the same text, though they stand in different splits; without comparing all with all."""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from zlib import crc32

from skillopt_ci.core.media import text_of
from skillopt_ci.core.task import Task

RUN = 3  # words in a row that are compared
ALIKE = 0.8  # share of such runs that two tasks have in common, of all that either has
_FEWEST = 8  # runs of its own that a task must have: less is a formula, not a text
_SKETCH = 12  # of a task's runs, those it is looked up by; two texts that are ALIKE share one with 1 - 0.2^12
_TRIES = 8  # tasks that one task is compared with
_MOST_RUNS = 200_000  # of a whole suite; what is longer is read so far
_SIGN = re.compile(r"\w+|[^\w\s.,;:!?'\"…’‘“”]")


@dataclass(frozen=True, slots=True)
class Alike:
    """Two tasks of different splits that are nearly the same; `share` of their runs of words is common."""

    task: Task
    other: Task
    share: float


def plain(text: str) -> str:
    """A text without what does not make questions differ: case, white space, punctuation, the form of characters."""
    return " ".join(_SIGN.findall(unicodedata.normalize("NFKC", text).casefold()))


def same_text(tasks: Iterable[Task]) -> list[list[Task]]:
    """Tasks that ask exactly the same in plain form, with the same files, in groups of two or more."""
    asked: dict[str, list[Task]] = defaultdict(list)
    for task in tasks:
        asked[plain(task.prompt)].append(task)
    groups: dict[tuple[str, str, tuple[tuple[str, bytes], ...]], list[Task]] = defaultdict(list)
    for prompt, alike in asked.items():
        for task in alike if len(alike) > 1 else ():  # contexts may be long, and prompts are mostly different
            files = tuple(sorted((f.name, f.data) for f in task.files))
            groups[prompt, plain(task.context), files].append(task)
    return [group for group in groups.values() if len(group) > 1]


def alike_across_splits(tasks: Sequence[Task]) -> list[Alike]:
    """For every task the first earlier one of another split and cluster that is nearly the same text.

    Runs of words that more tasks have than a pair would (a template's) say nothing and are left out. Suites of 1,000
    tasks take some tenths of a second.
    """
    most = max(50, _MOST_RUNS // max(1, len(tasks)))
    runs = [_runs(_text(task), most) for task in tasks]
    common = Counter(run for own in runs for run in own)
    rare = max(2, len(tasks) // 20)
    own = [{run for run in each if common[run] <= rare} for each in runs]
    places: dict[int, list[int]] = defaultdict(list)
    found: list[Alike] = []
    for index, mine in enumerate(own):
        if len(mine) < _FEWEST:
            continue
        # The smallest hashes are a random choice that is the same in every text: equal texts have an equal sketch.
        sketch = sorted(run for run in mine)[:_SKETCH]
        seen: dict[int, None] = {}
        for run in sketch:
            seen.update(dict.fromkeys(places[run]))
            places[run].append(index)
        best = _best(tasks, own, index, list(seen))
        if best is not None:
            found.append(best)
    return found


def _best(tasks: Sequence[Task], own: Sequence[set[int]], index: int, others: Sequence[int]) -> Alike | None:
    task = tasks[index]
    apart = [i for i in others if tasks[i].split != task.split]
    for other in apart[:_TRIES]:
        share = len(own[index] & own[other]) / len(own[index] | own[other])
        if share >= ALIKE:
            return Alike(task, tasks[other], share)
    return None


def _text(task: Task) -> str:
    files = (text_of(f.data) or "" for f in task.files)
    return "\n".join((task.prompt, task.context, *files))


def _runs(text: str, most: int) -> set[int]:
    words = plain(text[: 20 * most]).split()[: most + RUN - 1]
    return {crc32(" ".join(words[at : at + RUN]).encode("utf-8", "replace")) for at in range(len(words) - RUN + 1)}
