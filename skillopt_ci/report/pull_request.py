"""The body of a pull request: the story of the training, and what a reviewer needs to judge, undo and repeat it."""

import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from skillopt_ci.core.history import Confirmation, TrainResult
from skillopt_ci.core.verdict import TrainEntry
from skillopt_ci.report.escape import md_code, md_text
from skillopt_ci.report.parts import PULL_REQUEST_LIMIT, UNCOMMITTED, bounds, commit_words, fitting, gain, points, table
from skillopt_ci.report.training import chart, pull_request_sections


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """What made the run. Digests and commit are whole; `judge` is empty when no grader asks one.

    `uncommitted`: configuration, skill or tasks were not those of the commit. `config`: where the configuration is in
    the repository; empty where a command started at its top finds it.
    """

    target: str
    optimizer: str
    judge: str
    seed: int
    suite: str
    commit: str
    uncommitted: bool = False
    method: str = ""
    config: str = ""


def pull_request_body(entry: TrainEntry, made_by: Provenance, *, simulated: bool) -> str:
    """The body in safe Markdown, at most 58,000 UTF-16 units: what is left out is left out from the end."""
    sections = list(pull_request_sections(entry, simulated=simulated))
    details = next((at for at, text in enumerate(sections) if text.startswith("### ")), len(sections))
    r = entry.result
    extra = (
        []
        if r is None
        else [*_scores(r, made_by), *chart(r), _changes(r), _howto(entry, made_by), _origin(entry, made_by)]
    )
    return "\n\n".join(fitting([*sections[:details], *extra, *sections[details:]], PULL_REQUEST_LIMIT))


def _scores(r: TrainResult, made_by: Provenance) -> list[str]:
    """Base and new on the test split, a row a target."""
    if r.confirmation is None:
        return []
    own = md_text(made_by.target, 100) + (" (trained on)" if r.others else "")
    found = [(own, r.confirmation), *((md_text(o.target, 100), o.confirmation) for o in r.others)]
    tokens = f"{r.start.tokens} -> {r.best.tokens}"
    head = ("Target", "Base", "New", "Effect (pt), 95% CI, test split", "Test tasks", "Skill tokens")
    return [table(head, [(label, *_compared(c), tokens) for label, c in found])]


def _compared(c: Confirmation | None) -> tuple[str, str, str, str]:
    if c is None:
        return ("not measured",) * 3 + ("0",)
    effect = c.comparison.effect
    n = sum(p.base is not None and p.head is not None for p in c.comparison.pairs)
    shown = "not measured" if effect is None else f"{gain(effect.mean)} {bounds(effect)}"
    return points(c.start.mean), points(c.best.mean), shown, str(n)


def _changes(r: TrainResult) -> str:
    """What changed, in words that no model wrote."""
    ops: Counter[str] = Counter()
    for step in r.accepted:
        if step.kind == "edit":
            ops.update(record.edit.op for record in step.edits if record.status == "kept")
    words = {"add": "added", "replace": "replaced", "delete": "deleted"}
    counts = [f"{ops[op]} {word}" for op, word in words.items() if ops[op]]
    others = Counter(step.kind.replace("_", " ") for step in r.accepted if step.kind != "edit")
    parts = [f"passages: {', '.join(counts)}" if counts else "", *(f"{kind}: {n}" for kind, n in others.items())]
    return f"**What changed.** {'; '.join(p for p in parts if p) or 'see the diff'}. One commit an edit where possible."


def _howto(entry: TrainEntry, made_by: Provenance) -> str:
    named = f" --config {shlex.quote(made_by.config)}" if made_by.config else ""
    again = f"skillopt-ci train{named} --skill {shlex.quote(entry.name)}"
    again += f" --seed {made_by.seed} --generation {entry.generation}"
    where = ", at the repository's top" if named else ""
    repeat = (
        f"**To repeat it**: {md_code(again)} at the commit below{where}; with the run's ledger nothing is bought."
        if made_by.commit and not made_by.uncommitted
        else f"**It cannot be repeated** from a commit: it was made {UNCOMMITTED} of configuration, skill or tasks."
    )
    return (
        "**To reject it**, close it without merging: its edits are remembered as rejected and not proposed again. "
        f"**To undo it** after the merge, revert the merge commit ({md_code('git revert -m 1 COMMIT')}). " + repeat
    )


def _origin(entry: TrainEntry, made_by: Provenance) -> str:
    r = entry.result
    rows: Sequence[tuple[str, str]] = (
        ("Method", made_by.method),
        ("Target", made_by.target),
        ("Optimizer", made_by.optimizer),
        ("Judge", made_by.judge),
        ("Run", entry.run_id),
        ("Trained at commit", made_by.commit and commit_words(made_by.commit, uncommitted=made_by.uncommitted)),
        ("Tasks", made_by.suite),
        ("Skill before", r.start.digest if r else ""),
        ("Skill after", r.best.digest if r else ""),
    )
    shown = [(name, md_text(text, 100)) for name, text in rows if text]
    return f"<details><summary>Models and hashes</summary>\n\n{table(('What', 'Which'), shown)}\n\n</details>"
