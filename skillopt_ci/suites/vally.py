"""Vally's `eval.yaml` with `stimuli`, and the older .NET skill-validator's with `scenarios`.

Sources: microsoft.github.io/vally/reference/graders; dotnet/skills `tests/*/eval.yaml` and, for `scenarios`,
`eng/skill-validator/src/Services/{EvalSchema,AssertionEvaluator}.cs`. Vally compares texts without case unless told,
and its patterns are JavaScript's with `(?flags)` in front; the older tool ignores case in both and has .NET's patterns.
"""

import posixpath
from dataclasses import dataclass, replace
from types import MappingProxyType

from skillopt_ci.core.task import Attachment, Task
from skillopt_ci.core.tree import Tree
from skillopt_ci.suites.base import ReadResult
from skillopt_ci.suites.foreign import AGENT, CODE, LIMITS, MODELS, WEIGHTS, Node, Report, top
from skillopt_ci.suites.making import NO_PATTERN, UP, Checks, Draft, clean_id, inline, make, stage
from skillopt_ci.suites.patterns import inline_flags
from skillopt_ci.suites.weighing import OWN_NUMBER, Part, collect, threshold_of, weight_of

# An empty answer scores 0 here whatever the graders say: nothing of these is lost.
_NOT_EMPTY = ("completed", "exit-success", "exit_success")
_TURNS = ("turns", "prompts")
_CHAT = "a conversation of several turns"
_ENVIRONMENTS = ("environment", "agent_environment", "setup")
_REASONS = MappingProxyType(
    {
        **dict.fromkeys(
            ("defaults", "config", "timeout", "runs", "model", "executor", "max_turns", "max_tokens"), LIMITS
        ),
        **dict.fromkeys(("constraints", "max_duration"), LIMITS),
        **dict.fromkeys(("expect_tools", "reject_tools", "reject_skills", "skills", "commands", "mcp_servers"), AGENT),
        "copy_test_files": AGENT,
        **dict.fromkeys(("scoring", "weight", "threshold"), WEIGHTS),
        **dict.fromkeys(_TURNS, _CHAT),
    }
)
_CONFIG = MappingProxyType({"scoring": OWN_NUMBER, "threshold": OWN_NUMBER, "model": MODELS, "judge_model": MODELS})
_QUIET = ("name", "description", "version", "type", "skill", "tags", "owner", "$schema")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Common:
    """What all stimuli of a file share."""

    graders: tuple[Node, ...]
    environments: tuple[Node, ...]
    scoring: Node | None
    weights: Node | None


def read(tree: Tree, path: str, data: bytes, /) -> ReadResult:
    """The stimuli or scenarios of one file as tasks."""
    report = Report(tree, path)
    tasks: list[Task | None] = []
    for node in top(report, data):
        scoring = node.node("scoring")
        common = _Common(
            graders=tuple(node.nodes("graders")),
            environments=tuple(n for key in _ENVIRONMENTS if (n := node.node(key))),
            scoring=scoring,
            weights=scoring.node("weights") if scoring else None,
        )
        tasks += [_task(one.as_item(), common) for one in node.nodes("stimuli")]
        tasks += [_task(one.as_item(), replace(common, graders=())) for one in node.nodes("scenarios")]
        for key in _QUIET:
            node.get(key)
        if scoring:
            scoring.get("threshold")  # it is that of the stimuli, if any could be imported
        for one in (*common.environments, *((scoring,) if scoring else ()), node):
            one.lose_rest(_REASONS)
    return report.result(tasks)


def _task(node: Node, common: _Common) -> Task | None:
    node.name = clean_id(node.text("name"))
    if node.present(_TURNS) and not node.text("prompt").strip():
        node.lose_item(_CHAT)
        return None
    checks = _checks(node, common)
    own = [n for key in _ENVIRONMENTS if (n := node.node(key))]
    files = {a.name: a for one in (*common.environments, *own) for a in _files(one)}
    draft = Draft(
        id=node.name,
        prompt=node.text("prompt"),
        files=tuple(files[name] for name in sorted(files)),
        should_trigger=node.flag("expect_activation"),
        metadata=MappingProxyType({"tags": tags} if isinstance(tags := node.get("tags"), dict) else {}),
        tags=tuple(t for t in tags if isinstance(t, str)) if isinstance(tags, list) else (),
    )
    node.get("description")
    for one in own:
        one.lose_rest(_REASONS)
    node.lose_rest(_REASONS)
    return make(node, draft, checks)


