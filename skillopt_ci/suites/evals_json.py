"""`evals/evals.json` of skill-creator and agentskills.io, and its dialects, as JSON, JSON Lines or YAML.

Sources: anthropics/skills `skills/skill-creator/references/schemas.md`; agentskills/agentskills
`docs/skill-creation/evaluating-skills.mdx`; NVIDIA/SkillEvaluator `evals_spec.py` (also a flat array with `question`);
tardigrde/skill-evals `schemas/evals.schema.json`; netresearch/skill-repo-skill `validate-evals.sh`, `run-ab-evals.sh`.
Expectations and assertions in words become a judge's criteria; `expected_output` is its context, or its only criterion
when there are no others.
"""

import posixpath
import re
from collections.abc import Sequence
from types import MappingProxyType

from skillopt_ci.core.agreement import parse_samples
from skillopt_ci.core.task import Task
from skillopt_ci.core.tree import Tree
from skillopt_ci.suites.base import ReadResult
from skillopt_ci.suites.foreign import AGENT, CODE, LIMITS, MODELS, Node, Report, top
from skillopt_ci.suites.making import (
    NO_PATTERN,
    Checks,
    Draft,
    attach,
    clean_id,
    described,
    make,
    skill_roots,
    split_named,
)

ABOUT = "words about a file, which an agent is not shown"
SEVERAL = "which of several skills it expects, none of which has the name of this one"
PROMPT = ("prompt", "input", "question", "query")
LISTS = ("evals", "test_cases", "cases")
CRITERIA = ("expectations", "expected_behavior", "expected_behaviors", "expect")
WORDED = ("checks", "criteria")
"""Criteria where they are a list of texts: these names have other meanings, too."""
DESCRIBED = ("expected_output", "ground_truth")
RESULT = "expected_result"  # of mclenhard/mcp-evals, a text
_REASONS = MappingProxyType(
    {
        "force_skill_invocation": "an agent harness decides how a skill is invoked; direct chat always gives it",
        "stage_files": AGENT,
        "expected_script": AGENT,
        "acceptable_skills": "which of several skills is chosen " + AGENT,
        "acceptable_alternates": "which of several skills is chosen " + AGENT,
        "setup": AGENT,
        "samples": "samples that test the graders themselves",
        "timeout": LIMITS,
        "timeout_seconds": LIMITS,
        "max_turns": LIMITS,
        "model": MODELS,
        "runs": MODELS,
        "skills": "which skills an agent has is said in skillopt.yml",
        "validator": CODE,
        "script": CODE,
    }
)
_NOTES = ("name", "eval_name", "title", "description", "category", "difficulty", "priority", "notes", "rationale")
WORDS = ("text", "description", "assertion", "expectation", "criterion", "check", "name")
TEXT = "content_contains"
PATTERNS = ("content", "content_regex", "must_not")
MARKS = re.compile(r"[\\.^$*+?()\[\]{}|]")
TURNED = re.compile(r"(?:^|[_-])(?:not|no|never|absent|excludes?|forbid\w*|avoid\w*)(?![a-z])", re.IGNORECASE)
UNCLEAR = "a text, or a pattern as its name says: write it as 'value', or with the type 'content_regex'"
WORKSPACE = re.compile(
    r"\bfiles?\b.{0,80}\b(?:exists?|created|written|saved)\b|\b(?:ran|executed|modif(?:y|ied)|overwr(?:ite|ote))\b"
    r"|\bcommit(?:s|ted)?\b|\bbranch\b|\bpull request\b|\bpushed\b|\bwr(?:ite|iting|ites|itten|ote) .{0,40}\bfiles?\b",
    re.IGNORECASE,
)
WORKSPACE_LOST = "what an agent does in its workspace: only a judge who reads the answer is left of it"
AGENT_KINDS = ("tool_use", "tool_used", "tool_call", "file_exists", "file_contains", "command", "script", "trajectory")


def read(tree: Tree, path: str, data: bytes, /) -> ReadResult:
    """The tasks of one evals file."""
    report = Report(tree, path)
    items: list[tuple[Node, str | None]] = []
    for node in top(report, data):
        listed = next(iter(node.present(LISTS)), None)
        if listed is None and "evals" not in node.item.value:
            items.append((node, None))
            continue
        skill = next((s for s in map(node.get, ("skill_name", "skill")) if isinstance(s, str) and s), None)
        items += [(one.as_item(), skill) for one in node.nodes(listed or "evals")]
        for key in ("version", "description", "$schema", "schema_version", "metadata", "name"):
            node.get(key)
        node.lose_rest(_REASONS)
    own = _own_names(items)
    return report.result([_task(node, skill, own) for node, skill in items])


def _own_names(items: Sequence[tuple[Node, str | None]]) -> frozenset[str] | None:
    """The names that an `expected_skill` may have for the skill itself; None when several are named and none is its.

    A single name that is not the skill's may be an older one of it.
    """
    names: set[str] = set()
    for node, skill in items[:1]:
        names = {skill or "", *map(posixpath.basename, skill_roots(node, skill)[1:])} - {""}
    found = {one for node, _ in items if isinstance(one := node.item.value.get("expected_skill"), str) and one}
    if found & names or len(found) < 2:
        return frozenset(names if found & names else found)
    return None


