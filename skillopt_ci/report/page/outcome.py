"""The top of a page: what happened, how large the effect is, and what a maintainer decides by."""

from skillopt_ci.report.page.charts import interval_chart
from skillopt_ci.report.page.markup import Child, Html, join, tag
from skillopt_ci.report.page.model import Report, Subject
from skillopt_ci.report.page.pieces import Column, counted, effect_words, facts, money, score, table
from skillopt_ci.report.parts import bounds, gain

SIMULATED = "Simulated models: these figures show that the machinery works, nothing about the quality of a real model."
_SHAPE = {"good": "✓", "bad": "✗", "unsure": "?", "plain": "–"}


def masthead(report: Report) -> Html:
    """The verdict, in the largest letters of the page."""
    simulated = tag("p", tag("strong", SIMULATED), class_="simulated") if report.simulated else None
    return tag(
        "header",
        tag("p", f"skillopt-ci · {report.title}", class_="eyebrow"),
        tag("h1", badge(report.tone, report.word), " ", tag("span", report.sentence)),
        tag("p", report.message, class_="message") if report.message else None,
        simulated,
        [tag("p", note, class_="message") for note in report.notes],
        class_="masthead",
    )


def badge(tone: str, word: str) -> Html | None:
    """A verdict in one word: a shape and a word, so that it is not only a colour."""
    if not word:
        return None
    return tag("span", tag("span", _SHAPE.get(tone, "–"), aria_hidden="true"), f" {word}", class_=f"badge {tone}")


def claim(subject: Subject) -> Html:
    """The effect with its interval, and the two scores it is between."""
    parts: list[Child] = []
    effect = subject.effect
    if effect is not None:
        words = f"{gain(effect.mean)} points, {100 * effect.confidence:.0f}% interval {bounds(effect)}"
        told = f"{subject.effect_label}: {words}" + (
            f"; the margin is {-100 * subject.margin:.3g} points" if subject.margin is not None else ""
        )
        parts.append(
            tag(
                "div",
                tag("p", tag("span", gain(effect.mean), class_=f"big {subject.tone}"), " points", class_="lead"),
                tag("p", f"{100 * effect.confidence:.0f}% interval {bounds(effect)}", class_="under"),
                tag("p", subject.effect_label, class_="under"),
                class_="number-block",
            )
        )
        ends = [tag("span", "worse"), tag("span", "no change"), tag("span", "better")]
        note = f"dashed: the margin, {-100 * subject.margin:.3g}" if subject.margin is not None else None
        parts.append(
            tag(
                "figure",
                interval_chart(effect, subject.margin, told),
                tag("div", ends, class_="ends", aria_hidden="true"),
                tag("figcaption", note) if note else None,
                class_="effect-figure",
            )
        )
    return join(tag("div", parts, class_="claim") if parts else None, tag("div", _facts(subject)))


def overview(report: Report) -> Html | None:
    """All skills of a page that has several."""
    if len(report.subjects) < 2:
        return None
    columns = [Column("Skill"), Column("Target"), Column("Outcome"), Column("Effect (points)", number=True)]
    rows = [
        (tag("a", s.name, href=f"#s{at}"), s.target, join(badge(s.tone, s.word)), effect_words(s.effect))
        for at, s in enumerate(report.subjects, 1)
    ]
    return tag("section", tag("h2", "Skills", id="skills"), table("Every skill and target", columns, rows))


def targets(subject: Subject) -> Html | None:
    """The closing comparison on every target of a training that measured several."""
    if len(subject.targets) < 2:
        return None
    columns = [Column("Target"), *(Column(name, number=True) for name in ("Start", "Best", "Effect (points)", "Tasks"))]
    rows = [
        (
            row.target + (" (trained on)" if row.trained else ""),
            score(row.old),
            score(row.new),
            effect_words(row.effect),
            str(row.n_tasks),
        )
        for row in subject.targets
    ]
    return table("The test split on every target", columns, rows)


def _facts(s: Subject) -> Html:
    pairs: list[tuple[str, Child]] = []
    for side in (s.old, s.new):
        if side is not None:
            shown = score(side.mean)
            if side.low is not None and side.high is not None:
                shown += f" [{100 * side.low:.1f}, {100 * side.high:.1f}]"
            runs = f", {counted(side.runs, 'run')}" if side.runs else ""
            pairs.append((f"{side.label}{runs}", shown))
    if s.suite_effect is not None:
        pairs.append(("On exactly these tasks", effect_words(s.suite_effect)))
    if s.selection is not None:
        pairs.append(
            ("Validation (selection estimate, optimistic)", f"{score(s.selection[0])} → {score(s.selection[1])}")
        )
    tokens = [side.tokens for side in (s.old, s.new) if side is not None and side.tokens is not None]
    if tokens:
        pairs.append(("Skill size, tokens (rough)", " → ".join(f"{t:,}" for t in tokens)))
    return facts(pairs)


def spend_line(report: Report) -> Html | None:
    """What was paid now and what came from the ledger."""
    if report.paid is None or report.replayed is None:
        return None
    return tag(
        "p",
        f"Paid by this command: {counted(report.paid.calls, 'call')}, {money(report.paid)}. "
        f"Replayed from the ledger: {counted(report.replayed.calls, 'call')}, {money(report.replayed)}.",
    )
