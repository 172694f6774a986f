"""What of a grader's options is a secret, and what a skill may learn: the name of a section, a limit, a tool."""

from collections.abc import Iterator, Mapping

from skillopt_ci.core.nested import COMBINATIONS, leaves
from skillopt_ci.core.task import GraderSpec

# What the hints of these graders tell the optimizer anyway; of any other grader every text is hidden.
_TOLD = frozenset({"exact", "numeric", "f1", "choice", "json", "anls", "similarity"})
_TOLD_OPS = ("not_contains", "section_present", "min_chars", "max_chars", "min_citations", "tool_called",
             "tool_not_called", "no_refusal")  # fmt: skip


def hidden_texts(spec: GraderSpec) -> tuple[str, ...]:
    """Texts of a grader's options that no edit may carry: patterns, rubrics, wanted texts."""
    if spec.type in COMBINATIONS:
        return tuple(text for leaf in leaves([spec]) for text in hidden_texts(leaf))
    if spec.hidden is False:
        return ()
    if spec.hidden:
        return tuple(_strings(spec.options))
    return tuple(_split(spec)[0])


def visible_texts(spec: GraderSpec) -> tuple[str, ...]:
    """Texts of a grader's options that a skill may learn."""
    if spec.type in COMBINATIONS:
        return tuple(text for leaf in leaves([spec]) for text in visible_texts(leaf))
    if spec.hidden is False:
        return tuple(_strings(spec.options))
    return () if spec.hidden else tuple(_split(spec)[1])


def _split(spec: GraderSpec) -> tuple[list[str], list[str]]:
    """(hidden, visible) texts of a grader that says nothing about itself."""
    checks = spec.options.get("checks")
    if spec.type == "officeqa":
        evidence = spec.options.get("evidence")
        return list(_strings(evidence)), [t for k, v in spec.options.items() if k != "evidence" for t in _strings(v)]
    if spec.type == "spreadsheet":
        return _cases(spec.options.get("cases"))
    if spec.type in _TOLD:
        return [], list(_strings(spec.options))
    if spec.type != "rules" or not isinstance(checks, list):
        return list(_strings(spec.options)), []
    hidden: list[str] = []
    visible: list[str] = []
    for check in checks:
        op, arg = (check.get("op"), check.get("arg")) if isinstance(check, Mapping) else ("", check)
        if op == "section_contains":
            name, text = _section(arg)
            visible += name
            hidden += text
        else:
            (visible if op in _TOLD_OPS else hidden).extend(_strings(arg))
    return hidden, visible


def _cases(cases: object) -> tuple[list[str], list[str]]:
    """The expected values of cells are hidden; where they stand is said in the task."""
    hidden: list[str] = []
    visible: list[str] = []
    for case in cases if isinstance(cases, list) else []:
        values = case.get("values") if isinstance(case, Mapping) else None
        if isinstance(values, Mapping):
            hidden += [text for value in values.values() for text in _strings(value)]
            visible += [text for key in ("file", "cells", "sheet") for text in _strings(case.get(key))]
    return hidden, visible


def _section(arg: object) -> tuple[list[str], list[str]]:
    if isinstance(arg, str) and "::" in arg:
        name, text = arg.split("::", 1)
        return [name], [text]
    if isinstance(arg, Mapping):
        return list(_strings(arg.get("section"))), list(_strings(arg.get("text")))
    return [], list(_strings(arg))


def _strings(value: object) -> Iterator[str]:
    """Every text and number of a JSON value; keys, too, as schemas name fields by them."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield str(value)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield str(key)
            yield from _strings(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _strings(item)
