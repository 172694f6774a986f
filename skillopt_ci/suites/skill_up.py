"""skill-up: `evals/eval.yaml` with the case files it names, and single case files.

Source: alibaba/skill-up, `docs/guide/writing-evals.md`, `internal/judge/{expect,rule_based,agent_judge}.go`. Texts are
compared with their case, patterns are Go's. Paths start at the skill's root. A case must pass its `expect` and its
judges, an `agent_judge` from a share of its criteria on. What looks at files, tools or turns needs an agent harness.
"""

from types import MappingProxyType

from skillopt_ci.core.task import Attachment, Task
from skillopt_ci.core.tree import Tree
from skillopt_ci.errors import ConfigError
from skillopt_ci.suites.base import ReadResult
from skillopt_ci.suites.fields import beside
from skillopt_ci.suites.foreign import AGENT, CODE, LIMITS, MODELS, Node, Report, top, written
from skillopt_ci.suites.making import (
    NO_PATTERN,
    Checks,
    Draft,
    clean_id,
    inline,
    judged,
    make,
    skill_roots,
    spec,
    stage,
)

_SHARE = 0.7  # of the criteria, where a judge says none
_TURNS = "a conversation of several turns"
_FILE_REASONS = MappingProxyType(
    {
        **dict.fromkeys(("engine", "benchmark", "user_simulator"), MODELS),
        **dict.fromkeys(("environment", "mcp"), AGENT),
        "skills": "which skills are installed comes from skillopt.yml",
        **dict.fromkeys(("report", "parallelism", "retry_policy", "collect_artifacts"), "about its own runs"),
        **dict.fromkeys(("timeout_seconds", "max_turns"), LIMITS),
    }
)
_CASE_REASONS = MappingProxyType(
    {
        **dict.fromkeys(("constraints", "timeout_seconds"), LIMITS),
        **dict.fromkeys(("git", "mcp", "environment", "setup_steps"), AGENT),
        **dict.fromkeys(("exit_code", "files_exist", "files_not_exist", "file_contains", "tool_called"), AGENT),
        **dict.fromkeys(("turn_response_contains", "turn_response_not_contains"), _TURNS),
        **dict.fromkeys(("tool_called_in_turn", "tool_not_called_in_turn"), AGENT),
        **dict.fromkeys(("model", "skills", "context"), MODELS),
        **dict.fromkeys(("turns", "user_simulator"), _TURNS),
        "collect_artifacts": "about its own runs",
    }
)


def read(tree: Tree, path: str, data: bytes, /) -> ReadResult:
    """The cases of an eval.yaml, or of one case file."""
    report = Report(tree, path)
    tasks: list[Task | None] = []
    for node in top(report, data):
        cases = node.node("cases")
        if cases is None:
            tasks.append(_task(node.as_item(), None))
            continue
        defaults = cases.node("defaults")
        expect = defaults.node("expect") if defaults else None
        tasks += [_task(one, expect) for name in cases.some_texts("files") for one in _case(cases, name)]
        if node.item.value.get("environment") == {"type": "none"}:
            node.get("environment")
        for part in (defaults, cases, node):
            if part:
                part.get("schema_version")
                part.lose_rest(_FILE_REASONS)
    return report.result(tasks)


def _case(cases: Node, name: str) -> list[Node]:
    """The case of a file, which is named from the skill's root."""
    places = [place for root in _roots(cases) if (place := beside(f"{root}/x" if root else "x", name))]
    path = next((p for p in places if _is_there(cases.report.tree, p)), None)
    data = cases.report.read(path, line=cases.line_of("files")) if path else None
    if path is None:
        cases.wrong(f"'files': there is no file {name[:200]!r}", "files")
    if path is None or data is None:
        return []
    inner = Report(cases.report.tree, path)
    inner.problems, inner.losses = cases.report.problems, cases.report.losses
    return [one.as_item() for one in top(inner, data)]


def _is_there(tree: Tree, path: str) -> bool:
    try:
        return bool(tree.glob(path))
    except ConfigError:  # no path, such as one with backslashes
        return False


def _roots(node: Node) -> tuple[str, ...]:
    """The skill's root, which is around `evals/`, before the file's own folder."""
    own, *others = skill_roots(node, None)
    around = f"/{node.path}".rpartition("/evals/")[0].lstrip("/")
    return tuple(dict.fromkeys((around, *others, own)))


def _task(node: Node, defaults: Node | None) -> Task | None:
    node.name = clean_id(node.text("id"))
    checks = Checks()
    for expect in (defaults, node.node("expect")):
        if expect:
            _expect(expect, checks)
    single = node.node("judge")
    for judge in (*((single,) if single else ()), *node.nodes("judges")):
        _judge(judge, checks)
    prompt = node.node("input")
    if prompt and prompt.present(("turns",)):
        node.lose_item(_TURNS)
        return None
    context = node.node("context")
    notes = {k: v for k in ("title", "description") if (v := node.get(k)) is not None}
    draft = Draft(
        id=node.name,
        prompt=prompt.text("prompt") if prompt else "",
        files=_files(context) if context else (),
        tags=node.some_texts("tags"),
        metadata=MappingProxyType(notes),
    )
    for part in (prompt, context, node):
        if part:
            part.get("schema_version")
            part.lose_rest(_CASE_REASONS)
    return make(node, draft, checks)


