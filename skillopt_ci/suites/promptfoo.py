"""`promptfooconfig.yaml`: prompts with variables, tests with assertions; every test is a task for each prompt.

Source: promptfoo/promptfoo, `site/docs/configuration/`. Lists among the variables make a matrix. What belongs to the
run (providers, options) and whatever is code is lost.
"""

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from types import MappingProxyType

from skillopt_ci.core.digest import digest
from skillopt_ci.core.task import Task
from skillopt_ci.core.tree import Tree
from skillopt_ci.suites.base import ReadResult
from skillopt_ci.suites.document import Document, parse_json
from skillopt_ci.suites.foreign import CODE, LIMITS, MODELS, Node, Report, top
from skillopt_ci.suites.making import Draft, clean_id, make
from skillopt_ci.suites.promptfoo_asserts import part
from skillopt_ci.suites.promptfoo_tests import is_program, load_prompts, load_tests
from skillopt_ci.suites.promptfoo_vars import rendered, variables
from skillopt_ci.suites.templates import LOGIC, as_text, render
from skillopt_ci.suites.weighing import Part, collect, threshold_of

MOST_TASKS = 20_000  # of one file, in which prompts, tests and variables multiply
SYSTEM = "a system prompt of its own; the skill takes its place"
_CHAT = "a conversation of several turns"
_EMPTY = "an empty prompt, which is no question for a model"
_NO_PROMPTS = "no 'prompts', and no test has a variable 'prompt' or the same single one: write 'prompts' into the file"
_FILE_REASONS = MappingProxyType(
    {
        **dict.fromkeys(("providers", "targets", "evaluateOptions", "env", "commandLineOptions"), MODELS),
        **dict.fromkeys(("extensions", "nunjucksFilters"), CODE),
        "redteam": "attacks that promptfoo makes up: name the file of them that it has written",
        **dict.fromkeys(("outputPath", "sharing", "writeLatestResults", "metadata", "tracing"), "about its own runs"),
        "derivedMetrics": "metrics of a whole run",
    }
)
_TEST_REASONS = MappingProxyType(
    {
        "provider": MODELS,
        "providers": MODELS,
        "providerOutput": "an answer from elsewhere",
        "assertScoringFunction": CODE,
        "prompts": "which of the prompts a test is for",
        "options": "options of its own runs",
    }
)
_OPTION_REASONS = MappingProxyType(
    {
        **dict.fromkeys(("transform", "postprocess", "transformVars"), CODE),
        **dict.fromkeys(("provider", "repeat", "runSerially"), MODELS),
        "storeOutputAs": _CHAT,
        "timeout": LIMITS,
        "rubricPrompt": "the judge's prompt is pinned",
    }
)


@dataclass(frozen=True, kw_only=True)
class _Suite:
    """What all tests of a file share."""

    node: Node
    prompts: tuple[str, ...]
    default: Node | None
    ids: dict[str, int]
    answers: dict[str, str]
    """Variables that are answers to other tests, and why they are no values here."""


def read(tree: Tree, path: str, data: bytes, /) -> ReadResult:
    """The tests of one configuration as tasks."""
    report = Report(tree, path)
    if is_program(path):
        report.wrong(f"{CODE}; save the configuration that it makes as promptfooconfig.yaml")
        return report.result([])
    tasks: list[Task | None] = []
    nodes = top(report, data)
    if nodes and all("vars" in n.item.value and not n.present(("prompts", "tests", "providers")) for n in nodes):
        return _bare(report, nodes)
    for node in nodes:
        tests = list(_tests(node))
        answers = {name: _CHAT for test in tests if (name := _stored(test))}
        default = _default(node)
        prompts = _prompts(node) if node.present(("prompts",)) else _unsaid(node, default, tests)
        suite = _Suite(node=node, prompts=prompts, default=default, ids={}, answers=answers)
        if not _add_tasks(tasks, suite, tests):
            return report.result([])
        for key in ("description", "tags", "$schema", "assertionTemplates"):
            node.get(key)
        if suite.default:
            for key in ("vars", "assert", "threshold", "metadata", "description"):  # of every test, if there is one
                suite.default.get(key)
            suite.default.lose_rest(_TEST_REASONS)
        node.lose_rest(_FILE_REASONS)
    return report.result(tasks)


