"""What makes a suite a bad exam, found without a model: each finding with its place and what to do."""

import re
from collections.abc import Iterable, Mapping, Sequence

from skillopt_ci.core.digest import digest
from skillopt_ci.core.likeness import alike_across_splits, plain, same_text
from skillopt_ci.core.nested import leaves
from skillopt_ci.core.rubric import parse_rubric
from skillopt_ci.core.task import GraderSpec, Task
from skillopt_ci.core.texts import folded
from skillopt_ci.errors import Problem

MOST_SHOWN = 10  # findings of one kind that are told one by one
FEWEST_RUNS = 4  # of a task, before "always" is said
_TO_DO = re.compile(r"\s*(?:todo|fixme)\b.{0,200}", re.IGNORECASE | re.DOTALL)
_PLACEHOLDER = re.compile(
    r"(?:tbd|xxx|placeholder|\.\.\.|…|(?:(?:a|an|the|your|users?|user'?s)\s+)*(?:example|sample|your)\s+(?:prompt|question|task)"
    r"|[<\[{(]+\s*(?:(?:your|insert|enter|add|write|put|replace|user)\b[^<>\[\]{}\n]{0,80}|prompt|question|task)\s*[>\]})]+)[.\s]*",
    re.IGNORECASE,
)
_UNREVIEWED_TAGS = frozenset({"unreviewed", "not-reviewed", "needs-review"})
# Words that say how an answer looks, and words that say nothing by themselves. A criterion of nothing else can be met
# by an answer that is wrong from beginning to end.
_SHAPE = frozenset(
    """format formats formatted formatting well-formatted structure structured structures well-structured layout
    markdown html json yaml csv table tables tabular heading headings header headers headline title titles section
    sections paragraph paragraphs sentence sentences bullet bullets bulleted bullet-point list lists listed numbered
    item items line lines word words character characters token tokens page pages length long longer short shorter brief
    briefly concise concisely succinct terse verbose detailed compact readable readability legible neat clean tidy clear
    clearly easy read bold italic emphasis punctuation spelling grammar grammatical typo typos error-free capitalised
    capitalized tone polite politely friendly professional professionally formal informal style stylish language
    english fluent well-written written organised organized organization organisation consistent presentation appearance
    looks look pretty nice polished quality limit limits under over most least exceed exceeds exceeding maximum minimum
    max min""".split()  # noqa: SIM905 - words
)
_EMPTY_WORDS = frozenset(
    """a an and any answer answers are as at be been being between but by can contain contains each every fewer for
    from good great has have having if in include includes into is it its kept keep keeps less more
    must no not of on one only or other output outputs proper properly rather reply response responses shall should
    so than that the their point points
    them there they this to too two three five ten up use uses used using very was well whole will with within without
    follow follows following""".split()  # noqa: SIM905 - words
)
_SHAPE_OPS = frozenset({"max_chars", "min_chars", "section_present", "min_citations", "no_refusal"})


def exam_problems(tasks: Sequence[Task], graders: Sequence[GraderSpec]) -> list[Problem]:
    """Every finding on the texts of a suite: contradictions, leaks, shape-only judges, tasks that nobody reviewed.

    `graders` are the skill's, for tasks without their own.
    """
    return [*_contradictions(tasks, graders), *_leaks(tasks), *_shape_only(tasks, graders), *_unreviewed(tasks)]


def _contradictions(tasks: Sequence[Task], graders: Sequence[GraderSpec]) -> list[Problem]:
    """The same question graded in the same way with expected answers that exclude each other."""
    found: list[Problem] = []
    for group in same_text(tasks):
        first: dict[str, Task] = {}
        for task in group:
            if not task.expected:
                continue
            specs = graders if task.graders is None else task.graders
            other = first.setdefault(digest([s.identity() for s in specs]), task)
            if other is not task and not _answers(task) & _answers(other):
                advice = "no answer passes both: correct one, or give each what makes its question another one"
                found.append(
                    task.source.problem(f"asks the same as {_named(other)} and expects another answer; {advice}")
                )
    return _shortened(found, "contradictions")


def _answers(task: Task) -> set[str]:
    return {plain(answer) or answer for answer in task.expected}


def _leaks(tasks: Sequence[Task]) -> list[Problem]:
    """Nearly the same task in two splits. (Exactly the same prompt is an error of its own.)"""
    found: list[Problem] = []
    told: set[int] = set()
    advice = "what was trained on would be the exam; remove one, or give both one `split` or `metadata.cluster`"
    for group in same_text(tasks):
        for task in group[1:]:
            first = group[0]
            if task.split == first.split or (task.cluster is not None and task.cluster == first.cluster):
                continue
            told.add(id(task))
            if not _equal(first, task):
                found.append(
                    task.source.problem(
                        f"asks the same as {_named(first)}, of the split '{first.split}': {advice}", warning=True
                    )
                )
    for pair in alike_across_splits(tasks):
        if id(pair.task) not in told:
            share = f"{100 * pair.share:.0f}% of its runs of words are those of {_named(pair.other)}"
            found.append(
                pair.task.source.problem(f"{share}, of the split '{pair.other.split}': {advice}", warning=True)
            )
    return _shortened(found, "tasks that leak")


