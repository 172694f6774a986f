"""What belongs to single tasks of a suite, and what is theirs all, so that a rule may speak of it."""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

from skillopt_ci.core.task import Task

T = TypeVar("T", bound=Hashable)
FEWEST = 2  # tasks of a small suite that may share what is still their own


def few(count: int) -> int:
    """As many of so many may share what belongs to single ones."""
    return max(FEWEST, count // 20)


def divided(tasks: Sequence[Task], read: Callable[[str], set[T]]) -> tuple[set[T], set[T]]:
    """What is read in the texts of few tasks, and what in those of many.

    Tasks on the same passage, or of one cluster, are one: a name of the passage is not the whole suite's. What stands
    before more than half of all tasks is.
    """
    together: defaultdict[str, defaultdict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for task in tasks:
        together[task.cluster or task.context or task.id][task.context].append(task.prompt)
    groups: Counter[T] = Counter()
    having: Counter[T] = Counter()
    for passages in together.values():
        inside: Counter[T] = Counter()
        for context, prompts in passages.items():
            passage = read(context)
            inside.update(dict.fromkeys(passage, len(prompts)))
            for prompt in prompts:
                inside.update(read(prompt) - passage)
        groups.update(inside.keys())
        having.update(inside)
    most_groups, most_tasks = few(len(together)), max(FEWEST, len(tasks) // 2)
    own = {item for item, count in groups.items() if count <= most_groups and having[item] <= most_tasks}
    return own, groups.keys() - own