def _bare(report: Report, tests: Sequence[Node]) -> ReadResult:
    """A list of tests without the configuration that has their prompts; their only variable is then the prompt."""
    only = _only_variable(tests)
    if only is None:
        advice = "name the promptfooconfig.yaml that uses it"
        report.wrong(f"a list of tests whose prompts are in another file; {advice}", line=tests[0].item.line)
        return report.result([])
    tests[0].lose_part("vars", f"the prompts of its configuration: the variable '{only[:60]}' alone is the prompt")
    suite = _Suite(node=tests[0], prompts=(f"{{{{{only}}}}}",), default=None, ids={}, answers={})
    tasks: list[Task | None] = []
    return report.result(tasks if _add_tasks(tasks, suite, tests) else [])


def _only_variable(tests: Sequence[Node]) -> str | None:
    """The variable that every test has, and no other."""
    names = {tuple(v) if isinstance(v := test.item.value.get("vars"), dict) else () for test in tests}
    only = names.pop() if len(names) == 1 else ()
    return only[0] if len(only) == 1 else None


def _unsaid(node: Node, default: Node | None, tests: Sequence[Node]) -> tuple[str, ...]:
    """What a file without prompts asks: the variable `prompt`, else the one that its own endpoint is sent."""
    given = [one.item.value.get("vars") for one in (*tests, *([default] if default else []))]
    if not tests or any("prompt" in one if isinstance(one, dict) else one for one in given):
        return ("{{prompt}}",)
    only = None if default and default.present(("vars",)) else _only_variable(tests)
    if only is None:
        node.wrong(_NO_PROMPTS)
        return ()
    node.lose_part("tests", f"what the endpoint is sent: the variable '{only[:60]}' alone is the prompt")
    return (f"{{{{{only}}}}}",)


def _default(node: Node) -> Node | None:
    """`defaultTest`, written here or in a file of its own."""
    value = node.get("defaultTest")
    if isinstance(value, str):
        found = load_tests(node, "defaultTest", value)
        return found[0] if found else None
    return node.node("defaultTest")


def _stored(test: Node) -> str:
    options = test.item.value.get("options")
    name = options.get("storeOutputAs") if isinstance(options, dict) else None
    return name if isinstance(name, str) else ""


def _tests(node: Node) -> Iterator[Node]:
    value = node.get("tests")
    if isinstance(value, str):
        yield from load_tests(node, "tests", value)
    elif isinstance(value, dict):
        node.lose("tests", CODE)
    elif isinstance(value, list):
        for one in node.entries("tests", also=(str,)):
            if isinstance(one, str):
                yield from load_tests(node, "tests", one)
            elif isinstance(one, Node) and isinstance(one.item.value.get("path"), str) and "vars" not in one.item.value:
                yield from load_tests(one, "path", str(one.get("path")))
            elif isinstance(one, Node):
                yield one.as_item()
    elif not node.present(("scenarios", "redteam")):  # promptfoo then runs every prompt once
        yield Node(node.report, Document(path=node.path, value={}, places={}, first=node.item.line))
    for scenario in node.nodes("scenarios"):
        scenario.lose_item("scenarios: write their tests out under 'tests'")


def _prompts(node: Node) -> tuple[str, ...]:
    """The templates, from the file itself or from text files."""
    value = node.get("prompts")
    made: list[str] = []
    if isinstance(value, dict) and not {"raw", "file", "id"} & value.keys():
        value = list(value)  # of prompts, or files of them, and their labels
    listed = value if isinstance(value, list) else [value]
    for number, one in enumerate(listed):
        text = one.get("raw") or one.get("file") or one.get("id") if isinstance(one, dict) else one
        if isinstance(text, str) and text.strip():
            made += _prompt(node, text)
        else:
            node.wrong(f"'prompts[{number}]' must be a text or a file", "prompts")
    return tuple(made)


def _prompt(node: Node, text: str) -> list[str]:
    name = text.removeprefix("file://")
    ending = posixpath.splitext(name)[1].lower()
    if not text.startswith("file://") and (" " in name or "\n" in name or "{{" in name or not ending):
        return _message(node, text)
    if is_program(name):
        node.lose_part("prompts", CODE)
        return []
    return [made for one in load_prompts(node, "prompts", name) for made in _message(node, one)]


