"""skill-eval-harness `evals/shared-benchmark.json`, versions 1 and 2.

Source: adewale/skill-eval-harness, `eval_manifests.py`, `text_contracts.py`. Texts and patterns (Python's) ignore case
unless `"ci": false`. `tune` cases are training tasks, `holdout` and `holdback` ones test tasks.
"""

from types import MappingProxyType

from skillopt_ci.core.task import Split, Task
from skillopt_ci.core.tree import Tree
from skillopt_ci.suites.base import ReadResult
from skillopt_ci.suites.foreign import AGENT, CODE, LIMITS, MODELS, WEIGHTS, Node, Report, top
from skillopt_ci.suites.making import NO_PATTERN, Checks, Draft, attach, clean_id, make, skill_roots

_SPLITS: MappingProxyType[str, Split] = MappingProxyType({"holdout": "test", "holdback": "test"})
_FILE_REASONS = MappingProxyType(
    {
        "variants": "comparison with and without the skill is its own command here",
        "ablations": "removal of parts of the skill is its own command here",
        "split_policy": "splits come from the tasks and skillopt.yml",
        "old_skill_paths": "earlier versions of the skill",
        "dataset_files": "tasks in other files",
        "models": MODELS,
    }
)
_CASE_REASONS = MappingProxyType(
    {"success_goals": WEIGHTS, "turns": "a conversation of several turns", "timeout_seconds": LIMITS, "setup": AGENT}
)
_LOST = MappingProxyType(
    {
        **dict.fromkeys(("script", "structured_output"), CODE),
        **dict.fromkeys(("file_exists", "json_field_equals", "golden_output", "tool_call", "command_ran"), AGENT),
        **dict.fromkeys(("command_not_ran", "command_order", "skill_invoked", "tool_count_le"), AGENT),
        **dict.fromkeys(("total_tokens_le", "elapsed_seconds_le", "command_count_le"), LIMITS),
        "similarity": "a likeness of texts",
    }
)


def read(tree: Tree, path: str, data: bytes, /) -> ReadResult:
    """The cases of one file."""
    report = Report(tree, path)
    tasks: list[Task | None] = []
    for node in top(report, data):
        skill = node.text("skill_name") or None
        tasks += [_task(one.as_item(), skill) for one in node.nodes("cases")]
        for key in ("version", "skill_paths", "notes", "description", "$schema"):
            node.get(key)
        node.lose_rest(_FILE_REASONS)
    return report.result(tasks)


def _task(node: Node, skill: str | None) -> Task | None:
    node.name = clean_id(node.id("id") or "")
    kind = node.text("kind")
    checks = Checks()
    trigger = node.flag("should_trigger")
    expected = node.some_texts("expected_behavior")
    if kind == "trigger":
        trigger = not _negative(node, expected) if trigger is None else trigger
    else:
        checks.criteria += expected
    for one in node.nodes("assertions"):
        _assertion(one, checks)
    split = node.text("split")
    draft = Draft(
        id=node.name,
        prompt=node.text_beside("prompt_ref") or node.text("prompt"),
        files=attach(node, "files", node.some_texts("files"), skill_roots(node, skill)),
        split=_SPLITS.get(split),
        should_trigger=trigger,
        tags=node.some_texts("tags"),
        metadata=MappingProxyType({k: v for k in ("kind", "eval_intent", "split") if (v := node.get(k)) is not None}),
    )
    node.lose_rest(_CASE_REASONS)
    return make(node, draft, checks)


def _negative(node: Node, expected: tuple[str, ...]) -> bool:
    """Whether a trigger case that does not say so is about staying out: its id or its expectation does."""
    said = " ".join(expected).lower()
    return "-neg" in node.name or "should not trigger" in said or "not load" in said


def _assertion(node: Node, checks: Checks) -> None:
    kind = node.text("type")
    ignore_case = node.flag("ci") is not False
    node.get("name")
    if node.text("severity") == "soft":
        node.lose_part("severity", WEIGHTS)
    values = (*node.some_texts("values"), *node.some_texts("value"), *node.some_texts("pattern"))
    if kind in ("contains", "contains_all") and values:
        checks.contains(values, ignore_case=ignore_case)
    elif kind == "contains_any" and values:
        checks.contains_any(values, ignore_case=ignore_case)
    elif kind == "excludes_any" and values:
        checks.lacks(values, ignore_case=ignore_case)
    elif kind in ("regex", "not_regex") and values:
        flags = "i" if ignore_case else ""
        if not all(checks.pattern(v, "python", flags=flags, negate=kind == "not_regex") for v in values):
            checks.lose(node, NO_PATTERN)
    elif kind == "judge" and (texts := (*node.some_texts("rubric"), *node.some_texts("criteria"), *values)):
        checks.criteria += texts
    else:
        checks.lose(node, _LOST.get(kind, f"the assertion {kind[:60]!r} has no equal grader here"))
        return
    node.lose_rest({"comparison": "how texts are normalised", "model": MODELS})
