"""waza's `eval.yaml` with the task files it names, and single task files.

Source: microsoft/waza, `schemas/eval.schema.json`, `internal/models/testcase.go`, `internal/graders/*.go`. Texts are
compared without case, patterns are Go's. Files of a task lie beside it, beside eval.yaml or in its `fixtures` folder.
"""

import posixpath
from types import MappingProxyType

from skillopt_ci.core.task import Attachment, Task
from skillopt_ci.core.tree import Tree
from skillopt_ci.errors import ConfigError
from skillopt_ci.suites.base import ReadResult
from skillopt_ci.suites.document import parse_document
from skillopt_ci.suites.fields import beside
from skillopt_ci.suites.foreign import AGENT, CODE, LIMITS, MODELS, Node, Report, top
from skillopt_ci.suites.making import NO_PATTERN, Checks, Draft, attach, clean_id, inline, make, spec
from skillopt_ci.suites.templates import LOGIC
from skillopt_ci.suites.weighing import Part, collect, weight_of

_FILE_REASONS = MappingProxyType(
    {
        **dict.fromkeys(("config", "executor", "model", "range", "trials_per_task"), MODELS),
        **dict.fromkeys(("hooks", "mcp_mocks", "command_mocks"), AGENT),
        "metrics": "measures of a whole run",
        "inputs": LOGIC,
        "tasks_from": "tasks from the rows of a table",
        "baseline": "comparison with the empty skill is `ablate` here",
    }
)
_TASK_REASONS = MappingProxyType(
    {
        **dict.fromkeys(("repos", "environment", "responder", "mcp_mocks", "hooks", "context_dir"), AGENT),
        "follow_up_prompts": "a conversation of several turns",
        "timeout_seconds": LIMITS,
        "golden": "reference answers of its own",
    }
)
_EXPECTED_REASONS = MappingProxyType(
    {"outcomes": AGENT, "tool_calls": AGENT, "behavior": AGENT, "metrics": "measures of a whole run", "state": AGENT}
)
_GRADERS = MappingProxyType(
    {
        **dict.fromkeys(("code", "program", "script", "llm_script", "inline_script"), CODE),
        **dict.fromkeys(("file", "behavior", "action_sequence", "skill_invocation", "tool_constraint", "diff"), AGENT),
        **dict.fromkeys(("tool_calls", "trigger", "transcript"), AGENT),
    }
)


def read(tree: Tree, path: str, data: bytes, /) -> ReadResult:
    """The tasks of an eval.yaml, or of one task file."""
    report = Report(tree, path)
    tasks: list[Task | None] = []
    for node in top(report, data):
        if not node.present(("tasks", "tasks_from")):
            tasks.append(_task(node.as_item(), []))
            continue
        shared = node.nodes("graders")
        for one in node.entries("tasks", also=(str,)):
            if isinstance(one, Node):
                tasks.append(_task(one.as_item(), shared))
            else:
                tasks += [_task(inner, shared) for inner in _files(node, str(one))]
        for key in ("name", "description", "skill", "scenario", "version", "schemaVersion"):
            node.get(key)
        node.lose_rest(_FILE_REASONS)
    return report.result(tasks)


def _files(node: Node, pattern: str) -> list[Node]:
    """The task files that a pattern stands for."""
    place = beside(node.path, pattern)
    try:
        paths = list(node.report.tree.glob(place)) if place else []
    except ConfigError:
        paths = []
    if not paths:
        node.wrong(f"'tasks': no file matches {pattern[:200]!r}", "tasks")
    made: list[Node] = []
    for path in paths:
        data = node.report.read(path, line=node.line_of("tasks"))
        inner = Report(node.report.tree, path)
        inner.problems, inner.losses = node.report.problems, node.report.losses
        made += [n.as_item() for n in top(inner, data)] if data is not None else []
    return made


