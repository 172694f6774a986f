"""A report as plain text for a terminal: the verdict, a sparkline, a table, the tasks that moved, the cost."""

from collections import Counter
from collections.abc import Sequence
from textwrap import wrap

from skillopt_ci.core.history import Step
from skillopt_ci.core.spend import spend_words
from skillopt_ci.core.texts import plural
from skillopt_ci.report.edits import kept_scores, reason_of
from skillopt_ci.report.escape import one_line
from skillopt_ci.report.page.model import Outcome, Report, Side, Subject, mean
from skillopt_ci.report.parts import SIMULATED, bounds, gain, points
from skillopt_ci.report.verdicts import power_words

_BARS = "▁▂▃▄▅▆▇█"
MAX_NAMED = 12  # tasks
MAX_STEPS = 60
_RESULT = {"accept": "accepted", "reject": "rejected", "skip": "skipped"}


def terminal(report: Report, width: int) -> str:
    """The report in lines of at most `width` characters where words allow it; no control character, no colour."""
    lines = [SIMULATED.replace("*", ""), ""] if report.simulated else []
    lines += [f"{one_line(report.title)}: {report.word}", one_line(report.sentence, 400)]
    lines += [one_line(report.message, 400)] if report.message else []
    lines += [one_line(note, 400) for note in report.notes]
    for subject in report.subjects:
        lines += ["", *_subject(subject, width, named=len(report.subjects) > 1)]
    if report.paid is not None and report.replayed is not None:
        lines += ["", f"paid {spend_words(report.paid)}; replayed {spend_words(report.replayed)}"]
    return "\n".join(line.rstrip() for line in lines)


def sparkline(values: Sequence[float], width: int) -> str:
    """Scores in [0, 1] as bars from 0 to 100 points; of more values than fit, evenly chosen ones, the last too."""
    if len(values) > width > 1:
        values = [values[round(n * (len(values) - 1) / (width - 1))] for n in range(width)]
    top = len(_BARS) - 1
    return "".join(_BARS[min(top, max(0, round(value * top)))] for value in values)


def columns(head: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int], width: int) -> list[str]:
    """A table in plain text; the columns whose places are in `right` hold numbers, the last one takes what is left."""
    cells = [list(head), *map(list, rows)]
    sizes = [max(len(row[at]) for row in cells) for at in range(len(head))]
    room = max(8, width - sum(sizes[:-1]) - 2 * (len(head) - 1))
    sizes[-1] = min(sizes[-1], room)
    lines = []
    for row in cells:
        row[-1] = one_line(row[-1], room)
        shown = [
            cell.rjust(size) if at in right else cell.ljust(size)
            for at, (cell, size) in enumerate(zip(row, sizes, strict=True))
        ]
        lines.append("  ".join(shown))
    return lines


def _subject(s: Subject, width: int, *, named: bool) -> list[str]:
    lines = []
    if named:
        word = f": {s.word}" if s.word else ""
        lines = [f"{one_line(s.name, 100)} on {one_line(s.target, 100)}{word}"]
        lines += [one_line(s.sentence, 400)] if s.sentence else []
    if s.effect is not None:
        label = f", {s.effect_label}" if s.effect_label else ""
        lines.append(f"{gain(s.effect.mean)} points, 95% interval {bounds(s.effect)}{one_line(label, 200)}")
    lines.append(" -> ".join(_side(side) for side in (s.old, s.new) if side is not None))
    lines += [one_line(note, 300) for note in s.notes]
    if s.power is not None and s.old.mean != 0:  # where nothing passes, nothing can be lost
        lines += wrap(power_words(s.power.looks[-1][1], s.power.margin), max(width, 40))
    lines += _steps(s, width)
    lines += _tasks(s, width)
    return lines


def _side(side: Side) -> str:
    score = f"{side.label} {points(side.mean)}"
    if side.low is not None and side.high is not None:
        score += f" [{points(side.low)}, {points(side.high)}]"
    return score + (f", {side.tokens:,} tokens" if side.tokens is not None else "")


def _steps(s: Subject, width: int) -> list[str]:
    if not s.steps:
        return []
    kept = kept_scores(s.steps, s.selection)
    head = "validation by step (selection estimate): "
    line = sparkline(kept, max(10, width - len(head) - 16))
    shown = s.steps[-MAX_STEPS:]
    lines = ["", f"{head}{line} {points(kept[0])} -> {points(kept[-1])}", ""]
    lines += columns(
        ("step", "kind", "result", "validation", "edits", "calls", "reason"), [_row(x) for x in shown], (0, 5), width
    )
    if len(shown) < len(s.steps):
        lines.append(f"(the last {len(shown)} of {len(s.steps)} steps)")
    return lines


def _row(step: Step) -> Sequence[str]:
    d = step.decision
    value = "not gated"
    if d is not None and d.mean is not None:
        value = f"{points(d.incumbent_mean)} -> {points(d.mean)}"
    elif d is not None and d.upper_bound is not None:
        value = f"{points(d.incumbent_mean)}, at most {points(d.upper_bound)}"
    words = {"kept": "kept", "waiting": "waiting"}
    counts = Counter(words.get(r.status, "not kept") for r in step.edits)
    edits = ", ".join(f"{n} {word}" for word, n in sorted(counts.items())) or "none"
    kind = step.kind.replace("_", " ")
    return (str(step.number), kind, _RESULT[step.action], value, edits, f"{step.cost.calls:,}", reason_of(step) or "-")


def _tasks(s: Subject, width: int) -> list[str]:
    if s.new is None:
        below = [row.id for row in s.tasks if (score := mean(row.old)) is not None and score < 1]
        more = f" and {len(below) - MAX_NAMED} more" if len(below) > MAX_NAMED else ""
        named = ", ".join(one_line(task, 100) for task in below[:MAX_NAMED])
        return [f"{plural(len(below), 'task')} below 100: {named}{more}"] if below else []
    if not s.tasks:
        return []
    outcomes = Counter(row.outcome for row in s.tasks)
    flaky = sum(row.flaky for row in s.tasks)
    order: tuple[Outcome, ...] = ("won", "lost", "same", "not measured")
    counts = ", ".join(f"{outcomes[word]} {word}" for word in order if outcomes[word])
    lines = ["", f"tasks: {counts}; {flaky} flaky"]
    for word in ("lost", "won"):
        rows = [row for row in s.tasks if row.outcome == word]
        rows.sort(key=lambda row: (mean(row.new) or 0.0) - (mean(row.old) or 0.0), reverse=word == "won")
        if rows:
            cells = [(word, points(mean(r.old)), points(mean(r.new)), one_line(r.id, 100)) for r in rows[:MAX_NAMED]]
            lines += columns(("", s.old.label, s.new.label, "task"), cells, (1, 2), width)
            lines += [f"and {len(rows) - MAX_NAMED} more {word}"] if len(rows) > MAX_NAMED else []
    return lines
