"""OfficeQA: a table of `uid`, `question`, `answer`, `source_files`, `source_docs` and `difficulty`.

Source: databricks/officeqa, README ("Dataset Schema"). Source documents that stand beside the table, or in the folders
of the publisher's corpus, are attached. Graded by the skill's graders: `officeqa`.
"""

import posixpath
import re
from types import MappingProxyType

from skillopt_ci.core.task import Attachment, Task
from skillopt_ci.core.tree import Tree
from skillopt_ci.errors import ConfigError
from skillopt_ci.suites.base import ReadResult
from skillopt_ci.suites.fields import beside, safe_name
from skillopt_ci.suites.foreign import Node, Report
from skillopt_ci.suites.making import Checks, Draft, clean_id, make
from skillopt_ci.suites.tables import as_node, rows

_FOLDERS = ("", "documents", "treasury_bulletins_parsed/transformed", "parsed_corpus/transformed")
_ABSENT = "the document is not beside the table: the question is asked without it"
_KEPT = ("difficulty", "category", "source_docs", "source_files")


def read(tree: Tree, path: str, data: bytes, /) -> ReadResult:
    """The questions of one table."""
    report = Report(tree, path)
    documents: dict[str, bytes | None] = {}
    return report.result([_task(as_node(report, line, cells), documents) for line, cells in rows(report, data)])


def _task(node: Node, documents: dict[str, bytes | None]) -> Task | None:
    node.name = clean_id(node.text("uid"))
    answer = node.text("answer") or node.text("ground_truth")
    if node.ok and not answer.strip():
        node.wrong("it has no answer")
    names = [n.strip() for n in re.split(r"[;,\n]", node.text("source_files")) if n.strip()]
    files = []
    for name in dict.fromkeys(posixpath.basename(n) for n in names):
        if name not in documents:
            documents[name] = _find(node.report, name)
        data = documents[name]
        if data is None:
            node.lose_part("source_files", _ABSENT)
        else:
            files.append(Attachment(name=name, data=data))
    draft = Draft(
        id=node.name,
        prompt=node.text("question"),
        expected=(answer,),
        files=tuple(sorted(files, key=lambda f: f.name)),
        metadata=MappingProxyType({k: node.get(k) for k in _KEPT if node.get(k)}),
    )
    node.lose_rest({})
    return make(node, draft, Checks())


def _find(report: Report, name: str) -> bytes | None:
    if not safe_name(name):
        return None
    for folder in _FOLDERS:
        place = beside(report.path, posixpath.join(folder, name))
        try:
            if place and report.tree.glob(place):
                return report.tree.read(place)
        except ConfigError:
            continue
    return None
