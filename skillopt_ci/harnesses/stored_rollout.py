"""Trajectories of agents as the JSON values of a ledger."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any, cast, get_args

from skillopt_ci.core.task import Attachment
from skillopt_ci.core.texts import utf8
from skillopt_ci.core.trajectory import Message, StopReason, ToolCall, Trajectory
from skillopt_ci.errors import MEND_LEDGER, LedgerError
from skillopt_ci.ledger_records import Purchase

_STOP_REASONS = frozenset(get_args(StopReason))


def as_value(trajectory: Trajectory) -> dict[str, object]:
    """A trajectory without usage, calls, price and served model, which a purchase has of its own."""
    return {
        "messages": [[m.role, utf8(m.content)] for m in trajectory.messages],
        "stop": trajectory.stop_reason,
        "tools": [[utf8(t.name), utf8(t.arguments), utf8(t.result)] for t in trajectory.tool_calls],
        "seconds": round(trajectory.seconds, 3),
        "artifacts": [[utf8(a.name), base64.b64encode(a.data).decode("ascii")] for a in trajectory.artifacts],
        "removed": [utf8(name) for name in trajectory.removed],
        "omitted": [utf8(name) for name in trajectory.omitted],
        "diff": utf8(trajectory.diff),
        "denied": [utf8(name) for name in trajectory.denied],
        "skills_used": [utf8(name) for name in trajectory.skills_used],
        "tool_version": utf8(trajectory.tool_version),
    }


def trajectory_of(purchase: Purchase, label: str) -> Trajectory:
    """The trajectory that was bought. Raises `LedgerError` when its record is damaged."""
    try:
        return _read(purchase.value, purchase)
    except (KeyError, TypeError, ValueError, AttributeError, binascii.Error) as error:
        raise LedgerError(f"the ledger's record of {label} is damaged; {MEND_LEDGER}") from error


def _read(value: Mapping[str, Any], purchase: Purchase) -> Trajectory:
    if value["stop"] not in _STOP_REASONS:
        raise ValueError(value["stop"])
    return Trajectory(
        messages=tuple(Message(role=role, content=str(content)) for role, content in value["messages"]),
        stop_reason=cast(StopReason, value["stop"]),
        served_model=purchase.served_model,
        usage=purchase.usage,
        tool_calls=tuple(ToolCall(name=n, arguments=a, result=r) for n, a, r in value["tools"]),
        seconds=float(value["seconds"]),
        artifacts=tuple(Attachment(name=n, data=base64.b64decode(d, validate=True)) for n, d in value["artifacts"]),
        removed=tuple(value["removed"]),
        omitted=tuple(value["omitted"]),
        diff=str(value["diff"]),
        denied=tuple(value["denied"]),
        skills_used=tuple(value["skills_used"]),
        tool_version=str(value["tool_version"]),
        calls=purchase.calls,
        usd=purchase.usd,
    )