def _message(node: Node, text: str) -> list[str]:
    """A prompt that may be written as a list of chat messages; only the user's words are kept."""
    if not text.lstrip().startswith("["):
        return [text]
    try:
        value = parse_json(text)
    except ValueError:
        return [text]
    if not isinstance(value, list) or not all(isinstance(m, dict) and isinstance(m.get("role"), str) for m in value):
        return [text]
    system = [m for m in value if m["role"] in ("system", "developer")]
    others = [m for m in value if m not in system]
    if system:
        node.lose_part("prompts", SYSTEM)
    if len(others) != 1 or not isinstance(others[0].get("content"), str):
        node.lose_part("prompts", _CHAT)
        return []
    return [str(others[0]["content"])]


def _add_tasks(tasks: list[Task | None], suite: _Suite, tests: Sequence[Node]) -> bool:
    """Add the tasks of all tests; False, with the problem noted, as soon as a file has too many."""
    for test in tests:
        made = _tasks(suite, test, MOST_TASKS - len(tasks))
        if made is None:
            return False
        tasks += made
    return True


def _tasks(suite: _Suite, node: Node, room: int) -> list[Task | None] | None:
    """A test's tasks, None for each that is lost; nothing, with the problem noted, if they are more than `room`."""
    described = node.text("description")
    node.name = clean_id(described)
    default = suite.default
    named = variables(node, default, suite.node)
    options = [n.node("options") for n in (node, default) if n]
    expand = not any(o and o.flag("disableVarExpansion") for o in options)
    prefix, suffix = (next((t for o in options if o and (t := o.text(k))), "") for k in ("prefix", "suffix"))
    changed = any(o and o.item.value.get(k) for o in options for k in ("transform", "postprocess"))
    for one in options:
        if one:
            one.lose_rest(_OPTION_REASONS)
    notes = {**(default.mapping("metadata") if default else {}), **node.mapping("metadata")}
    passing = node if default is None or node.get("threshold") is not None else default
    asserts = [*(default.nodes("assert") if default else []), *node.nodes("assert")]
    lists = named.matrix() if expand else {}
    if prod(map(len, lists.values())) * max(1, len(suite.prompts)) > room:
        node.wrong(f"with its prompts and variables there are more than {MOST_TASKS} tasks in the file")
        return None
    made: list[Task | None] = []
    for chosen in product(*lists.values()):
        full = rendered({**named.values, **dict(zip(lists, chosen, strict=True))})
        for template in suite.prompts:
            prompt = None if full is None else render(f"{prefix}{template}{suffix}", full)
            lacking = named.lacking(template, suite.answers)
            if full is None or prompt is None or lacking or not prompt.strip():
                node.lose_item(lacking or (LOGIC if full is None or prompt is None else _EMPTY))
                made.append(None)
                continue
            parts = tuple(part(_referenced(suite.node, one), full, changed=changed) for one in asserts)
            checks = collect(Part(parts=parts, threshold=threshold_of(passing, parts)))
            draft = Draft(id=_id(suite, node.name, prompt, full), prompt=prompt, metadata=MappingProxyType(notes))
            made.append(make(node, draft, checks))
    node.lose_rest(_TEST_REASONS)
    return made


def _referenced(suite: Node, node: Node) -> Node:
    """An assertion, or the template it refers to."""
    name = node.item.value.get("$ref")
    templates = suite.node("assertionTemplates")
    if not isinstance(name, str) or templates is None:
        return node
    return templates.node(name.rpartition("/")[2]) or node


def _id(suite: _Suite, described: str, prompt: str, values: Mapping[str, object]) -> str:
    """The description where it is unique; tests that differ in nothing but their assertions are counted."""
    plain = digest([prompt, {k: as_text(v) for k, v in sorted(values.items())}])[:12]
    made = described or plain
    seen = suite.ids.get(made, 0)
    suite.ids[made] = seen + 1
    if seen and described:
        return clean_id(_id(suite, "", prompt, values) if len(described) > 150 else f"{described} {plain}-{seen}")
    return f"{made}-{seen}" if seen else made
