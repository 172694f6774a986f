"""A gate's `--json` read back by the job that publishes it: data of a job that hostile text went through.

Only what the schema names is used; texts in it are escaped like a stranger's. The outcome is looked up in the table of
outcomes, not believed: a result that contradicts the table is refused.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from skillopt_ci.core.texts import plural
from skillopt_ci.errors import UsageError
from skillopt_ci.report.escape import md_code, md_text, one_line
from skillopt_ci.report.parts import SIMULATED, capped, gain, ids, points, table

MAX_BYTES = 8 * 1024 * 1024
COMMENT_ROOM = 59_000
MAX_SKILLS = 40
State = Literal["success", "failure", "error"]
_TITLES = {"pass": "PASS", "regression": "FAIL", "inconclusive": "INCONCLUSIVE", "not-applicable": "NOT APPLICABLE"}
_UNDECIDED = "neither a loss nor its absence is shown"
# (verdict, reason; "" for any, exit codes, status): the table of outcomes. None: no status, a maintainer has to act.
_OUTCOMES: tuple[tuple[str | None, str, tuple[int, ...], State | None], ...] = (
    ("pass", "", (0,), "success"),
    ("not-applicable", "", (0,), "success"),
    ("regression", "", (1,), "failure"),
    ("inconclusive", "undecided", (0,), "success"),
    ("inconclusive", "undecided", (3,), "failure"),
    ("inconclusive", "infrastructure", (3,), "error"),
    ("inconclusive", "budget", (4,), "error"),
    (None, "needs-maintainer", (0,), None),
    (None, "policy-changed", (1,), "failure"),
    (None, "", (2, 3, 4, 5, 130), "error"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """Who accepted what the gate blocks, and why."""

    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class GateResult:
    """A result that fits. `state` None: no status is posted, so that a required one stays open."""

    value: Mapping[str, Any]
    state: State | None

    @property
    def head_sha(self) -> str | None:
        """The commit that was judged; None when the gate did not get that far."""
        sha = self.value["head"]["sha"]
        return None if sha is None else str(sha)

    @property
    def about_nothing(self) -> bool:
        """No skill and nothing that judges skills was changed: no comment is worth its e-mails."""
        return self.value["reason"] == "unchanged" and not self.value["skills"] and not self.value["policy_changed"]

    @property
    def exit_code(self) -> int:
        """The gate's own."""
        return int(self.value["exit_code"])


