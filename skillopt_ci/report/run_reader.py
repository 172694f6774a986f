"""Reads a run folder back, for `pr` and `report`: as data of strangers, checked before it is used."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, get_args

from skillopt_ci.core.edit import Edit, Op
from skillopt_ci.core.history import Action, Decision, EditRecord, EditStatus, Step, StepKind
from skillopt_ci.core.rollout import Failure
from skillopt_ci.core.screening import Screening
from skillopt_ci.core.skill import Skill, parse_skill
from skillopt_ci.core.spend import Spend
from skillopt_ci.core.stats import Effect
from skillopt_ci.core.trajectory import Usage
from skillopt_ci.errors import ConfigError, UsageError

MAX_BYTES = 16 * 1024 * 1024
_LARGEST = sys.float_info.max


@dataclass(frozen=True, kw_only=True)
class Run:
    """A finished run. `body` is the pull request's Markdown; None when the run changed nothing."""

    config: Mapping[str, Any]
    report: Mapping[str, Any]
    start: Skill
    best: Skill
    steps: tuple[Step, ...]
    body: str | None

    @property
    def proposal(self) -> bool:
        """The run's own word: worth a pull request."""
        return self.report.get("proposal") is True

    @property
    def test(self) -> tuple[float | None, float | None]:
        """Scores of start and best in the closing comparison, in [0, 1]; None where nothing was measured."""
        skills = self.report.get("skills")
        test = skills[0].get("test") if isinstance(skills, list) and skills and isinstance(skills[0], dict) else None
        sides = [test.get(side) if isinstance(test, dict) else None for side in ("start", "best")]
        start, best = (side.get("mean") if isinstance(side, dict) else None for side in sides)
        return _share(start), _share(best)


def read_run(folder: Path) -> Run:
    """Read the folder of a finished run.

    Raises:
        UsageError: it is no run folder, or a file in it is missing or damaged; says which.
    """
    config = read_json(folder, "config.json")
    name = config.get("name") if isinstance(config, dict) else None
    if not isinstance(config, dict) or not isinstance(name, str) or not isinstance(config.get("path"), str):
        raise UsageError(f"{folder / 'config.json'}: not the configuration of a run")
    start = _skill(folder, "skills/skill_v0000.md", name)
    best = _skill(folder, "best_skill.md", name)
    report = read_json(folder, "report.json")
    history = read_json(folder, "history.json")
    if not isinstance(report, dict) or not isinstance(history, list):
        raise UsageError(f"{folder}: report.json or history.json is not what a run writes")
    body = folder / "pull_request.md"
    return Run(
        config=config,
        report=report,
        start=start,
        best=best,
        steps=_steps(folder, name, history, start),
        body=_bytes(body).decode("utf-8", "replace") if body.is_file() else None,
    )


