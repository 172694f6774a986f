"""Sections about tasks: the matrix of outcomes, every task, what was said while they were worked on."""

from collections import Counter
from collections.abc import Mapping, Sequence

from skillopt_ci.report.page.markup import Child, Html, anchor, clipped, tag
from skillopt_ci.report.page.model import Outcome, Subject, Talk, TaskRow, Values, mean
from skillopt_ci.report.page.pieces import Column, counted, score, shut, table

MAX_TASKS = 3000
MAX_OPEN = 30  # tasks that are listed without being asked for
MAX_MESSAGE = 2500
MAX_TALKS_SIZE = 1_200_000  # characters of a page that trajectories may take
_STATES = ("always right", "sometimes or partly", "never right")
_OUTCOMES: tuple[tuple[Outcome, str], ...] = (
    ("lost", "Lost: worse with the new skill"),
    ("won", "Won: better with the new skill"),
    ("same", "The same"),
    ("not measured", "Not measured on both sides"),
)


def matrix(subject: Subject) -> list[Child]:
    """How tasks went from the old skill to the new one, then every task."""
    if not subject.tasks:
        return []
    if subject.new is None:
        return _scores(subject.tasks)
    rows = [row for row in subject.tasks if row.outcome != "not measured"]
    counts = Counter((_state(row.old), _state(row.new)) for row in rows)
    flaky = sum(row.flaky for row in subject.tasks)
    outcomes = Counter(row.outcome for row in subject.tasks)
    told = ", ".join(f"{outcomes[o]} {o}" for o, _ in _OUTCOMES if outcomes[o])
    columns = [Column(f"{subject.old.label} ↓ / {subject.new.label} →"), *(Column(s, number=True) for s in _STATES)]
    cells = [
        (tag("span", state, class_="state"), *(_cell(counts[(state, after)], state == after) for after in _STATES))
        for state in _STATES
    ]
    told = f"{counted(len(subject.tasks), 'held-out task')}: {told}. {counted(flaky, 'is', 'are')} flaky"
    made: list[Child] = [
        tag("p", f"{told}: runs of the same skill disagree."),
        table("Tasks by what their runs were before and after", columns, cells, compact=True),
    ]
    for outcome, words in _OUTCOMES:
        named = [row for row in subject.tasks if row.outcome == outcome]
        if named:
            named.sort(key=lambda row: ((mean(row.new) or 0) - (mean(row.old) or 0)) * (-1 if outcome == "won" else 1))
            shown = outcome == "lost" and len(named) <= MAX_OPEN
            made.append(shut(f"{words} ({len(named):,})", _tasks(words, named, subject), shown=shown))
    return made


def talks(subject: Subject, prefix: str) -> tuple[list[Child], Mapping[str, str]]:
    """Trajectories, each collapsed, as many as fit; and where the first one of each task is."""
    by_task: dict[str, list[tuple[Talk, Html]]] = {}
    room = MAX_TALKS_SIZE
    shown = 0
    for talk in sorted(subject.talks, key=_rank):
        one = _talk(talk)
        room -= len(one.markup)
        if room < 0:
            break
        shown += 1
        by_task.setdefault(talk.task, []).append((talk, one))
    if not by_task:
        return [], {}
    places = {task: anchor(prefix, "task", at) for at, task in enumerate(sorted(by_task), 1)}
    entries = [shut(_heading(task, by_task[task]), [t for _, t in by_task[task]], id_=places[task]) for task in places]
    left = len(subject.talks) - shown + subject.talks_left_out
    made: list[Child] = [
        tag("p", "What the target was told and what it answered, by task. Open a task, then a run of it."),
        shut(counted(len(entries), "task"), entries),
        tag("p", f"{left:,} more runs are in the rollouts.jsonl files of the run folder.") if left else None,
    ]
    return made, places


def _rank(talk: Talk) -> tuple[bool, bool, str]:
    return (talk.score is None, (talk.score or 0.0) >= 1.0, talk.where)


def _heading(task: str, said: Sequence[tuple[Talk, Html]]) -> str:
    scores = [talk.score for talk, _ in said if talk.score is not None]
    shown = f", mean {score(sum(scores) / len(scores))}" if scores else ""
    return f"{clipped(task, 100)}: {counted(len(said), 'run')}{shown}"


def _talk(talk: Talk) -> Html:
    said = [
        tag("div", tag("p", role, class_="role"), tag("p", clipped(text, MAX_MESSAGE), class_="code said"), class_=role)
        for role, text in talk.messages
        if role in ("system", "user", "assistant", "tool")
    ]
    why = tag("p", tag("b", "Grader: "), clipped(talk.why, MAX_MESSAGE)) if talk.why else None
    return shut(f"{clipped(talk.where, 60)}: {score(talk.score)}", said, why, class_="talk")


def _state(values: Values) -> str:
    got = [v for v in values if v is not None]
    if all(v >= 1 - 1e-9 for v in got):
        return _STATES[0]
    return _STATES[2] if all(v <= 1e-9 for v in got) else _STATES[1]


def _cell(count: int, same: bool) -> Child:
    return tag("span", str(count), class_="same" if same else "zero" if not count else "moved")


def _scores(rows: Sequence[TaskRow]) -> list[Child]:
    columns = [Column("Task"), Column("Score", number=True), Column("Runs")]
    ranked = sorted(rows, key=lambda row: (mean(row.old) is None, mean(row.old) or 0.0))
    cells = [(_id(r), score(mean(r.old)), _dots(r.old)) for r in ranked[:MAX_TASKS]]
    below = sum((m := mean(row.old)) is not None and m < 1 for row in rows)
    told = f"{counted(len(rows), 'task')}, {below} below 100 points."
    return [
        tag("p", told),
        shut("Every task", table("Score of every task", columns, cells, compact=True), *_more(rows)),
    ]


def _tasks(words: str, rows: Sequence[TaskRow], subject: Subject) -> list[Child]:
    new = subject.new.label if subject.new else "New"
    columns = [Column("Task"), Column(subject.old.label, number=True), Column(new, number=True)]
    cells = [(_id(row), _with_dots(row.old), _with_dots(row.new)) for row in rows[:MAX_TASKS]]
    return [table(words, columns, cells, compact=True), *_more(rows)]


def _more(rows: Sequence[TaskRow]) -> list[Child]:
    left = len(rows) - MAX_TASKS
    return [tag("p", f"{left:,} more are in the JSON result.")] if left > 0 else []


def _id(row: TaskRow) -> list[Child]:
    return [clipped(row.id, 100), tag("span", " flaky", class_="flag") if row.flaky else None]


def _with_dots(values: Values) -> list[Child]:
    return [_dots(values), " ", tag("span", score(mean(values)))]


def _dots(values: Values) -> Html:
    """A run a dot: full is right, empty is wrong, half is partly, a dash gave no result."""
    shown = "".join("–" if v is None else "●" if v >= 1 - 1e-9 else "○" if v <= 1e-9 else "◐" for v in values[:16])
    return tag("span", shown, class_="dots", aria_hidden="true")
