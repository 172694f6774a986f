"""What belongs to single tasks of a suite, and what is theirs all, so that a rule may speak of it."""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

from skillopt_ci.core.media import text_of
from skillopt_ci.core.task import Task

T = TypeVar("T", bound=Hashable)
MOST_CHARS = 30_000  # read of one passage; longer ones are read so far
FEWEST = 2  # tasks of a small suite that may share what is still their own


def few(count: int) -> int:
    """As many of so many may share what belongs to single ones."""
    return max(FEWEST, count // 20)


def label(count: int) -> int:
    """An answer of a word or two that more of so many tasks have is one of their labels, which a rule may teach."""
    return max(1, count // 20)


def context(task: Task) -> str:
    """The passage that a task brings."""
    return task.context


def context_and_files(task: Task) -> str:
    """The passage that a task brings, and its files as far as they are text."""
    files = (text_of(file.data) or "" for file in task.files)
    return "\n".join((task.context, *files))[:MOST_CHARS]


def divided(
    tasks: Sequence[Task], read: Callable[[str], set[T]], passage: Callable[[Task], str] = context
) -> tuple[set[T], set[T]]:
    """What is read in prompts and passages of few tasks, and what in those of many.

    Tasks on the same passage, or of one cluster, are one: a name of the passage is not the whole suite's. What stands
    before more than half of all tasks is.
    """
    together: defaultdict[str, defaultdict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for task in tasks:
        about = passage(task)
        together[task.cluster or about or task.id][about].append(task.prompt)
    groups: Counter[T] = Counter()
    having: Counter[T] = Counter()
    for passages in together.values():
        inside: Counter[T] = Counter()
        for about, prompts in passages.items():
            items = read(about)
            inside.update(dict.fromkeys(items, len(prompts)))
            for prompt in prompts:
                inside.update(read(prompt) - items)
        groups.update(inside.keys())
        having.update(inside)
    most_groups, most_tasks = few(len(together)), max(FEWEST, len(tasks) // 2)
    own = {item for item, count in groups.items() if count <= most_groups and having[item] <= most_tasks}
    return own, groups.keys() - own
