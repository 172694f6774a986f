"""`claude plugin eval`: a folder per case with `prompt.md`, `case.yaml` or both, and graders as files or entries.

Source: code.claude.com/docs/en/plugin-evals. Patterns are JavaScript's. What looks at tools, files or traces needs an
agent harness; `llm` graders become judges with three votes.
"""

import posixpath
from types import MappingProxyType

from skillopt_ci.core.task import Task
from skillopt_ci.core.tree import Tree
from skillopt_ci.suites.base import ReadResult
from skillopt_ci.suites.document import Document
from skillopt_ci.suites.foreign import AGENT, CODE, LIMITS, MODELS, Node, Report
from skillopt_ci.suites.making import NO_PATTERN, Checks, Draft, clean_id, judged, make, spec
from skillopt_ci.suites.weighing import INFORMS, Part, collect, weight_of
from skillopt_ci.suites.yaml_items import parse_yaml_document

PROMPT, CASE, GRADERS = "prompt.md", "case.yaml", "graders"
VOTES = 3
_LAST = ("", "last_message")
_REASONS = MappingProxyType(
    {
        **dict.fromkeys(("runs", "model"), MODELS),
        **dict.fromkeys(("max_turns", "timeout_seconds"), LIMITS),
        **dict.fromkeys(("plugins", "allowed_tools", "env", "context", "add_dirs", "history_file"), AGENT),
        "append_system_prompt": "a system prompt of its own; the skill takes its place",
        "scaffold_script": CODE,
        "arm": "graders of one arm only",
    }
)
_GRADERS = MappingProxyType(
    {
        **dict.fromkeys(("tool_used", "tool_order", "file_exists"), AGENT),
        "baseline": "comparison with another answer",
    }
)


def read(tree: Tree, path: str, data: bytes, /) -> ReadResult:
    """The one task of a case's folder, whichever of its files is named."""
    report = Report(tree, path)
    folder = posixpath.dirname(path)
    nodes = []
    for name in (PROMPT, CASE):
        place = posixpath.join(folder, name)
        content = data if place == path else report.read(place) if tree.glob(place) else None
        made = None if content is None else _markdown(report, place, content) if name == PROMPT else None
        if content is not None and name == CASE:
            document = report.document(place, content)
            made = Node(report, document) if document and isinstance(document.value, dict) else None
            if document and made is None:
                report.wrong("must be a mapping", path=place, line=1)
        if content is not None and made is None:
            return report.result([])
        nodes += [made] if made else []
    return report.result([_task(report, folder, nodes)] if nodes else [])


def _markdown(report: Report, path: str, data: bytes) -> Node | None:
    """A Markdown file as a mapping: the frontmatter's fields, and `body`."""
    text = report.text(path, data)
    if text is None:
        return None
    lines = text.replace("\r\n", "\n").split("\n")
    value: object = {}
    places: dict[tuple[str | int, ...], tuple[int, int]] = {}
    body = lines
    if lines[0].rstrip() == "---":
        end = next((n for n, line in enumerate(lines[1:], 1) if line.rstrip() == "---"), None)
        if end is None:
            report.wrong("the frontmatter has no end ('---')", path=path, line=1)
            return None
        value, places, wrong = parse_yaml_document(path, "\n" + "\n".join(lines[1:end]))
        report.problems += wrong
        if wrong:
            return None
        body = lines[end + 1 :]
    if value is not None and not isinstance(value, dict):
        report.wrong("the frontmatter must be a mapping", path=path, line=1)
        return None
    full = {**(value or {}), "body": "\n".join(body).strip()}
    return Node(report, Document(path=path, value=full, places=places))


def _task(report: Report, folder: str, nodes: list[Node]) -> Task | None:
    first = nodes[0]
    checked: list[Part] = []
    prompt, outcome = "", ""
    tags: tuple[str, ...] = ()
    name = clean_id(posixpath.basename(folder) or "case")
    parts = [(n, n.node("execution") if posixpath.basename(n.path) == CASE else None) for n in nodes]
    for node, execution in parts:
        node.name = name
        outcome = outcome or node.text("expected_outcome")
        prompt = prompt or node.text("body") or (execution.text("prompt") if execution else "") or node.text("prompt")
        tags = tags or node.some_texts("tags")
    for node, execution in parts:
        checked += [_grader(one, outcome) for one in node.nodes("graders")]
        for key in ("schema_version", "name", "description"):
            node.get(key)
        for part in (execution, node.node("context"), node):
            if part:
                part.lose_rest(_REASONS)
    for path in report.tree.glob(f"{folder}/{GRADERS}/*.md" if folder else f"{GRADERS}/*.md"):
        data = report.read(path)
        made = None if data is None else _markdown(report, path, data)
        if made:
            made.name = name
            checked.append(_grader(made, outcome))
    return make(first, Draft(id=name, prompt=prompt, tags=tags), collect(Part(parts=tuple(checked))))


def _grader(node: Node, outcome: str) -> Part:
    """A grader; the score of a run is the weight of those that pass, and by default all must."""
    checks = Checks()
    kind, body = node.text("type"), node.text("body")
    for key in ("name", "schema_version", "description"):
        node.get(key)
    weight = weight_of(node)
    if not weight:
        checks.lose(node, INFORMS)
        return Part(checks=checks)
    target = node.get("target") or node.get("focus") or ""
    reason = ""
    if target not in _LAST:
        reason = AGENT
    elif kind == "regex":
        match, pattern = node.text("match") or "contains", node.text("pattern") or body
        if match not in ("contains", "not_contains"):
            reason = "a count of matches"
        elif not checks.pattern(pattern, "javascript", flags=node.text("flags"), negate=match == "not_contains"):
            reason = NO_PATTERN
    elif kind == "llm" and (criteria := node.text("criteria") or body):
        options = dict(judged([criteria], outcome).options)
        checks.others.append(spec("judge", **options, votes=VOTES))
    else:
        reason = _GRADERS.get(kind, f"the grader {kind[:60]!r} has no equal here")
    if reason:
        checks.lose(node, reason)
        return Part(checks=checks)
    if node.text("arm") in ("with-only", "both"):
        node.get("arm")
    node.lose_rest(_REASONS)
    return Part(checks=checks, weight=weight, hard=True)