def read_gate_result(data: bytes, name: str) -> GateResult:
    """Read a result.

    Raises:
        UsageError: too large, not of the schema `skillopt-ci/gate/1`, or in contradiction to the table of outcomes.
    """
    if len(data) > MAX_BYTES:
        raise UsageError(f"{name}: larger than {MAX_BYTES} bytes; not a gate's result")
    try:
        value = json.loads(data, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{name}: not JSON ({one_line(str(error))}); name what `gate --json` wrote") from error
    wrong = next(_validator().iter_errors(value), None)
    if wrong is not None:
        where = one_line("/".join(map(str, wrong.absolute_path)), 100)
        raise UsageError(f"{name}: not a result of `gate --json`: {where or 'the whole'}: {one_line(wrong.message)}")
    verdict, reason, code = value["verdict"], value["reason"], value["exit_code"]
    for v, r, codes, state in _OUTCOMES:
        if v == verdict and r in ("", reason) and code in codes:
            return GateResult(value, state)
    raise UsageError(f"{name}: no gate ends with verdict {verdict}, reason {one_line(reason, 40)}, exit code {code}")


def status_words(result: GateResult, accepted: Accepted | None = None) -> str:
    """The status in one line of plain text; the host shows 140 characters of it."""
    value = result.value
    if accepted is not None:
        return one_line(f"Accepted by {accepted.by}: {accepted.reason} (the gate said {value['reason']})", 140)
    verdict, reason = value["verdict"], value["reason"]
    skills = [s for s in value["skills"] if s["effect"] is not None]
    shown = "; ".join(f"{s['name']} {gain(s['effect']['mean'])} pt" for s in skills[:5])
    if verdict == "pass":
        words = f"Pass: a loss of the margin is ruled out. {shown}"
    elif verdict == "regression":
        worse = [s for s in value["skills"] if s["verdict"] == "regression"]
        words = f"Regression: {', '.join(s['name'] for s in worse) or reason}. {shown}"
    elif verdict == "not-applicable":
        words = f"Not applicable: {value.get('message') or reason}"
    elif reason == "undecided":
        found = "a loss is seen that does not count" if any(map(_set_aside, skills)) else _UNDECIDED
        words = f"Inconclusive: {found}. {shown}"
    else:
        words = f"{_TITLES.get(verdict or '', 'No verdict').capitalize()}: {value.get('message') or reason}"
    return one_line(words, 140)


def comment_text(result: GateResult, run_url: str, accepted: Accepted | None, hint: str = "") -> str:
    """The comment of a gate in Markdown. Held-out tasks are ids only; every name is escaped.

    Args:
        run_url: the page of the workflow run; empty when unknown.
        accepted: a maintainer's word.
        hint: what a maintainer can do about a block; safe Markdown.
    """
    value = result.value
    blocks = [SIMULATED] if value.get("simulated") is True else []
    blocks.append(f"### Skill gate: {_TITLES.get(value['verdict'] or '', 'NO VERDICT')}")
    if accepted is not None:
        blocks.append(f"**Accepted by {md_text(accepted.by, 60)}:** {md_text(accepted.reason, 200)}")
    if value.get("message"):
        blocks.append(md_text(value["message"]))
    skills = value["skills"]
    if skills:
        head = ("Skill", "Target", "Outcome", "Base", "Head", "Effect (pt)", "Tasks", "Tokens")
        more = f"\n\nand {len(skills) - MAX_SKILLS} more." if len(skills) > MAX_SKILLS else ""
        blocks.append(table(head, [_row(s) for s in skills[:MAX_SKILLS]]) + more)
    meanings = [f"- {md_text(s['name'], 80)}: {words}" for s in skills[:MAX_SKILLS] if (words := _meaning(s))]
    blocks += ["\n".join(meanings)] if meanings else []
    for skill in skills[:MAX_SKILLS]:
        blocks += _tasks(skill)
    if value["policy_changed"]:
        blocks.append(f"Changed in this pull request and not yet in force: {ids(value['policy_changed'])}.")
    if hint:
        blocks.append(hint)
    shas = f"Head {_sha(value['head']['sha'])}, base {_sha(value['base']['sha'])}"
    policy = f", rules and tasks from {_sha(value['base']['policy_sha'])}" if value["base"]["policy_sha"] else ""
    paid = value["spend"]["paid"]
    usd = "price unknown" if paid["usd"] is None else f"{paid['usd']} USD"
    report = f" Report: {run_url} ." if run_url else ""
    blocks.append(f"{shas}{policy}. Paid: {plural(paid['calls'], 'call')}, {usd}.{report}")
    return capped(blocks, COMMENT_ROOM)


def accept_hint(label: str) -> str:
    """How a maintainer accepts a block, in Markdown."""
    return (
        f"A maintainer with write access can accept this commit: add the label {md_code(label)} with the reason as the "
        "label's description, and run the gate again. The label holds for this commit only."
    )


def _row(s: Mapping[str, Any]) -> tuple[str, ...]:
    effect = s["effect"]
    shown = f"{gain(effect['mean'])} [{gain(effect['low'])}, {gain(effect['high'])}]" if effect else "not measured"
    outcome = _TITLES.get(s["verdict"] or "", "NO VERDICT")
    tokens = " -> ".join("-" if s[side]["tokens"] is None else str(s[side]["tokens"]) for side in ("base", "head"))
    return (
        md_text(s["name"], 80),
        md_text(s["target"], 80),
        outcome if outcome in ("PASS", "FAIL") else f"{outcome} ({md_text(s['reason'], 60)})",
        points(s["base"]["mean"]),
        points(s["head"]["mean"]),
        shown,
        "-" if s["n_tasks"] is None else str(s["n_tasks"]),
        tokens,
    )


def _meaning(s: Mapping[str, Any]) -> str:
    """What the outcome of a measured skill says, and what it does not."""
    margin, can = s.get("margin"), s.get("minimum_detectable_effect")
    told = ""
    if s["verdict"] == "pass" and margin is not None:
        told = f"a loss of {100 * margin:.3g} points or more is ruled out on these tasks"
    elif s["verdict"] == "regression" and not s["golden_failed"] and s.get("p") is not None:
        told = f"a loss is shown ({'p<0.0001' if s['p'] < 0.0001 else 'p={:.4f}'.format(s['p'])})"
    elif s["verdict"] == "inconclusive" and s["reason"] == "undecided":
        why = "smaller than `gate.min_effect`, or not in fresh runs of both sides"
        told = f"a loss is seen that does not count: {why}" if _set_aside(s) else _UNDECIDED
        told += "" if can is None else f"; these tasks can show a loss of {points(can)} points or more"
    if told and s["verdict"] != "regression" and s["base"]["mean"] == 0:
        told += "; the base passes none of them, so no loss could show"
    return f"{told}." if told else ""


def _set_aside(s: Mapping[str, Any]) -> bool:
    """Whether an undecided comparison has a p-value that would have shown a loss."""
    p, threshold = s.get("p"), s.get("p_threshold")
    if s["reason"] != "undecided" or s["effect"] is None or p is None or threshold is None:
        return False
    return bool(s["effect"]["mean"] < 0 and p <= threshold)


def _tasks(s: Mapping[str, Any]) -> list[str]:
    lines = []
    if s["golden_failed"]:
        lines.append(f"- golden tasks broken: {ids(s['golden_failed'])}")
    for word, outcome in (("worse", "regressed"), ("better", "improved")):
        found = [t["id"] for t in s["tasks"] if t["outcome"] == outcome]
        if found:
            lines.append(f"- {word} ({len(found)}): {ids(found)}")
    first = f"{md_text(s['name'], 80)}, held-out tasks (one alone moves by chance):\n\n"
    return [first + "\n".join(lines)] if lines else []


def _sha(sha: object) -> str:
    return str(sha)[:12] if sha else "unknown"


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")


_TEXT = {"type": "string", "maxLength": 4000}
_NUMBER = {"type": ["number", "null"], "minimum": -1e9, "maximum": 1e9}
_COUNT = {"type": ["integer", "null"], "minimum": 0, "maximum": 10**12}
_SHA = {"type": ["string", "null"], "pattern": r"^[0-9a-f]{40}([0-9a-f]{24})?\Z"}
_EFFECT = {
    "type": ["object", "null"],
    "required": ["mean", "low", "high"],
    "properties": {k: {**_NUMBER, "type": "number"} for k in ("mean", "low", "high")},
}
_SIDE = {
    "type": "object",
    "required": ["mean", "tokens"],
    "properties": {"mean": _NUMBER, "low": _NUMBER, "high": _NUMBER, "tokens": _COUNT},
}
_IDS = {"type": "array", "items": _TEXT, "maxItems": 100_000}
_TASK = {"type": "object", "required": ["id", "outcome"], "properties": {"id": _TEXT, "outcome": _TEXT}}
_PAID = {
    "type": "object",
    "required": ["calls", "usd"],
    "properties": {
        "calls": {**_COUNT, "type": "integer"},
        "usd": {"type": ["string", "null"], "pattern": r"^[0-9.eE+-]{1,40}\Z"},
    },
}
_VERDICT = {"enum": ["pass", "regression", "inconclusive", "not-applicable", None]}
_SKILL = {
    "type": "object",
    "required": [
        "name", "target", "verdict", "reason", "base", "head", "effect", "n_tasks", "golden_failed", "tasks",
    ],
    "properties": {
        "name": _TEXT, "target": _TEXT, "verdict": _VERDICT, "reason": _TEXT, "base": _SIDE, "head": _SIDE,
        "effect": _EFFECT, "n_tasks": _COUNT, "golden_failed": _IDS,
        "margin": _NUMBER, "minimum_detectable_effect": _NUMBER, "p": _NUMBER, "p_threshold": _NUMBER,
        "tasks": {"type": "array", "items": _TASK, "maxItems": 100_000},
    },
}  # fmt: skip
SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "required": ["schema", "verdict", "reason", "exit_code", "base", "head", "policy_changed", "skills", "spend"],
    "properties": {
        "schema": {"const": "skillopt-ci/gate/1"},
        "verdict": _VERDICT,
        "reason": {"type": "string", "pattern": r"^[a-z][a-z-]{0,60}\Z"},
        "exit_code": {"type": "integer", "minimum": 0, "maximum": 255},
        "message": {"type": "string"},
        "base": {
            "type": "object",
            "required": ["sha", "policy_sha"],
            "properties": {"sha": _SHA, "policy_sha": _SHA},
        },
        "head": {"type": "object", "required": ["sha"], "properties": {"sha": _SHA}},
        "policy_changed": _IDS,
        "skills": {"type": "array", "items": _SKILL, "maxItems": 1000},
        "spend": {"type": "object", "required": ["paid"], "properties": {"paid": _PAID}},
    },
}  # fmt: skip


@cache
def _validator() -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(SCHEMA)