def _task(node: Node, shared: list[Node]) -> Task | None:
    inputs = node.node("inputs") or node
    given = node.get("id") or node.get("name")
    node.name = inputs.name = clean_id(str(given)) if isinstance(given, str | int) else ""
    if node.flag("enabled") is False:
        node.lose_item("it is disabled (`enabled: false`)")
        return None
    checks = Checks()
    expected = node.node("expected") if isinstance(node.item.value.get("expected"), dict) else None
    if expected:
        checks.contains(expected.some_texts("output_contains"), ignore_case=True)
        checks.contains_any(expected.some_texts("output_contains_any"), ignore_case=True)
        checks.lacks(expected.some_texts("output_not_contains"), ignore_case=True)
    else:
        checks.context = node.text("expected")
    graders = (*shared, *node.nodes("graders"), *node.nodes("validators"))
    whole = Part(checks=checks, parts=tuple(map(_grader, graders)))
    prompt = inputs.text_beside("prompt_file") or inputs.text("prompt")
    if "{{" in prompt:
        node.lose_item(LOGIC)
        return None
    notes = {k: v for k in ("name", "description") if (v := node.get(k)) is not None}
    if not expected and checks.context:  # where no judge is shown it, it is for people
        notes["expected"] = checks.context
    context = inputs.get("context")
    draft = Draft(
        id=node.name,
        prompt=prompt,
        files=_attachments(inputs, node.text("context_dir")),
        should_trigger=expected.flag("should_trigger") if expected else node.flag("should_trigger"),
        tags=node.some_texts("tags"),
        metadata=MappingProxyType({**notes, **({"context": context} if context else {})}),
    )
    for part, reasons in ((expected, _EXPECTED_REASONS), (inputs, _TASK_REASONS), (node, _TASK_REASONS)):
        if part:
            part.lose_rest(reasons)
    return make(node, draft, collect(whole))


def _attachments(inputs: Node, context_dir: str) -> tuple[Attachment, ...]:
    """Inline files, and files from beside the task or eval file, its `fixtures` or the context folder."""
    own = posixpath.dirname(inputs.path)
    main = posixpath.dirname(inputs.report.path)
    outer = posixpath.dirname(own)
    folders = [own, main, outer, *(f"{f}/fixtures".lstrip("/") for f in (main, own, outer))]
    if context_dir and (place := beside(inputs.path, context_dir)):
        folders.insert(0, place)
    written: dict[str, str] = {}
    named: list[str] = []
    for one in inputs.entries("files", also=(str,)):
        if not isinstance(one, Node):
            named.append(str(one))
            continue
        path, content = one.text("path"), one.get("content")
        if isinstance(content, str):
            written[path] = content
        elif path:
            named.append(path)
        one.lose_rest({})
    return (*inline(inputs, "files", written), *attach(inputs, "files", named, tuple(dict.fromkeys(folders))))


def _grader(node: Node) -> Part:
    """A grader; its weight counts in the score alone: a task passes when all its graders do."""
    checks = Checks()
    kind = node.text("type")
    node.get("name")
    weight = weight_of(node) or 1.0  # as waza has it
    config = node.node("config")
    if kind == "text" and config:
        _text(config, checks)
    elif kind == "regex" and config:
        _patterns(config, "must_match", checks, negate=False)
        _patterns(config, "must_not_match", checks, negate=True)
    elif kind == "prompt" and (rubric := (config and config.text("prompt")) or node.text("rubric")):
        checks.criteria.append(rubric)
    elif kind == "json_schema" and config and (schema := _schema(config)) is not None:
        checks.others.append(spec("json", whole=True, schema=schema))
    else:
        checks.lose(node, _GRADERS.get(kind, f"the grader {kind[:60]!r} has no equal here"))
        return Part(checks=checks)
    if config:
        config.lose_rest({"model": MODELS, "continue_session": AGENT, "mode": "comparison with another answer"})
    node.lose_rest({"model": MODELS, "rubric": MODELS, "script": CODE})
    return Part(checks=checks, weight=weight, hard=kind == "json_schema")


def _text(config: Node, checks: Checks) -> None:
    checks.contains(config.some_texts("contains"), ignore_case=True)
    checks.lacks(config.some_texts("not_contains"), ignore_case=True)
    checks.contains(config.some_texts("contains_cs"), ignore_case=False)
    checks.lacks(config.some_texts("not_contains_cs"), ignore_case=False)
    _patterns(config, "regex_match", checks, negate=False)
    _patterns(config, "regex_not_match", checks, negate=True)


def _patterns(config: Node, key: str, checks: Checks, *, negate: bool) -> None:
    for pattern in config.some_texts(key):
        if not checks.pattern(pattern, "go", negate=negate):
            checks.lost = True
            config.lose_part(key, NO_PATTERN)


def _schema(config: Node) -> object:
    """A JSON Schema written here or in a file; None, with the problem noted, when it cannot be read."""
    if config.item.value.get("schema") is not None:
        return config.mapping("schema")
    found = config.report.beside(config.text("schema_file"), line=config.line_of("schema_file"))
    text = config.report.text(*found) if found else None
    if found is None or text is None:
        return None
    document, wrong = parse_document(found[0], text)
    config.report.problems += wrong
    return document.value if document and isinstance(document.value, dict) else None