def _checks(node: Node, common: _Common) -> Checks:
    """All checks of a stimulus: its graders are weighed by their types, its rubric is what a `prompt` grader judges."""
    beside = Checks()
    graders = (*common.graders, *node.nodes("graders"))
    rubric = node.some_texts("rubric")
    judge = next((one for one in graders if one.item.value.get("type") == "prompt"), None)
    parts = tuple(_grader(one, common.weights, rubric if one is judge else ()) for one in graders)
    if judge is None:
        beside.criteria += rubric
    for one in node.nodes("assertions"):
        _assertion(one, beside)
    threshold = threshold_of(common.scoring, parts) if common.scoring else None
    return collect(Part(checks=beside, parts=parts, threshold=threshold))


def _files(node: Node) -> tuple[Attachment, ...]:
    """Files of an environment: copied (a path, {src, dest}, {source, path}) or written out ({path, content})."""
    written: dict[str, str] = {}
    copied: list[tuple[str, str]] = []
    for one in node.entries("files", also=(str,)):
        if not isinstance(one, Node):
            copied.append((UP.sub("", posixpath.normpath(str(one))), str(one)))
            continue
        source = one.text("src") or one.text("source")
        target = one.text("dest") or one.text("path") or posixpath.basename(source)
        content = one.get("content")
        if isinstance(content, str):
            written[target] = content
        elif source:
            copied.append((target, source))
        else:
            one.wrong("a file has neither 'src' nor 'content'")
        one.lose_rest(_REASONS)
    roots = (posixpath.dirname(node.path),)
    return (*inline(node, "files", written), *stage(node, "files", copied, roots))


def _grader(node: Node, weights: Node | None, rubric: tuple[str, ...]) -> Part:
    checks = Checks()
    kind = node.text("type")
    weight = _weight(weights, kind)
    config = node.node("config")
    negate = "-not-" in kind or bool(config and config.flag("negate"))
    base = kind.replace("-not-", "-")
    node.get("name")
    reason = ""
    if kind in _NOT_EMPTY:
        checks.rules.append({"op": "min_chars", "arg": 1})
    elif base == "output-contains" and config:
        texts = [t for key in ("substring", "value", "strings", "text") for t in config.some_texts(key)]
        add = checks.lacks if negate else checks.contains
        add(texts, ignore_case=not config.flag("case_sensitive"))
        reason = "" if texts else "it names no text"
    elif base == "output-matches" and config:
        pattern, flags = inline_flags(config.text("pattern"))
        reason = "" if checks.pattern(pattern, "javascript", flags=flags, negate=negate) else NO_PATTERN
    elif kind == "prompt":
        checks.criteria += (*rubric, *(config.some_texts("prompt") if config else ()))
    elif kind == "pairwise":
        reason = "comparison with another answer"
    else:
        reason = CODE if kind == "run-command" else AGENT
    if reason:
        checks.lose(node, reason)
        return Part(checks=checks, weight=weight)
    if config:
        config.lose_rest(_CONFIG)
    node.lose_rest(_REASONS)
    return Part(checks=checks, weight=weight, spare=kind in _NOT_EMPTY)


def _weight(weights: Node | None, kind: str) -> float:
    if weights is None:
        return 1.0
    if kind not in weights.item.value:
        weights.lose_part(kind[:60], "graders of this type have no weight: 1 is taken")
    return weight_of(weights, kind)


def _assertion(node: Node, checks: Checks) -> None:
    """An assertion of the older format."""
    kind, value, pattern = node.text("type"), node.text("value"), node.text("pattern")
    reason = ""
    if kind in _NOT_EMPTY:
        pass
    elif kind in ("output_contains", "output_not_contains") and value:
        (checks.lacks if "_not_" in kind else checks.contains)([value], ignore_case=True)
    elif kind in ("output_matches", "output_not_matches") and pattern:
        matched = checks.pattern(pattern, "dotnet", flags="i", negate="_not_" in kind)
        reason = "" if matched else NO_PATTERN
    else:
        reason = AGENT
    if reason:
        checks.lose(node, reason)
    node.lose_rest(_REASONS)