def _task(node: Node, skill: str | None, own: frozenset[str] | None) -> Task | None:
    key = node.one_of(PROMPT)
    identity = next(iter(node.present(("id", "eval_name", "name"))), None)
    given = node.get(identity) if identity else None
    node.name = clean_id(str(given)) if isinstance(given, str | int) else ""
    checks = Checks()
    described_in = (*DESCRIBED, *([RESULT] if isinstance(node.item.value.get(RESULT), str) else []))
    checks.context = "\n".join(t for k in described_in for t in node.some_texts(k))
    for name in (*CRITERIA, *(key for key in WORDED if is_texts(node.item.value.get(key))), "assertions"):
        _criteria(node, name, checks)
    notes = {n: node.get(n) for n in _NOTES if n != identity and node.item.value.get(n) is not None}
    if checks.context and not checks.criteria:
        if checks.rules or checks.lost:  # it is graded by those; the description is for people
            notes["expected_output"] = checks.context
        else:
            checks.criteria, checks.context = [described(checks.context)], ""
    if not checks.rules and not checks.others and not checks.lost and checks.criteria:
        checks.samples = _samples(node)  # with other checks a failing sample need not fail by the judge
    draft = Draft(
        id=node.name,
        prompt=node.prompt(key) if key else "",
        files=attach(node, "files", _files(node), skill_roots(node, skill)),
        split=split_named(node),
        should_trigger=_trigger(node, own),
        tags=node.some_texts("tags"),
        metadata=MappingProxyType({**node.mapping("metadata"), **notes}),
    )
    node.lose_rest(_REASONS)
    return make(node, draft, checks)


def is_texts(value: object) -> bool:
    """Whether a value is a list of texts that is not empty."""
    return isinstance(value, list) and bool(value) and all(isinstance(one, str) for one in value)


def _files(node: Node) -> tuple[str, ...]:
    """The paths of its files, some with words about each."""
    listed = node.item.value.get("files")
    if not isinstance(listed, list) or not any(isinstance(one, dict) for one in listed):
        return node.some_texts("files")
    paths: list[str] = []
    for one in node.entries("files", also=(str,)):
        if not isinstance(one, Node):
            paths.append(str(one))
            continue
        if path := one.text("path"):
            paths.append(path)
        else:
            one.wrong("a file without a 'path'")
        one.lose_rest({"purpose": ABOUT, "description": ABOUT})
    return tuple(paths)


def _samples(node: Node) -> dict[str, object] | None:
    """`samples {passing, failing}` where they are texts; otherwise they are lost."""
    value = node.item.value.get("samples")
    try:
        parse_samples(value)
    except ValueError:
        return None
    return dict(value) if isinstance(value, dict) and node.get("samples") else None


def _criteria(node: Node, key: str, checks: Checks) -> None:
    """A list of criteria in words and of typed assertions; a single text is one criterion."""
    if isinstance(node.get(key), str):
        checks.criteria += node.some_texts(key)
        return
    for number, one in enumerate(node.entries(key, also=(str,))):
        if isinstance(one, Node):
            _assertion(one, checks)
        elif isinstance(one, str) and one.strip():
            checks.criteria.append(one)
            if WORKSPACE.search(one):
                node.lose_part(key, WORKSPACE_LOST, number)


def _trigger(node: Node, own: frozenset[str] | None) -> bool | None:
    """Whether the skill should trigger; NVIDIA says it with `expected_skill`: null or another skill for a negative."""
    said = node.flag("should_trigger")
    if said is not None or "expected_skill" not in node.item.value:
        node.get("expected_skill")
        return said
    wanted = node.get("expected_skill")
    if own is None and wanted:
        node.lose("expected_skill", SEVERAL)
        return None
    return wanted in own if own and isinstance(wanted, str) else bool(wanted)


def _assertion(node: Node, checks: Checks) -> None:
    """A typed assertion: patterns are searched as `grep -iE` does, line by line; one that is only words is judged."""
    kind = node.text("type")
    key = next(iter(node.present(("pattern", "value"))), None)
    wanted = node.get(key) if key else None
    node.get("id")
    node.get("name")
    said = next((w for w in WORDS if isinstance(t := node.item.value.get(w), str) and t.strip()), None)
    if isinstance(wanted, str) and wanted.strip() and kind in (TEXT, *PATTERNS):
        for label in WORDS:
            node.get(label)
        if kind == TEXT and key == "pattern" and MARKS.search(wanted):
            checks.lose(node, UNCLEAR)
        elif kind == TEXT:
            checks.contains([wanted], ignore_case=True)
        elif not checks.pattern(wanted, "ere", flags="i", negate=kind == "must_not"):
            checks.lose(node, NO_PATTERN)
    elif kind in (TEXT, *PATTERNS) and node.present(("path", "file")):
        checks.lose(node, AGENT)
    elif TURNED.search(kind) and wanted is None:
        checks.lose(node, "its type turns its words round, or does not: nobody can tell")
    elif said and wanted is None and kind not in AGENT_KINDS:
        checks.criteria.append(node.text(said))
    else:
        checks.lose(node, AGENT if kind in AGENT_KINDS else f"the assertion type {kind[:60]!r} has no grader here")
    node.lose_rest(_REASONS)
