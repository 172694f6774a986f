"""What a command's `--json` says, as outputs, annotations and a summary. Every text in it may be a stranger's."""

import json
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import PurePosixPath

from skillopt_ci.actions.commands import annotation, annotations
from skillopt_ci.core.json_values import items, string
from skillopt_ci.errors import Problem
from skillopt_ci.report.escape import md_fence, md_text, one_line

OUTPUTS = (
    "verdict", "reason", "exit-code", "effect", "spend-usd", "proposal", "run-dir", "report-path", "junit-path",
    "pr-url", "pr-number", "pr-numbers",
)  # fmt: skip
CHANGED = ("opened", "updated")  # what `pr` did: then a pull request has a new head to judge
Json = Mapping[str, object]
_MAX_LISTED = 50


def outputs(value: Json, code: int) -> dict[str, str]:
    """Every output of the action but the paths; empty where the command has nothing to say.

    `effect` is the effect with the lowest mean among the skills that were measured; `run-dir` are the run folders of
    the skills that are worth a pull request, else of all, a line each.
    """
    skills = items(value.get("skills"))
    proposing = [s for s in skills if s.get("proposal") is True]
    effects = [e for s in (proposing or skills) if (e := _effect(s)) is not None]
    folders = [t for s in (proposing or skills) if (t := string(s.get("run_dir")))]
    proposal = value.get("proposal")
    number = value.get("number")
    numbers = value.get("numbers")
    return {
        "verdict": string(value.get("verdict")),
        # `pr` says what it did: opened, updated, unchanged, rejected, ...
        "reason": string(value.get("reason")) or string(value.get("action")),
        "exit-code": str(code),
        "effect": f"{min(effects):g}" if effects else "",
        "spend-usd": _spent(value, skills),
        "proposal": ("true" if proposal else "false") if isinstance(proposal, bool) else "",
        "run-dir": "\n".join(folders),
        "pr-url": string(value.get("url")),
        "pr-number": str(number) if type(number) is int else "",
        "pr-numbers": json.dumps([n for n in numbers if type(n) is int]) if isinstance(numbers, list) else "",
    }


def lines(value: Json, command: str, code: int, config: str, scrub: Callable[[str], str]) -> list[str]:
    """Annotations: the problems of files, else what made the command fail; `config` is the input of that name."""
    problems = [*_problems(value, config), *_verdicts(value, code, config)]
    safe = [_safe(p, scrub) for p in problems]
    told = annotations(safe)
    if code and not any(not p.warning for p in safe):
        message = one_line(scrub(string(value.get("message")) or f"exit code {code}"), 1000)
        told.append(annotation("error", f"skillopt-ci {command}: {message}"))
    return told


def fallback_summary(value: Json, command: str, code: int, config: str) -> str:
    """A summary for a command that wrote none: `check`, `pr`, and whatever ended too early."""
    reason = string(value.get("reason"))
    word = "done" if not code else f"exit code {code}{f' ({md_text(reason, 60)})' if reason else ''}"
    blocks = [f"## skillopt-ci {command}: {word}"]
    problems = _problems(value, config)
    message = string(value.get("message"))
    if message and not problems:
        blocks.append(md_fence(message[:4000]))
    rows = [f"- {'warning: ' if p.warning else ''}{md_text(_place(p), 200)}: {md_text(p.message)}" for p in problems]
    if rows:
        more = [f"- and {len(rows) - _MAX_LISTED} more"] if len(rows) > _MAX_LISTED else []
        blocks.append("\n".join([*rows[:_MAX_LISTED], *more]))
    return "\n\n".join(blocks) + "\n"


def _problems(value: Json, config: str) -> list[Problem]:
    """Problems with their paths as the repository has them; a configuration may stand in a folder of it."""
    prefix = PurePosixPath(config.replace("\\", "/")).parent if config else PurePosixPath()
    prefix = prefix.parent if prefix.name == ".github" else prefix
    found = value.get("problems")
    made = []
    for entry in found if isinstance(found, list) else ():
        if isinstance(entry, dict):
            file, line, column = string(entry.get("file")), entry.get("line"), entry.get("column")
            made.append(
                Problem(
                    (prefix / file).as_posix() if file else "",
                    line if type(line) is int and line > 0 else 0,
                    column if type(column) is int and column > 0 else 0,
                    string(entry.get("message")),
                    entry.get("warning") is True,
                )
            )
    return made


def _verdicts(value: Json, code: int, config: str) -> list[Problem]:
    """A line a skill that keeps the gate from passing, or that it could not decide about."""
    made = []
    for skill in items(value.get("skills")) if value.get("schema") == "skillopt-ci/gate/1" else []:
        verdict, reason, effect = skill.get("verdict"), string(skill.get("reason")), _effect(skill)
        if verdict in ("pass", "not-applicable"):
            continue
        shown = "" if effect is None else f", {100 * effect:+.1f} points"
        message = f"{string(skill.get('name'))} on {string(skill.get('target'))}: {verdict or reason} ({reason}{shown})"
        prefix = _problems({"problems": [{"file": string(skill.get("path")), "message": message}]}, config)[0]
        made.append(Problem(prefix.file, 0, 0, message, warning=code == 0))
    return made


def _safe(problem: Problem, scrub: Callable[[str], str]) -> Problem:
    file = one_line(scrub(problem.file), 500)
    return Problem(file, problem.line, problem.column, one_line(scrub(problem.message), 2000), problem.warning)


def _place(problem: Problem) -> str:
    return f"{problem.file}:{problem.line}" if problem.line else problem.file


def _spent(value: Json, skills: Sequence[Json]) -> str:
    """USD that this step paid, of the whole command when it says so, else of its skills."""
    parts = [p for v in ([value] if "spend" in value else skills) if (p := _paid(v)) is not None]
    return format(sum(parts, Decimal(0)), "f") if parts else ""


def _paid(value: Json) -> Decimal | None:
    spend = value.get("spend")
    paid = spend.get("paid") if isinstance(spend, dict) else None
    try:
        usd = Decimal(str(paid.get("usd"))) if isinstance(paid, dict) else None
    except InvalidOperation:
        return None
    return usd if usd is not None and usd.is_finite() else None


def _effect(skill: Json) -> float | None:
    """The mean effect: of a gate's skill, or of a training's closing comparison."""
    test = skill.get("test")
    holder = skill if "effect" in skill or not isinstance(test, dict) else test
    effect = holder.get("effect")
    mean = effect.get("mean") if isinstance(effect, dict) else None
    return float(mean) if isinstance(mean, int | float) and not isinstance(mean, bool) else None
