"""How often agents chose a skill when they should, in words and as JSON."""

from collections.abc import Mapping

from skillopt_ci.core.trigger import Rate, Triggers
from skillopt_ci.report.parts import points


def triggers_json(found: Triggers | None) -> dict[str, object]:
    """The key `triggers` of a result; nothing where no task asks about it."""
    return {} if found is None else {"triggers": found.as_json()}


def both_json(one: str, other: str, found: tuple[Triggers | None, Triggers | None]) -> dict[str, object]:
    """The key `triggers` of a comparison, with the names of its sides; nothing where no task asks about it."""
    if found == (None, None):
        return {}
    return {"triggers": {name: side and side.as_json() for name, side in zip((one, other), found, strict=True)}}


def triggers_line(found: Triggers) -> str:
    """Precision and recall in one line, safe Markdown."""
    missing = f"; {found.missing} runs ended before it was known" if found.missing else ""
    return (
        f"triggering: precision {_rate(found.precision)}, recall {_rate(found.recall)} over {found.tasks} tasks "
        f"(opened {found.chosen} of {found.chosen + found.missed} times when it should, {found.false_alarms} of "
        f"{found.false_alarms + found.left} when it should not{missing})"
    )


def read_triggers(value: object) -> Triggers | None:
    """What `Triggers.as_json` wrote; None where that is not what it wrote."""
    if not isinstance(value, Mapping):
        return None
    counts = [value.get(k) for k in ("chosen", "missed", "false_alarms", "left", "missing", "n_tasks")]
    try:
        chosen, missed, alarms, left, missing, tasks = (int(n) for n in counts)  # type: ignore[arg-type]
        precision, recall = _read_rate(value.get("precision")), _read_rate(value.get("recall"))
    except (TypeError, ValueError, KeyError):
        return None
    return Triggers(
        precision=precision,
        recall=recall,
        chosen=chosen,
        missed=missed,
        false_alarms=alarms,
        left=left,
        missing=missing,
        tasks=tasks,
    )


def _read_rate(value: object) -> Rate | None:
    if not isinstance(value, Mapping):
        return None
    return Rate(value=float(value["value"]), low=float(value["low"]), high=float(value["high"]))


def trigger_notes(*sides: tuple[str, Triggers | None]) -> tuple[str, ...]:
    """A line for every side that was measured."""
    return tuple(f"{name}, {triggers_line(found)}." for name, found in sides if found is not None)


def _rate(rate: Rate | None) -> str:
    return "not measured" if rate is None else f"{points(rate.value)} [{points(rate.low)}, {points(rate.high)}]"