def _equal(one: Task, other: Task) -> bool:
    """Whether two tasks are the same to the eye: then there is an error already."""
    return all(folded(a) == folded(b) for a, b in ((one.prompt, other.prompt), (one.context, other.context)))


def shape_only(spec: GraderSpec) -> bool:
    """Whether a grader looks at nothing but the form of an answer. A rubric in another language never does."""
    if spec.type == "rules":
        checks = spec.options.get("checks")
        ops = [c.get("op") for c in checks if isinstance(c, Mapping)] if isinstance(checks, list) else []
        return bool(ops) and all(op in _SHAPE_OPS for op in ops)
    if spec.type != "judge":
        return False
    try:
        criteria = parse_rubric(spec.options.get("rubric", ""))
    except ValueError:
        return False
    return all(_about_shape(c.text) for c in criteria)


def _about_shape(text: str) -> bool:
    words = [w.strip("-") for w in re.findall(r"[\w-]+", text.casefold())]
    telling = [w for w in words if w not in _EMPTY_WORDS and not w.isdigit()]
    return bool(telling) and all(w in _SHAPE for w in telling)


def _shape_only(tasks: Sequence[Task], graders: Sequence[GraderSpec]) -> list[Problem]:
    """Judges of form alone where no other grader of the task looks at what the answer says; each rubric once."""
    found: list[Problem] = []
    told: set[str] = set()
    for task in tasks:
        specs = list(leaves(graders if task.graders is None else task.graders))
        judges = [s for s in specs if s.type == "judge"]
        if judges and all(map(shape_only, specs)):
            key = digest([s.identity() for s in specs])
            if key not in told:
                told.add(key)
                message = "its judge looks at the form of an answer alone, and a wrong answer passes; add a criterion"
                found.append(task.source.problem(f"{message} about what it must say", warning=True))
    return _shortened(found, "judges of form alone")


def _unreviewed(tasks: Iterable[Task]) -> list[Problem]:
    found: list[Problem] = []
    for task in tasks:
        if task.metadata.get("reviewed") is False or _UNREVIEWED_TAGS & {t.casefold() for t in task.tags}:
            found.append(task.source.problem("is marked as not reviewed; review it, then remove the mark"))
        elif _PLACEHOLDER.fullmatch(task.prompt.strip()) or any(
            _TO_DO.fullmatch(t) for t in (task.prompt, *task.expected)
        ):
            found.append(
                task.source.problem("its prompt or expected answer is a placeholder; write the real one", warning=True)
            )
    return _shortened(found, "tasks that nobody reviewed")


def always_problems(runs: Sequence[tuple[Task, Sequence[bool]]]) -> list[Problem]:
    """Tasks that passed, or failed, in every stored run; `runs` are the verdicts of each task's stored runs."""
    known = [(task, row) for task, row in runs if len(row) >= FEWEST_RUNS]
    failing = [
        task.source.problem(
            f"failed in all {len(row)} stored runs: nothing is seen by it; look whether its expected answer and grader "
            "are right, or make it easier",
            warning=True,
        )
        for task, row in known
        if not any(row)
    ]
    passing = [(task, row) for task, row in known if all(row)]
    found = _shortened(failing, "tasks that always fail")
    if len(passing) > len(known) / 2:
        task = passing[0][0]
        share = f"{len(passing)} of {len(known)} tasks passed in every stored run ({_names(passing)})"
        found.append(task.source.problem(f"{share}: they can show a loss and no gain; add harder ones", warning=True))
    return found


def _names(rows: Sequence[tuple[Task, Sequence[bool]]]) -> str:
    shown = ", ".join(repr(task.id) for task, _ in rows[:5])
    return shown + (", ..." if len(rows) > 5 else "")


def _named(task: Task) -> str:
    return f"{task.id!r} at {task.source}"


def _shortened(found: list[Problem], what: str) -> list[Problem]:
    """The first of them, and how many there are more."""
    if len(found) <= MOST_SHOWN:
        return found
    last = found[MOST_SHOWN]
    more = f"{len(found) - MOST_SHOWN} more {what} from here on"
    return [*found[:MOST_SHOWN], Problem(last.file, last.line, 0, more, last.warning)]