def _files(context: Node) -> tuple[Attachment, ...]:
    """The workspace: a folder of fixtures, and files written out over it."""
    fixture = context.text("repo_fixture")
    texts = {name: written(text) or "" for name, text in context.mapping("files").items()}
    staged = stage(context, "repo_fixture", [("", fixture)], _roots(context)) if fixture else ()
    made = {one.name: one for one in (*staged, *inline(context, "files", texts))}
    return tuple(made[name] for name in sorted(made))


def _expect(expect: Node, checks: Checks) -> None:
    checks.contains(expect.some_texts("must_contain"), ignore_case=False)
    checks.lacks(expect.some_texts("must_not_contain"), ignore_case=False)
    if name := expect.text("golden_file"):
        place = next((p for r in _roots(expect) if (p := beside(f"{r}/x" if r else "x", name))), None)
        data = expect.report.read(place, line=expect.line_of("golden_file")) if place else None
        text = expect.report.text(place, data) if place and data is not None else None
        if text is None:
            expect.spoil()
        else:
            checks.others.append(spec("exact", values=[text.strip()]))
    _close(expect, checks, True)


def _judge(judge: Node, checks: Checks) -> None:
    kind = judge.text("type")
    judge.get("id")
    if kind == "rule_based":
        for rule in judge.nodes("success"):
            _rule(rule, checks)
        for rule in judge.nodes("failure"):
            _forbidden(rule, checks)
    elif kind == "agent_judge" and (criteria := judge.some_texts("criteria")):
        share = judge.get("pass_threshold")
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share <= 1:
            if share is not None:
                judge.lose_part("pass_threshold", f"a share must lie above 0 and at most at 1: {_SHARE} is taken")
            share = _SHARE
        checks.others.append(spec("judge", **judged(criteria).options, **({} if share == 1 else {"threshold": share})))
    else:
        checks.lose(judge, CODE if kind == "script" else f"the judge {kind[:60]!r} has no equal here")
        return
    judge.lose_rest(_CASE_REASONS)


def _rule(rule: Node, checks: Checks) -> None:
    """What must hold: every text or pattern of `all`, one of `any`, none of `not`."""
    for key in ("output_contains", "output_matches"):
        if said := rule.node(key):
            every, one, none = (said.some_texts(k) for k in ("all", "any", "not"))
            kept = [_found(checks, key, t) for t in every] + [_found(checks, key, t, negate=True) for t in none]
            if key == "output_contains":
                checks.contains_any(one, ignore_case=False)
            elif one:
                kept.append(_one_of(checks, [[(key, t, False)] for t in one]))
            _close(said, checks, all(kept))
    _close(rule, checks, True)


def _forbidden(rule: Node, checks: Checks) -> None:
    """What must not hold as a whole: one part of it, at least, does not."""
    for key in ("output_contains", "output_matches"):
        if said := rule.node(key):
            every, one, none = (said.some_texts(k) for k in ("all", "any", "not"))
            ways = [[(key, t, True)] for t in every] + [[(key, t, False)] for t in none]
            ways += [[(key, t, True) for t in one]] if one else []
            _close(said, checks, not ways or _one_of(checks, ways))
    _close(rule, checks, True)


def _found(checks: Checks, key: str, text: str, *, negate: bool = False) -> bool:
    """Add one check; False when its pattern cannot be translated."""
    if key == "output_matches":
        return checks.pattern(text, "go", negate=negate)
    (checks.lacks if negate else checks.contains)([text], ignore_case=False)
    return True


def _one_of(checks: Checks, ways: list[list[tuple[str, str, bool]]]) -> bool:
    """One of several lists of checks must hold; False when one of them cannot be written."""
    made = [Checks() for _ in ways]
    if not all(_found(one, *check[:2], negate=check[2]) for one, way in zip(made, ways, strict=True) for check in way):
        return False
    if len(made) == 1:
        checks.rules += made[0].rules
    else:
        checks.others.append(spec("any", graders=[{"type": "rules", "checks": one.rules} for one in made]))
    return True


def _close(node: Node, checks: Checks, kept: bool) -> None:
    """Whatever is left of a rule is lost, and with it a check."""
    if not kept:
        checks.lost = True
        node.lose_part("", NO_PATTERN)
    if node.item.value.get("exit_code") == 0:
        node.get("exit_code")  # that of every run that ends
    checks.lost = checks.lost or any(key in _CASE_REASONS for key in node.unread())
    node.lose_rest(_CASE_REASONS)
