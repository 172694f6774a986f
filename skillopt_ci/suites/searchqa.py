"""SearchQA: rows of `key`, `question`, `context`, `answers`; `context ||| question ||| answer`; MRQA's files, SQuAD's.

Sources: Dunn et al. 2017 (arXiv 1704.05179) and nyu-dl/dl4ir-searchQA; mrqa/MRQA-Shared-Task-2019; the dataset
lucadiliello/searchqa, whose `key` is MRQA's `qid`; SQuAD 1.1 and 2.0 (rajpurkar.github.io/SQuAD-explorer), whose
questions without an answer are left out. Graded by the skill's graders: exact match and F1.
"""

from skillopt_ci.core.task import Task
from skillopt_ci.core.tree import Tree
from skillopt_ci.suites.base import ReadResult
from skillopt_ci.suites.document import Document
from skillopt_ci.suites.foreign import Node, Report, top, written
from skillopt_ci.suites.making import Checks, Draft, clean_id, make
from skillopt_ci.suites.wrapped import answers_of

BETWEEN = "|||"
_IMPOSSIBLE = "a question that its passage does not answer"
_SPANS = ("labels", "detected_answers", "question_tokens", "context_tokens")  # where answers stand: for other models


def read(tree: Tree, path: str, data: bytes, /) -> ReadResult:
    """The questions of one file."""
    report = Report(tree, path)
    if path.lower().endswith(".txt"):
        return report.result([_task(node, "") for node in _lines(report, data)])
    tasks: list[Task | None] = []
    for node in top(report, data):
        if "header" in node.item.value:
            continue
        if "data" in node.item.value:
            tasks += [task for article in node.nodes("data") for task in _article(article)]
            node.get("version")
            node.lose_rest({})
        elif "qas" in node.item.value:
            tasks += _passage(node)
        else:
            tasks.append(_task(node, ""))
    return report.result(tasks)


def _article(node: Node) -> list[Task | None]:
    """The questions of one of SQuAD's articles."""
    node.get("title")
    found = [task for passage in node.nodes("paragraphs") for task in _passage(passage)]
    node.lose_rest({})
    return found


def _passage(node: Node) -> list[Task | None]:
    context = node.text("context")
    return [_task(one.as_item(), context) for one in node.nodes("qas")]


def _lines(report: Report, data: bytes) -> list[Node]:
    made = []
    for number, line in enumerate((report.text(report.path, data) or "").split("\n"), 1):
        if not line.strip():
            continue
        parts = [p.strip() for p in line.split(BETWEEN)]
        if len(parts) != 3:
            report.wrong(f"must be context {BETWEEN} question {BETWEEN} answer", line=number)
            continue
        value: dict[str, object] = dict(zip(("context", "question", "answers"), parts, strict=True))
        made.append(Node(report, Document(path=report.path, value=value, places={}, first=number)).as_item())
    return made


def _task(node: Node, around: str) -> Task | None:
    given = [written(node.get(key)) for key in ("key", "qid", "id")]
    node.name = clean_id(next((g for g in given if g), ""))
    if node.flag("is_impossible"):
        node.lose_item(_IMPOSSIBLE)
        return None
    answers = tuple(dict.fromkeys(answers_of(node, "answers")))
    if node.ok and not answers:
        node.wrong("it has no answers", "answers")
    for key in _SPANS:
        node.get(key)
    draft = Draft(id=node.name, prompt=node.text("question"), context=node.text("context") or around, expected=answers)
    node.lose_rest({})
    return make(node, draft, Checks())
