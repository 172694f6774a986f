"""LiveMathematicianBench: `qa_<month>_final.json`, a list of theorems with a question of several choices each.

Source: the dataset LiveMathematicianBench/LiveMathematicianBench (`data/<month>/qa_<month>_final.json`): `no`, `month`,
`theorem`, `sketch`, `theorem_type`, `mcq {question, choices [{label, text}], correct_choice {label, text}}`.

The published order often has the right choice first, so choices are put in an order that depends on the task alone: the
same in every run, and no letter is a cue. Theorem and proof sketch give the answer away and are not sent.
"""

from types import MappingProxyType

from skillopt_ci.core.digest import digest
from skillopt_ci.core.task import Task
from skillopt_ci.core.tree import Tree
from skillopt_ci.suites.base import ReadResult
from skillopt_ci.suites.foreign import Node, Report, top, written
from skillopt_ci.suites.making import Checks, Draft, clean_id, make, spec

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_KEPT = ("month", "no", "paper_link", "theorem_type", "theorem", "sketch")


def read(tree: Tree, path: str, data: bytes, /) -> ReadResult:
    """The questions of one month."""
    report = Report(tree, path)
    return report.result([_task(node) for node in top(report, data)])


def shuffled(task: str, choices: list[str]) -> list[str]:
    """The choices in an order that depends on the task and their texts, not on where they stood."""
    return sorted(choices, key=lambda text: digest(["order of choices", task, text]))


def _task(node: Node) -> Task | None:
    metadata = {k: node.get(k) for k in _KEPT if node.get(k) not in (None, "", [])}
    month, number = (written(node.get(key)) or "" for key in ("month", "no"))
    node.name = clean_id(f"{month}:{number}" if month and number else number)
    asked = node.node("mcq") or node
    listed = _choices(asked)
    right = _right(asked, listed)
    texts = list(listed.values())
    if asked.ok and (not 2 <= len(texts) <= len(_LETTERS) or len({" ".join(t.split()) for t in texts}) < len(texts)):
        asked.wrong(f"'choices' must be 2 to {len(_LETTERS)} different texts", "choices")
    if asked.ok and right is None:
        asked.wrong("'correct_choice' is none of the choices", "correct_choice")
    question = asked.text("question")
    if not node.ok or right is None:
        return None
    order = shuffled(node.name or question, texts)
    lines = "\n".join(f"{letter}) {' '.join(t.split())}" for letter, t in zip(_LETTERS, order, strict=False))
    checks = Checks(others=[spec("within", graders=[{"type": "choice", "choices": order}])])
    draft = Draft(
        id=node.name,
        prompt=f"{question}\n\n{lines}",
        expected=(_LETTERS[order.index(right)],),
        metadata=MappingProxyType(metadata),
    )
    node.lose_rest({})
    return make(node, draft, checks)


def _choices(node: Node) -> dict[str, str]:
    """The choices by label; a list of texts or mappings, or a mapping."""
    given = node.get("choices")
    if isinstance(given, dict):
        return {str(k).strip().upper(): t for k, v in given.items() if (t := (written(v) or "").strip())}
    made: dict[str, str] = {}
    for at, one in enumerate(node.entries("choices", also=(str,))):
        label = one.text("label") if isinstance(one, Node) else ""
        text = one.text("text") if isinstance(one, Node) else str(one)
        if text.strip():
            made[label.strip().upper().rstrip(".):") or _LETTERS[min(at, 25)]] = text.strip()
    return made


def _right(node: Node, choices: dict[str, str]) -> str | None:
    """The text of the right choice, added to the choices when only `correct_choice` has it."""
    given = node.get("correct_choice")
    inner = node.node("correct_choice") if isinstance(given, dict) else None
    label = (inner.text("label") if inner else written(given) or "").strip().upper().rstrip(".):")
    text = inner.text("text").strip() if inner else ""
    if label and text and label not in choices:
        choices[label] = text
    return choices.get(label)
