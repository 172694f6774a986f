"""A skill's committed history (`.skillopt/history/NAME.jsonl`) as what a page says of earlier runs."""

from typing import Any

from skillopt_ci.core.json_values import parsed_objects, string
from skillopt_ci.report.page.model import Earlier

MAX_LINES = 5000


def earlier_runs(data: bytes, *, without: str = "") -> tuple[Earlier, ...]:
    """Runs in the order of the file, and what maintainers accepted against the gate's word.

    Lines of strangers: what does not fit is passed over. `without` is a run that is left out: the page's own.
    """
    runs: dict[str, Earlier] = {}
    for place, value in enumerate(parsed_objects(data.splitlines()[-MAX_LINES:])):
        run, status = value.get("run"), value.get("status")
        if status == "accepted-by-maintainer":
            commit, by, why = (string(value.get(key)) for key in ("commit", "by", "reason"))
            note = f"accepted by {by} against the gate: {why}"
            runs[f"\0{place}"] = Earlier(run=commit[:12], accepted=0, rejected=(), note=note)
        elif isinstance(run, str) and run != without:
            runs[run] = _with(runs.get(run, Earlier(run=run, accepted=0, rejected=())), value)
    return tuple(runs.values())


def _with(one: Earlier, value: dict[str, Any]) -> Earlier:
    status = value.get("status")
    accepted, rejected, start, best, released = one.accepted, one.rejected, one.start, one.best, one.released
    if status == "accepted":  # only a merge brings such a line: without one its edits are remembered as rejected
        accepted, released = accepted + 1, True
    elif status == "rejected":
        text = string(value.get("content")) or string(value.get("target"))
        rejected = (*rejected, (text, string(value.get("reason"))))
    elif status == "run":
        start, best = _score(value.get("start")), _score(value.get("best"))
        released = released or "closed" not in value
    return Earlier(run=one.run, accepted=accepted, rejected=rejected, start=start, best=best, released=released)


def _score(value: object) -> float | None:
    return float(value) if type(value) in (int, float) and 0 <= value <= 1 else None  # type: ignore[arg-type, operator]
