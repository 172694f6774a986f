"""Pieces that the summaries share: numbers as people read them, tables, and a cap on the whole."""

from collections.abc import Iterable, Sequence

from skillopt_ci.core.spend import Spend, format_usd
from skillopt_ci.core.stats import Effect
from skillopt_ci.core.texts import plural
from skillopt_ci.report.escape import md_text

LIMIT = 60_000
PULL_REQUEST_LIMIT = 58_000  # leaves room for the marker, below what a host refuses
MAX_IDS = 50
SIMULATED = (
    "**Simulated models:** these figures show that the machinery works, nothing about the quality of a real model."
)

_UNCONFINED = "agents, set-up commands and script graders ran unconfined, with this machine before them."
UNCONFINED = f"**`sandbox: off`:** {_UNCONFINED}"
UNCOMMITTED = "with uncommitted changes"
UNCONFINED_PLAIN = f"sandbox: off: {_UNCONFINED}"


def points(score: float | None) -> str:
    """A score as points (100 x score) with one decimal; a dash when it was not measured."""
    return "not measured" if score is None else f"{100 * score:.1f}"


def gain(difference: float) -> str:
    """A difference of scores in points, with its sign; never a negative zero."""
    return f"{round(100 * difference, 1) + 0.0:+.1f}"


def interval(effect: Effect) -> str:
    """The interval of an effect, in points."""
    return f"{round(100 * effect.confidence):d}% CI {bounds(effect)}"


def bounds(effect: Effect) -> str:
    """Both ends of an effect's interval, in points."""
    return f"[{gain(effect.low)}, {gain(effect.high)}]"


def commit_words(commit: str, *, uncommitted: bool) -> str:
    """A run's commit, and that its files were not all of it."""
    return f"{commit}, {UNCOMMITTED}" if uncommitted else commit


def ids(tasks: Sequence[str]) -> str:
    """Task ids, the first 50 of them."""
    shown = ", ".join(md_text(task, 100) for task in tasks[:MAX_IDS])
    return f"{shown} and {len(tasks) - MAX_IDS} more" if len(tasks) > MAX_IDS else shown


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; cells are safe Markdown already."""
    lines = ["| " + " | ".join(head) + " |", "| " + " | ".join("---" for _ in head) + " |"]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def spending(paid: Spend, replayed: Spend) -> str:
    """What was paid and what came from the ledger, in one line."""
    return f"Paid: {_spend(paid)}. Replayed from the ledger: {_spend(replayed)}."


def capped(blocks: Sequence[str], limit: int = LIMIT) -> str:
    """The blocks that fit, joined by blank lines."""
    return "\n\n".join(fitting(blocks, limit)) + "\n"


def fitting(blocks: Sequence[str], limit: int) -> list[str]:
    """As many blocks as fit into `limit` UTF-16 units (as hosts count), and a note on what was left out.

    Blocks are left out from the end, and never cut, so that no fence or table stays open.
    """
    note = "_Left out because of the size limit: {} of {} parts. The report of the run has them all._"
    room = limit - len(note) - 20
    kept: list[str] = []
    for block in blocks:
        room -= len(block.encode("utf-16-le", "replace")) // 2 + 2
        if room < 0:
            kept.append(note.format(len(blocks) - len(kept), len(blocks)))
            break
        kept.append(block.strip("\n"))
    return kept


def _spend(spend: Spend) -> str:
    told = f"{spend.usage.input_tokens:,} + {spend.usage.output_tokens:,} tokens"
    tokens = told if spend.tokens_told else "tokens unknown"
    usd = "price unknown" if spend.usd is None else f"{format_usd(spend.usd)} USD"
    return f"{plural(spend.calls, 'call')}, {tokens}, {usd}"