def _share(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and 0 <= value <= 1 else None


def read_json(folder: Path, name: str) -> Any:
    """A JSON file of a run folder. Raises `UsageError` when it is missing or damaged."""
    path = folder / name
    try:
        return json.loads(_bytes(path))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: damaged ({error}); run `train` again with this folder") from error


def read_text(folder: Path, name: str) -> str:
    """A text file of a run folder. Raises `UsageError` when it is missing."""
    return _bytes(folder / name).decode("utf-8", "replace")


def _bytes(path: Path) -> bytes:
    try:
        if path.is_symlink() or path.stat().st_size > MAX_BYTES:
            raise UsageError(f"{path}: a link, or larger than {MAX_BYTES} bytes")
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; name the folder of a finished run") from error


def _skill(folder: Path, name: str, skill: str) -> Skill:
    try:
        return parse_skill(_bytes(folder / name), path=str(folder / name), name=skill)
    except ConfigError as error:
        raise UsageError(str(error)) from error


def _steps(folder: Path, name: str, history: list[Any], start: Skill) -> tuple[Step, ...]:
    """Steps from `history.json`; every accepted one gets its version of the skill."""
    steps: list[Step] = []
    incumbent, version = start, 0
    for number, item in enumerate(history, 1):
        try:
            accepted = item["action"] == "accept"
            if accepted:
                version += 1
                candidate = _skill(folder, f"skills/skill_v{version:04d}.md", name)
            step = _step(item, incumbent, candidate if accepted else None)
        except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
            raise UsageError(f"{folder / 'history.json'}: step {number} is damaged: {error}") from error
        incumbent = step.candidate or incumbent
        steps.append(step)
    return tuple(steps)


def _step(item: Mapping[str, Any], incumbent: Skill, candidate: Skill | None) -> Step:
    effect = item["effect"]
    gated = item["candidate"] is not None
    decision = Decision(
        accept=item["action"] == "accept",
        reason=str(item["reason"]),
        mean=_number(item["val_mean"]),
        upper_bound=_number(item["val_upper_bound"]),
        incumbent_mean=_finite(item["incumbent_val_mean"]),
        effect=None if effect is None else Effect(**{k: _finite(effect[k]) for k in ("mean", "low", "high")}),
        n_rollouts=0,
    )
    return Step(
        number=int(item["step"]),
        epoch=int(item["epoch"]),
        kind=_one_of(item["kind"], get_args(StepKind)),
        action=_one_of(item["action"], get_args(Action)),
        reason=str(item["reason"]),
        incumbent=incumbent,
        candidate=candidate,
        decision=decision if gated else None,
        incumbent_mean=_finite(item["incumbent_val_mean"]),
        edits=tuple(_edit(e) for e in item["edits"]),
        edit_budget=int(item["edit_budget"]),
        cost=read_spend(item.get("cost")),
        failures=tuple(
            Failure(stage=str(f["stage"]), kind=str(f["kind"]), message=str(f["message"]))
            for f in item.get("failures", ())
        ),
    )


def _edit(item: Mapping[str, Any]) -> EditRecord:
    edit = Edit(
        op=_one_of(item["op"], get_args(Op)),
        target=str(item["target"]),
        content=str(item["content"]),
        rationale=str(item["rationale"]),
        evidence=tuple(str(e) for e in item["evidence"]),
        support=int(item["support"]),
    )
    alone = item.get("screening")
    return EditRecord(
        edit=edit,
        status=_one_of(item["status"], get_args(EditStatus)),
        reason=str(item["reason"]),
        screening=None if alone is None else _screening(alone),
        proposed=int(item.get("proposed", 0)),
    )


def _screening(item: Mapping[str, Any]) -> Screening:
    evidence = _finite(item.get("evidence", 0.0))
    together = item.get("together") is True
    return Screening(gain=_finite(item["gain"]), runs=int(item["runs"]), evidence=evidence, together=together)


def read_spend(value: object) -> Spend:
    """A spend from its JSON form; counts that are not there are 0, a price that cannot be read is unknown.

    Raises:
        ValueError: a count is no number.
    """
    if not isinstance(value, Mapping):
        return Spend(usd=None)
    counts = [int(_finite(value.get(key, 0))) for key in ("calls", "input_tokens", "output_tokens")]
    usd = value.get("usd")
    try:
        amount = Decimal(usd) if isinstance(usd, str) else None
    except InvalidOperation:
        amount = None
    known = amount if amount is not None and amount.is_finite() and amount < 10**12 else None
    return Spend(calls=counts[0], usage=Usage(input_tokens=counts[1], output_tokens=counts[2]), usd=known)


def _number(value: object) -> float | None:
    return None if value is None else _finite(value)


def _finite(value: object) -> float:
    if not isinstance(value, int | float) or not -_LARGEST <= value <= _LARGEST:
        raise ValueError(f"{value!r:.40} is no number")
    return float(value)


def _one_of(value: object, allowed: tuple[Any, ...]) -> Any:
    if value not in allowed:
        raise ValueError(f"unknown word '{value}'")
    return value
