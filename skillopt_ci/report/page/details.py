"""Sections below the fold: what the gate can show, the skill's history, cost, configuration and hashes."""

from collections.abc import Sequence

from skillopt_ci.core.spend import Spend, StageCost
from skillopt_ci.report.edits import REASON_CHARS
from skillopt_ci.report.page.charts import bar
from skillopt_ci.report.page.markup import Child, Html, clipped, join, tag
from skillopt_ci.report.page.model import Earlier, GatePower, Report, Subject
from skillopt_ci.report.page.outcome import spend_line
from skillopt_ci.report.page.pieces import Column, counted, facts, money, score, shut, table

MAX_EARLIER = 30
MAX_REJECTED = 12
MAX_CONFIG = 60_000
MAX_DIFF = 40_000
_STAGES = {
    "train": "train tasks",
    "screen": "screening of edits",
    "val": "validation",
    "slow": "slow update",
    "base": "base skill",
    "test": "best skill on the test split",
    "head": "head skill",
    "fresh": "base skill, measured anew",
    "optimizer": "optimizer",
    "judge": "judge",
    "eval": "scoring",
}


def power(found: GatePower | None) -> list[Child]:
    """Which losses the gate shows on this suite, look by look."""
    if found is None or not found.looks:
        return []
    last = found.looks[-1][1]
    noise = "as measured here" if found.variance is not None else "assumed, as it was not measured here"
    told = (
        f"With {counted(found.n_tasks, 'held-out task')}, {counted(found.base_runs, 'base run')} a task and up to "
        f"{counted(found.looks[-1][0], 'round')} the gate shows a loss of {100 * last:.1f} points or more with 80% "
        f"power; a pass rules out a loss of {100 * found.margin:.3g}. Run-to-run noise is {noise}."
    )
    hint: Child = None
    if last > found.margin:
        say = " More tasks, more base runs or a larger margin would suit it: "
        hint = join(say, tag("span", "skillopt-ci power", class_="code"), " says how many.")
    used = [] if found.used is None else [tag("p", f"This comparison took {counted(found.used, 'round')}.")]
    columns = [Column("Rounds allowed", number=True), Column("Smallest loss shown (points)", number=True)]
    rows = [(str(n), f"{100 * loss:.1f}") for n, loss in found.looks]
    return [
        tag("p", told, hint),
        *used,
        table("Minimum detectable loss by rounds, 80% power", columns, rows, compact=True),
    ]


def history(subject: Subject) -> list[Child]:
    """Earlier runs of this skill, as committed."""
    if not subject.earlier:
        return [tag("p", "No earlier run of this skill is in its committed history (.skillopt/history).")]
    shown = subject.earlier[-MAX_EARLIER:]
    columns = [
        Column("Run"), Column("Outcome"), Column("Test score", number=True), Column("Accepted", number=True),
        Column("Rejected"),
    ]  # fmt: skip
    rows = [_earlier(one) for one in shown]
    accepted = sum(one.accepted for one in subject.earlier)
    rejected = sum(len(one.rejected) for one in subject.earlier)
    told = (
        f"{counted(len(subject.earlier), 'entry', 'entries')}: {accepted} accepted and {rejected} rejected edits. "
        "A run is a release when its pull request was merged; of the others only what was rejected is remembered."
    )
    return [tag("p", told), table("Runs before this one, oldest first", columns, rows)]


def cost(report: Report) -> list[Child]:
    """What was bought, by stage and model."""
    made: list[Child] = [spend_line(report)]
    if report.costs:
        total = sum((c.spend for c in report.costs), Spend())
        by_usd = total.usd is not None and total.usd > 0
        columns = [
            Column("Stage"), Column("Model"), Column("Calls", number=True), Column("Tokens in", number=True),
            Column("Tokens out", number=True), Column("USD", number=True),
        ]  # fmt: skip
        rows = [_cost(one, total, by_usd=by_usd) for one in report.costs]
        rows.append(("All", "", *_spend(total)))
        made.append(table("What this run bought, at recorded prices, replayed or not", columns, rows))
    return [one for one in made if one is not None]


def configuration(report: Report) -> list[Child]:
    """Commits, digests and the configuration."""
    made: list[Child] = (
        [facts([(name, _hash(value)) for name, value in report.facts], "facts hashes")] if report.facts else []
    )
    if report.config:
        made.append(shut("Configuration", tag("p", clipped(report.config, MAX_CONFIG), class_="code said")))
    return made


def policy(report: Report) -> list[Child]:
    """Rules that the change would bring: not in force."""
    return [
        shut(clipped(path, 200), tag("p", clipped(diff, MAX_DIFF), class_="code said")) for path, diff in report.policy
    ]


def _hash(value: str) -> Html:
    return tag("span", clipped(value, 200), class_="code")


def _earlier(one: Earlier) -> Sequence[Child]:
    if one.note:
        return (tag("span", clipped(one.run, 40), class_="code"), "accepted", "–", "–", clipped(one.note, 300))
    test = "not recorded" if one.best is None else f"{score(one.start)} → {score(one.best)}"
    entries = [
        tag("li", tag("span", clipped(text, 200), class_="code"), ": ", clipped(why, REASON_CHARS))
        for text, why in one.rejected
    ]
    more = len(entries) - MAX_REJECTED
    inner = shut(
        counted(len(entries), "edit"),
        tag("ul", entries[:MAX_REJECTED], tag("li", f"and {more} more") if more > 0 else None),
    )
    outcome = "release" if one.released else "not merged"
    run = tag("span", clipped(one.run, 16), class_="code")
    return (run, outcome, test, str(one.accepted), inner if entries else "0")


def _cost(one: StageCost, total: Spend, *, by_usd: bool) -> Sequence[Child]:
    share = one.spend.calls / max(1, total.calls)
    if by_usd and one.spend.usd is not None and total.usd:
        share = float(one.spend.usd / total.usd)
    return (join(stage_words(one.stage), bar(share)), clipped(one.model, 60), *_spend(one.spend))


def stage_words(stage: str) -> str:
    """A stream of samples as people call it."""
    kind, _, part = stage.partition("/")
    words = _STAGES.get(kind)
    if words is None:
        return clipped(stage, 60)
    return f"{words}, epoch {clipped(part, 20)}" if kind in ("train", "slow") and part else words


def _spend(spend: Spend) -> tuple[str, str, str, str]:
    counts = (spend.usage.input_tokens, spend.usage.output_tokens)
    asked, answered = (f"{n:,}" if spend.tokens_told else "unknown" for n in counts)
    return (f"{spend.calls:,}", asked, answered, money(spend))
