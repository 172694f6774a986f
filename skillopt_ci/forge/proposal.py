"""A pull request as values: branch, title, body, commits. Nothing in it but fenced or escaped parts is model text."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import get_args
from unicodedata import category, normalize

from skillopt_ci.core.composed import composed
from skillopt_ci.core.digest import text_digest
from skillopt_ci.core.edit import Op
from skillopt_ci.core.history import NOT_AGAIN, NOT_KEPT, EditRecord, Step
from skillopt_ci.core.json_values import parsed_object
from skillopt_ci.core.rejected import judged_for, outdated, stays
from skillopt_ci.core.skill import Skill
from skillopt_ci.core.texts import plural
from skillopt_ci.forge.marker import marker_line

BODY_LIMIT = 60_000  # the host refuses 65,536; measured in UTF-16 units, as it counts
HISTORY_LIMIT = 256 * 1024
MAX_COMMITS = 20
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitPlan:
    """One commit: its message, and the whole new content of files by path from the repository's root."""

    message: str
    files: Mapping[str, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What would be published; `marker` are the facts that a later run finds again in the body."""

    branch: str
    title: str
    body: str
    commits: tuple[CommitPlan, ...]
    marker: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def full_body(self, head_sha: str) -> str:
        """The body with its hidden last line, once the commits exist."""
        return f"{self.body}\n\n{marker_line({**self.marker, 'head_sha': head_sha})}\n"


@dataclass(frozen=True, kw_only=True)
class Training:
    """What a proposal is made from.

    Attributes:
        name: the skill's name in the configuration.
        path: its `SKILL.md`, from the repository's root.
        steps: every step of the run, in order.
        history: the committed history file as it is on the base; empty when there is none.
        test: scores of start and best in the closing comparison; None where nothing was measured.
        folder: where the project is in its repository: empty at the root, else with a slash at the end.
        run_id: the run's identity.
        base_sha: the commit that training started from; `policy_sha` where configuration and tasks came from.
    """

    name: str
    path: str
    start: Skill
    best: Skill
    steps: tuple[Step, ...]
    run_id: str
    base_sha: str
    policy_sha: str
    history: bytes = b""
    folder: str = ""
    test: tuple[float | None, float | None] = (None, None)


def propose(training: Training, sections: Sequence[str]) -> Proposal:
    """The pull request of a run whose best skill is not its start.

    Args:
        training: the run.
        sections: parts of the body, most important first, already safe Markdown; the last ones are left out when the
            body grows too long.
    """
    best = training.best.text.encode("utf-8")
    fingerprint = hashlib.sha256(training.path.encode() + b"\0" + best).hexdigest()
    return Proposal(
        branch=branch_name(training.name, training.path),
        title=f"Improve skill {_shown(training.name)}",
        body=_body(sections),
        commits=_commits(training),
        marker={
            "skill": training.path,
            "base_sha": training.base_sha,
            "policy_sha": training.policy_sha,
            "fingerprint": fingerprint,
            "run_id": training.run_id,
        },
    )


def branch_name(name: str, path: str) -> str:
    """`skillopt/<slug>-<8 hex digits of the path's SHA-256>`: one branch a skill, whatever it is called."""
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower())[:40].strip("-") or "skill"
    whole = hashlib.sha256(path.encode("utf-8", "surrogatepass")).hexdigest()
    return f"skillopt/{slug}-{whole[:8]}"


def history_path(name: str) -> str:
    """Where a skill's memory across runs is committed; a name that is no plain file name is replaced by a slug."""
    if not _NAME.fullmatch(name) or ".." in f"{name}.":
        name = branch_name(name, name).removeprefix("skillopt/")
    return f".skillopt/history/{name}.jsonl"


def history_lines(training: Training) -> bytes:
    """The history file after this run: a line an edit that was kept or rejected, and one of the run's test scores; the
    oldest fall out at the limit.
    """
    old = [line for line in training.history.split(b"\n") if line.strip() and not _of_run(line, training.run_id)]
    kept = stays(training.steps)
    new = [
        json.dumps(_history_entry(training, step, record), sort_keys=True, ensure_ascii=True).encode()
        for step in training.steps
        for record in step.edits
        if record.status in ("kept", *NOT_KEPT) and not (step.kind == "prune" and record.status == "kept")
        if not record.reason.startswith(NOT_AGAIN) and not (record.status != "kept" and outdated(step, record, kept))
    ]
    return newest_lines([*old, *new, *_run_line(training)])


def newest_lines(lines: list[bytes]) -> bytes:
    """The last lines, as many as `HISTORY_LIMIT` takes."""
    size = sum(len(line) + 1 for line in lines)
    while size > HISTORY_LIMIT:
        size -= len(lines.pop(0)) + 1
    return b"".join(line + b"\n" for line in lines)


def _commits(training: Training) -> tuple[CommitPlan, ...]:
    """One commit an edit up to the best skill, or a step where its edits cannot be told apart; the last one brings the
    history file. More than `MAX_COMMITS` become one a step, and then one for all.
    """
    plans = _chain(training, apart=True)
    if len(plans) > MAX_COMMITS:
        plans = _chain(training, apart=False)
    # The best skill is no version of the chain, or there are too many: one commit that says only what it is.
    if not plans or plans[-1][1] != training.best.text or len(plans) > MAX_COMMITS:
        plans = [(f"skillopt: train {_shown(training.name)}\n\nRun: {training.run_id}\n", training.best.text)]
    history = {training.folder + history_path(training.name): history_lines(training)}
    return tuple(
        CommitPlan(
            message=message, files={training.path: text.encode("utf-8"), **(history if at == len(plans) - 1 else {})}
        )
        for at, (message, text) in enumerate(plans)
    )


def _chain(training: Training, *, apart: bool) -> list[tuple[str, str]]:
    """Messages and texts of the accepted steps up to the best skill; `apart`: each edit for itself."""
    plans: list[tuple[str, str]] = []
    last = training.start.text
    for step in training.steps:
        if step.action != "accept" or step.candidate is None or step.candidate.text == last:
            continue
        texts = _one_by_one(step) if apart else []
        if texts:
            plans += [(_message(training, step, at), text) for at, text in enumerate(texts)]
        else:
            plans.append((_message(training, step), step.candidate.text))
        last = step.candidate.text
        if last == training.best.text:
            break
    return plans


def _kept(step: Step) -> list[EditRecord]:
    return [record for record in step.edits if record.status == "kept"]


def _one_by_one(step: Step) -> list[str]:
    """The skill after each edit of a step; nothing when that does not end, byte for byte, with the step's skill."""
    kept = _kept(step)
    if len(kept) < 2 or step.candidate is None:
        return []
    texts = [composed(step.incumbent, kept[: count + 1]).skill.text for count in range(len(kept))]
    whole = texts[-1] == step.candidate.text and len({step.incumbent.text, *texts}) == len(texts) + 1
    return texts if whole else []


def _message(training: Training, step: Step, at: int | None = None) -> str:
    """A commit's message, template text only; `at`: which of the step's edits it is about."""
    edits = [record.edit for record in _kept(step)]
    if step.kind == "slow_update":
        what = "slow update"
    elif step.kind == "prune":
        what = "prune"
    elif at is not None:
        what = f"{edits[at].op} ({at + 1} of {len(edits)})"
    else:
        ops = Counter(edit.op for edit in edits)
        counts = ", ".join(f"{ops[op]} {op}" for op in get_args(Op) if ops[op])
        what = f"{plural(ops.total(), 'edit')} ({counts})" if counts else "edits"
    lines = [f"skillopt: step {step.number} of {_shown(training.name)}: {what}", ""]
    decision = step.decision
    if decision and decision.mean is not None:
        gain = 100 * (decision.mean - decision.incumbent_mean)
        others = len(edits) - 1
        how = "alone" if others < 1 else "together"
        if at is not None:
            how = f"with {others} other{'s' if others > 1 else ''}"
        lines.append(f"Selection estimate: {gain:+.1f} points on validation tasks, measured {how}.")
        lines.append("It was used to choose this change and is optimistic; it is not a claim.")
    lines.append(f"Run: {training.run_id}")
    return "\n".join(lines) + "\n"


def _history_entry(training: Training, step: Step, record: EditRecord) -> dict[str, object]:
    gated = record.status in ("kept", "rejected")  # the others were never measured on validation
    effect = step.decision.effect.mean if gated and step.decision and step.decision.effect else None
    judged = judged_for(step, record)
    return {
        "v": 1,
        "run": training.run_id,
        "step": step.number,
        "status": "accepted" if record.status == "kept" and step.action == "accept" else "rejected",
        "op": record.edit.op,
        "target": record.edit.target,
        "content": record.edit.content,
        "rationale": record.edit.rationale,
        "reason": record.reason or step.reason,
        "effect": None if effect is None else round(effect, 6),
        "start": text_digest(training.start.text),
        "base": text_digest(judged.text) if judged else "",
    }


def _run_line(training: Training) -> list[bytes]:
    """What the run claimed: start and best on the test split, in [0, 1]."""
    start, best = training.test
    if start is None or best is None:
        return []
    entry = {"v": 1, "run": training.run_id, "status": "run", "start": round(start, 6), "best": round(best, 6)}
    return [json.dumps(entry, sort_keys=True).encode()]


def _of_run(line: bytes, run_id: str) -> bool:
    """The line was written by this run: publishing again replaces it. What cannot be read stays as it is."""
    value = parsed_object(line)
    return value is not None and value.get("run") == run_id


def _body(sections: Sequence[str]) -> str:
    """As many sections as fit, in order; what does not is named at the end."""
    note = "\n\n_{} more sections were too long for a pull request; they are in the run's report._"
    kept: list[str] = []
    room = BODY_LIMIT - len(note) - 8
    for section in sections:
        size = len(section.encode("utf-16-le", "replace")) // 2 + 2
        if size > room:
            break
        kept.append(section.strip("\n"))
        room -= size
    left = len(sections) - len(kept)
    return "\n\n".join(kept) + (note.format(left) if left else "")


def _shown(name: str) -> str:
    """A name in letters of any script that is safe in a title and a commit message: no mention, reference or markup."""
    kept = (c if c in "_. " or category(c)[0] in "LMN" else "-" for c in normalize("NFC", name))
    plain = re.sub("-+", "-", "".join(kept)).strip("-. ")[:80] or "skill"
    return re.sub(r"\b(GH)-(?=\d)", r"\1 ", plain, flags=re.IGNORECASE)  # `fixes GH-3` in a commit closes an issue
