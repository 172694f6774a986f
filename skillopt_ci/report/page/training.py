"""Sections of a training: scores over steps, the skill's diff with its edits, what was not kept."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from skillopt_ci.core.history import EditRecord, Step
from skillopt_ci.report.edits import became, kept_scores, not_kept, reason_of
from skillopt_ci.report.page.charts import Kind, Point, legend, score_chart
from skillopt_ci.report.page.diff import MAX_LINES, Hunk, difference, edits_of, kept_edits
from skillopt_ci.report.page.markup import Child, Html, anchor, clipped, join, tag
from skillopt_ci.report.page.model import Subject
from skillopt_ci.report.page.pieces import NOT_MEASURED, Column, counted, effect_words, score, shut, table
from skillopt_ci.report.parts import gain

MAX_LINE = 2000
MAX_ROWS = 1500  # of a diff
MAX_EDITS = 300
MAX_EVIDENCE = 12
_RESULT = {"accept": "accepted", "reject": "rejected", "skip": "skipped"}


def changes(subject: Subject, prefix: str, known: Mapping[str, str]) -> list[Child]:
    """The diff side by side, every hunk with the edits behind it. `known` are tasks that can be opened, with places."""
    if subject.texts is None:
        return []
    found = difference(*subject.texts)
    kept = kept_edits(subject.steps)
    told: set[tuple[int, int]] = set()
    rows: list[Child] = []
    room = MAX_ROWS
    for hunk in found.hunks:
        if hunk.skipped:
            rows.append(_gap(hunk.skipped))
        edits = edits_of(hunk, kept)
        rows += _rows(hunk, room)
        room -= len(hunk.lines)
        told |= {(edit.step.number, edit.at) for edit in edits}
        notes = [_note(edit.step, edit.at, prefix, known) for edit in edits]
        rows.append(tag("tr", tag("td", notes, colspan=4, class_="why")) if notes else None)
        if room <= 0:
            rows.append(tag("tr", tag("td", "The rest of the difference is left out: too long.", colspan=4)))
            break
    if found.skipped and room > 0:
        rows.append(_gap(found.skipped))
    if found.left_out and room > 0:
        words = f"{counted(found.left_out, 'more line')} after the first {MAX_LINES:,}: not compared."
        rows.append(tag("tr", tag("td", words, colspan=4)))
    elif not found.hunks:
        return [tag("p", "The text did not change.")]
    heads = [tag("th", text, scope="col", colspan=2) for text in (subject.old.label, _label(subject))]
    made: list[Child] = [
        tag(
            "table",
            tag("caption", "The skill before and after" + ("; under each change its edits" if subject.steps else "")),
            tag("colgroup", [tag("col", class_=c) for c in ("n", None, "n", None)]),
            tag("thead", tag("tr", heads)),
            tag("tbody", rows),
            class_="diff",
        )
    ]
    hidden = [edit for edit in kept if (edit.step.number, edit.at) not in told]
    if hidden:
        notes = [_note(edit.step, edit.at, prefix, known, text=True) for edit in hidden[:MAX_EDITS]]
        made.append(shut(f"{counted(len(hidden), 'kept edit')} with no changed line above", notes))
    return made


def progress(subject: Subject) -> list[Child]:
    """Scores over steps: a chart, and the figures as a table."""
    if not subject.steps:
        return []
    scores = kept_scores(subject.steps, subject.selection)
    start = scores[0]
    points = [Point(at=0, score=start, kind="start", told=f"start: {score(start)}")]
    points += [point for step in subject.steps if (point := _point(step))]
    kept = [(0, start), *((n, new) for n, (old, new) in enumerate(pairwise(scores), 1) if new != old)]
    last = subject.steps[-1].number
    accepted = sum(step.action == "accept" for step in subject.steps)
    gated = sum(step.decision is not None for step in subject.steps)
    told = (
        f"Validation score of the kept skill over {counted(last, 'step')}: "
        f"from {score(start)} to {score(kept[-1][1])}. "
        f"{counted(gated, 'candidate')}, {accepted} accepted. The table below has every figure."
    )
    kinds: list[tuple[Kind, str]] = [("accepted", "accepted"), ("rejected", "rejected")]
    kinds += [("bound", "rejected early: at most this")] if any(p.kind == "bound" for p in points) else []
    kinds += [("removed", "pruned")] if any(p.kind == "removed" for p in points) else []
    return [
        tag(
            "figure",
            tag(
                "p", "Validation score (points) by step; whiskers are 95% intervals of the change", class_="axis-title"
            ),
            score_chart(points, kept, last, told),
            legend(kinds),
            tag(
                "figcaption",
                "Selection estimates: they chose the candidates and are optimistic. The claim is on the test split.",
            ),
            class_="scores",
        ),
        shut("Every step as a table", _steps(subject.steps)),
    ]


def dropped(subject: Subject) -> list[Child]:
    """Edits that were not kept, with the reason; one that waited is told where it was looked at last."""
    found = not_kept(subject.steps)
    over = sum(record.status == "over-budget" for step in subject.steps for record in step.edits)
    if not found:
        return [tag("p", "Every proposed edit was kept.")] if any(s.edits for s in subject.steps) else []
    columns = [
        Column("Step", number=True),
        Column("Edit"),
        Column("What became of it"),
        Column("Own tasks", number=True),
    ]
    rows = [
        (
            str(step.number),
            join(tag("span", record.edit.op, class_="op"), " ", _text(record, 300)),
            join(tag("b", became(step, record)), ": ", clipped(record.reason or step.reason, 400)),
            _own(record),
        )
        for step, record in found[:MAX_EDITS]
    ]
    made: list[Child] = [
        table("Edits that were not kept; own tasks: points gained on the train tasks they answer", columns, rows)
    ]
    if len(found) > MAX_EDITS:
        made.append(tag("p", f"{len(found) - MAX_EDITS:,} more are in history.json."))
    if over:
        made.append(tag("p", f"{counted(over, 'more edit')} did not fit the edit budget and were not tried."))
    return made


def _label(subject: Subject) -> str:
    return subject.new.label if subject.new is not None else "New"


def _gap(count: int) -> Html:
    return tag("tr", tag("td", f"{counted(count, 'unchanged line')}", colspan=4, class_="gap"))


def _rows(hunk: Hunk, room: int) -> list[Child]:
    made: list[Child] = []
    for line in hunk.lines[: max(0, room)]:
        old, new = (None if t is None else clipped(t, MAX_LINE) for t in (line.old, line.new))
        gone, came = line.changed and old is not None, line.changed and new is not None
        made.append(
            tag(
                "tr",
                tag("td", "" if line.old_number is None else str(line.old_number), class_="n"),
                tag(
                    "td", _signed(old, "−" if gone else ""), class_="gone" if gone else "void" if old is None else "old"
                ),
                tag("td", "" if line.new_number is None else str(line.new_number), class_="n"),
                tag(
                    "td", _signed(new, "+" if came else ""), class_="came" if came else "void" if new is None else "new"
                ),
                class_="row" if line.changed else "row same",
            )
        )
    return made


def _signed(text: str | None, sign: str) -> Html | None:
    if text is None:
        return None
    said = {"+": "added", "−": "removed"}.get(sign)
    shown = tag("span", sign, class_="sign", aria_hidden="true")
    return join(shown, tag("span", f"{said}: ", class_="unseen") if said else None, tag("span", text, class_="code"))


def _note(step: Step, at: int, prefix: str, known: Mapping[str, str], *, text: bool = False) -> Html:
    """An edit in words: why, on what evidence, and what it did."""
    record = step.edits[at]
    edit = record.edit
    shown = [_evidence(task, known) for task in edit.evidence[:MAX_EVIDENCE]]
    more = f" and {len(edit.evidence) - MAX_EVIDENCE} more" if len(edit.evidence) > MAX_EVIDENCE else None
    spaced = [join(", " if n else None, one) for n, one in enumerate(shown)]
    effect = step.decision.effect if step.decision else None
    others = sum(r.status == "kept" for r in step.edits) - 1
    how = f" together with {counted(others, 'other edit')}" if others > 0 else ""
    parts: list[Child] = [
        tag("p", tag("b", f"Edit {step.number}.{at + 1}"), f" ({edit.op}) ", tag("q", clipped(edit.rationale, 600)))
        if edit.rationale.strip()
        else tag("p", tag("b", f"Edit {step.number}.{at + 1}"), f" ({edit.op})"),
        tag("p", _text(record, 600)) if text else None,
        tag("p", "Evidence, train tasks: ", spaced, more) if shown else None,
        tag("p", f"Effect: {_tried(record)}; on validation{how} {effect_words(effect)} (selection estimate)"),
    ]
    return tag("div", parts, class_="edit", id=anchor(prefix, "edit", step.number, at + 1))


def _evidence(task: str, known: Mapping[str, str]) -> Html:
    place = known.get(task)
    shown = clipped(task, 80)
    return tag("a", shown, href=f"#{place}") if place else tag("span", shown)


def _text(record: EditRecord, limit: int) -> Html:
    edit = record.edit
    gone = tag("del", clipped(edit.target, limit)) if edit.op != "add" and edit.target.strip() else None
    came = tag("ins", clipped(edit.content, limit)) if edit.op != "delete" and edit.content.strip() else None
    return tag("span", gone, " " if gone and came else None, came, class_="code")


def _tried(record: EditRecord) -> str:
    """What its trials on train tasks showed of an edit."""
    if record.screening is None:
        return "not measured on its own train tasks"
    found = f"{gain(record.screening.gain)} on {counted(record.screening.runs, 'run')}"
    return (
        f"by all its runs on train tasks, tried with others, {found}"
        if record.screening.together
        else f"on its own train tasks {found}"
    )


def _own(record: EditRecord) -> str:
    found = record.screening
    return NOT_MEASURED if found is None or found.together else gain(found.gain)


def _point(step: Step) -> Point | None:
    d = step.decision
    if d is None:
        return None
    name = f"step {step.number}, {_RESULT[step.action]}"
    if d.mean is None:
        if d.upper_bound is None:
            return None
        return Point(at=step.number, score=d.upper_bound, kind="bound", told=f"{name}: at most {score(d.upper_bound)}")
    kind: Kind = "rejected" if step.action != "accept" else "removed" if step.kind == "prune" else "accepted"
    low = None if d.effect is None else d.incumbent_mean + d.effect.low
    high = None if d.effect is None else d.incumbent_mean + d.effect.high
    return Point(at=step.number, score=d.mean, kind=kind, low=low, high=high, told=f"{name}: {score(d.mean)}")


def _steps(steps: Sequence[Step]) -> Html:
    columns = [
        Column("Step", number=True), Column("Epoch", number=True), Column("Kind"), Column("Result"),
        Column("Validation", number=True), Column("Change", number=True), Column("Calls", number=True),
        Column("Reason"),
    ]  # fmt: skip
    rows = []
    for step in steps:
        d = step.decision
        value = "not gated" if d is None else score(d.mean)
        if d is not None and d.mean is None and d.upper_bound is not None:
            value = f"at most {score(d.upper_bound)}"
        change = "–" if d is None or d.effect is None else effect_words(d.effect)
        rows.append(
            (
                str(step.number), str(step.epoch), step.kind.replace("_", " "), _RESULT[step.action], value, change,
                f"{step.cost.calls:,}", clipped(reason_of(step), 300),
            )
        )  # fmt: skip
    return table("Every step; validation scores are selection estimates", columns, rows)
