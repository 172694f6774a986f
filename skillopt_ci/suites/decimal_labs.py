"""decimal-labs `eval.yaml`, revision 2: cases with expectations in words and shell validators.

Source: decimal-labs/skillevaluation, `schemas/eval-yaml.schema.json`.
"""

import posixpath
from types import MappingProxyType

from skillopt_ci.core.task import Attachment, Task
from skillopt_ci.core.tree import Tree
from skillopt_ci.suites.base import ReadResult
from skillopt_ci.suites.foreign import AGENT, CODE, LIMITS, Node, Report, items, written
from skillopt_ci.suites.making import Checks, Draft, clean_id, inline, make, stage

_REASONS = MappingProxyType({"max_turns": LIMITS, "timeout": LIMITS, "setup": AGENT, "commands": AGENT})


def read(tree: Tree, path: str, data: bytes, /) -> ReadResult:
    """The cases of one file."""
    report = Report(tree, path)
    known = ("name", "description", "version", "revision")
    return report.result([_task(one) for one in items(report, data, "cases", known=known, reasons=_REASONS)])


def _task(node: Node) -> Task | None:
    node.name = clean_id(node.text("name"))
    checks = Checks()
    checks.criteria += node.some_texts("expectations")
    for one in node.nodes("validators"):
        checks.lose(one, CODE)
    draft = Draft(
        id=node.name,
        prompt=node.text("prompt"),
        files=_files(node),
        should_trigger=node.flag("should_trigger"),
        tags=node.some_texts("tags"),
        metadata=MappingProxyType({"description": d} if (d := node.get("description")) else {}),
    )
    node.lose_rest(_REASONS)
    return make(node, draft, checks)


def _files(node: Node) -> tuple[Attachment, ...]:
    """Files of the setup: name -> content, or {path, content} and {src, dest} in a list. Commands are lost."""
    setup = node.node("setup") if isinstance(node.item.value.get("setup"), dict) else None
    if setup is None:
        return ()
    texts: dict[str, str] = {}
    copied: list[tuple[str, str]] = []
    if isinstance(setup.item.value.get("files"), dict):
        texts = {name: written(text) or "" for name, text in setup.mapping("files").items()}
    else:
        for one in setup.nodes("files"):
            content, source = one.get("content"), one.text("src") or one.text("source")
            target = one.text("path") or one.text("dest") or posixpath.basename(source)
            if isinstance(content, str):
                texts[target] = content
            elif source:
                copied.append((target, source))
            one.lose_rest({})
    setup.lose_rest(_REASONS)
    return (*inline(node, "setup", texts), *stage(node, "setup", copied, (posixpath.dirname(node.path),)))
