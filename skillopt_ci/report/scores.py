"""What a reader of scores should know beside them, for Markdown, pages and terminals: the same words, escaped there."""

from collections.abc import Callable, Sequence

from skillopt_ci.core.own_result import without_answer
from skillopt_ci.core.texts import plural
from skillopt_ci.core.verdict import EvalEntry


def score_notes(entry: EvalEntry, ids: Callable[[Sequence[str]], str]) -> list[str]:
    """Why runs scored nothing, and which tasks have no score; `ids` escapes what strangers wrote."""
    means = entry.evaluation.means
    notes = []
    silent = without_answer(entry.rollouts)
    if silent:
        counted = "; ".join(f"{count} because {why}" for why, count in silent.items())
        runs = plural(entry.evaluation.n_runs, "run")
        notes.append(f"of {runs}, these scored 0 without an answer to grade: {counted}.")
    elif entry.evaluation.mean == 0:
        notes.append("no run scored anything: look whether graders and expected answers fit before you pay for more.")
    if missing := [task for task, mean in means.items() if mean is None]:
        count = plural(len(missing), "task")
        notes.append(f"{count} not measured: {ids(missing)}; `skillopt-ci ledger failures` says why.")
    return notes
