"""Which format a task file has, by its name and by the fields it begins with; nothing but shapes is looked at."""

import json
import posixpath
import re
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any

from skillopt_ci.suites.base import decode
from skillopt_ci.suites.document import parse_document
from skillopt_ci.suites.evals_json import WORDED, is_texts
from skillopt_ci.suites.question_answer import LISTS
from skillopt_ci.suites.skillopt_splits import split_of
from skillopt_ci.suites.source import JsonError, decode_at, skip_space
from skillopt_ci.suites.tables import is_table
from skillopt_ci.suites.wrapped import ANSWERS, PROMPTS, unwrapped

_ANSWER_COLUMNS = {name.lower().encode() for name in ANSWERS}
PART = "part"
"""Not a suite: a file that belongs to another one, such as a grader beside a prompt."""
NATIVE = "native"
_FIRST_BYTES = 256 * 1024
_NAMES: Mapping[str, str] = {
    "prompt.md": "plugin-eval",
    "case.yaml": "plugin-eval",
    "task.md": "tessl",
    "criteria.json": PART,
    "split_manifest.json": PART,
}
# What only a native task has: of its own fields none is dropped because another one has an unknown name.
_NATIVE_GRADED = ("expected", "answers", "graders", "golden", "setup")
_NATIVE_ALONE = (*_NATIVE_GRADED, "should_trigger")


def detect(path: str, data: bytes) -> str:
    """The format of a task file; `native` when nothing speaks for another one."""
    name = posixpath.basename(path).lower()
    if split_of(path):
        return "skillopt-splits"
    if name in _NAMES:
        return _NAMES[name]
    if name.endswith(".md"):
        return PART
    if name.endswith((".prompt.yml", ".prompt.yaml")):
        return "prompt-yml"
    if name.startswith("promptfooconfig."):
        return "promptfoo"
    if is_table(name):
        return _table(data.split(b"\n", 1)[0])
    if name.endswith(".txt") and b"|||" in data.split(b"\n", 1)[0]:
        return "searchqa"
    shape = _jsonl(data) if name.endswith(".jsonl") else _document(path, data)
    if isinstance(shape, dict):
        return _mapping(shape)
    if isinstance(shape, list) and shape and isinstance(shape[0], dict):
        found = _element(shape[0], lines=name.endswith(".jsonl"))
        by_name = found == NATIVE or (found == "qa" and _is_described(shape[0]))
        return "evals-json" if by_name and name.startswith("evals.") else found
    return NATIVE


def _table(header: bytes) -> str:
    """The format of a table, by its first line."""
    if all(column in header for column in (b"uid", b"question", b"source_files")):
        return "officeqa"
    if b"__expected" in header:  # promptfoo's tables of tests have no prompts of their own
        return PART
    columns = {cell.strip(b' "\r\xef\xbb\xbf').lower() for cell in re.split(rb"[,;\t]", header)}
    if b"should_trigger" in columns and not columns & _ANSWER_COLUMNS:
        return "triggers"
    return "inspect" if b"input" in columns and columns & {b"target", b"choices"} else "qa"


def _jsonl(data: bytes) -> object:
    """The first object of JSON Lines, as a list of one; its keys alone when the line is broken."""
    lines = (line.strip() for line in BytesIO(data.removeprefix(b"\xef\xbb\xbf")))
    first = next((line for line in lines if line and not line.startswith(b"#")), b"")
    try:
        return [json.loads(first)]
    except (ValueError, RecursionError):
        return [{"task_id": "", "judge": {}}] if b'"task_id"' in first and b'"judge"' in first else None


def _document(path: str, data: bytes) -> object:
    """The value of a JSON or YAML file; of a list, its first element alone: native suites may be long."""
    text, wrong = decode(path, data)
    if wrong:
        return None
    if path.lower().endswith(".json") and text.lstrip()[:1] == "[":
        try:
            return [decode_at(text, skip_space(text, text.index("[") + 1))[0]]
        except JsonError:
            return None
    if text.startswith("- ") or "\n- " in text[:_FIRST_BYTES]:
        listed = _first_element(path, text)
        if listed is not None:
            return listed
    document, _ = parse_document(path, text)
    return document.value if document else None


def _first_element(path: str, text: str) -> object:
    """The first element of a YAML list that starts at the margin; None when the file is no such list."""
    kept: list[str] = []
    for line in text.split("\n"):
        if line.startswith("- ") or line == "-":
            if any(one.startswith("-") for one in kept):
                break
        elif line[:1] not in ("", " ", "#", "\t", "\r") and not line.startswith("---"):
            return None
        kept.append(line)
    document, _ = parse_document(path, "\n".join(kept))
    return document.value if document and isinstance(document.value, list) else None


def _has(value: Any, *keys: str) -> bool:
    return isinstance(value, dict) and all(key in value for key in keys)


def _any(value: Any, *keys: str) -> bool:
    return isinstance(value, dict) and any(key in value for key in keys)


def _first(value: Mapping[str, Any], key: str) -> Any:
    """The first element of a list, an empty mapping otherwise."""
    listed = value.get(key)
    return listed[0] if isinstance(listed, list) and listed else {}


def _is_described(value: dict[str, Any]) -> bool:
    """Whether it may be an item of evals.json: a prompt and criteria, or a description of a good answer."""
    return _any(value, *_ASKED) and (_any(value, *_CRITERIA, "expected_output", "ground_truth") or _is_worded(value))


def _is_worded(value: dict[str, Any]) -> bool:
    """Whether it has criteria in words, under a name that other things have, too, and nothing of a native task."""
    return any(is_texts(value.get(key)) for key in ("expect", "expected_behaviors", *WORDED)) and not _any(
        value, *_NATIVE_GRADED
    )


def _is_promptfoo(value: dict[str, Any]) -> bool:
    """Whether prompts and tests are as promptfoo has them; other tools have lists of these names, too."""
    if "providers" in value or "prompts" in value:
        return "providers" in value or not _any(_first(value, "prompts"), *PROMPTS)
    test = _first(value, "tests")
    return "tests" in value and (not test or not isinstance(test, dict) or _any(test, *_OF_A_TEST))


def _is_evaluation(case: Any, *asked: str) -> bool:
    """Whether an element of a list may be an item of evals.json, and is neither another tool's nor just an answer."""
    if _is_decimal_labs(case):
        return False
    return _is_described(case) if _is_row({"row": case}) else _any(case, *asked) or _is_described(case)


def _is_decimal_labs(case: Any) -> bool:
    """Whether a case has nothing but what decimal-labs' cases have, or what only they have."""
    return _has(case, "prompt") and ("validators" in case or case.keys() <= _DECIMAL_LABS)


def _is_row(value: dict[str, Any]) -> bool:
    """Whether it is a question and its answer, in whatever wrapping."""
    row = unwrapped(value)
    if not (_any(row, *PROMPTS) and _any(row, *ANSWERS)):
        return row is not value and "turns" in row
    spans = [one for one in (value.get("answers"), _first(value, "answers")) if isinstance(one, dict) and one]
    return (
        row is not value
        or bool(spans)
        or not (_any(value, *_NATIVE_ALONE, "choices") or _has(value, "target", "input"))
    )


def _element(first: dict[str, Any], *, lines: bool) -> str:
    """The format of a list, by its first element."""
    if lines and _has(first, "task_id", "judge"):
        return "gbrain"
    for name, fits in _LISTS.items():
        if fits(first):
            return name
    return NATIVE


def _mapping(value: dict[str, Any]) -> str:
    """The format of a file that is one mapping."""
    for name, fits in _MAPPINGS.items():
        if fits(value):
            return name
    return NATIVE


_ASKED = ("prompt", "input", "question", "query")
_CRITERIA = ("assertions", "expectations", "expected_behavior")
_OF_EVALS = ("files", "eval_name", "should_trigger", "expected_skill", "expect", "expected_behaviors", *WORDED)
_OF_A_TEST = ("vars", "assert", "path", "options", "threshold", "provider", "providerOutput", "metadata")
_DECIMAL_LABS = {
    *("name", "description", "prompt", "expectations", "setup", "should_trigger", "tags", "max_turns", "timeout"),
}
_LISTS: Mapping[str, Callable[[dict[str, Any]], bool]] = {
    "triggers": lambda v: _has(v, "query", "should_trigger"),
    "skillopt-sleep": lambda v: _has(v, "id", "intent"),
    "upskill": lambda v: _has(v, "input") and _has(v.get("expected"), "contains"),
    "docvqa": lambda v: _has(v, "questionId", "question"),
    "searchqa": lambda v: _has(v, "key", "question", "answers") or _has(v, "context", "qas") or _has(v, "header"),
    "spreadsheetbench": lambda v: _has(v, "instruction", "answer_position"),
    "livemath": lambda v: _has(v, "mcq") or _has(v, "question", "choices", "correct_choice"),
    # An expected output alone is a row of a data set, as it is in a table.
    "evals-json": lambda v: _is_described(v) and _any(v, *_CRITERIA, *_OF_EVALS),
    "promptfoo": lambda v: _has(v, "vars") and _any(v, "assert", "description"),
    "qa": _is_row,
    "inspect": lambda v: _has(v, "input") and (_any(v, "target", "choices") or isinstance(v["input"], list)),
}
_MAPPINGS: Mapping[str, Callable[[dict[str, Any]], bool]] = {
    "docvqa": lambda v: _has(_first(v, "data"), "questionId", "question"),
    "searchqa": lambda v: _has(_first(v, "data"), "paragraphs"),
    "skillopt-sleep": lambda v: (
        str(v.get("format", "")).startswith("skillopt_sleep") or _has(_first(v, "tasks"), "intent")
    ),
    "triggers": lambda v: (
        _any(v, "should_trigger_prompts", "should_not_trigger_prompts")
        or any(_has(_first(v, k), "query", "should_trigger") for k in ("queries", "evals", "tests", "cases"))
    ),
    "adewale": lambda v: "cases" in v and _any(v, "variants", "skill_paths", "ablations", "split_policy"),
    "evals-json": lambda v: (
        "evals" in v
        or _is_evaluation(_first(v, "test_cases"), *_ASKED)
        or _is_evaluation(_first(v, "cases"), "prompt")
        or (_is_described(v) and any(isinstance(v.get(key), str) for key in ("prompt", "question", "query")))
    ),
    "vally": lambda v: _any(v, "stimuli", "scenarios") and "prompts" not in v,
    "prompt-yml": lambda v: "messages" in v and _any(v, "testData", "evaluators", "model"),
    "databricks": lambda v: _any(_first(v, "test_cases"), "inputs", "expectations"),
    "coder-eval": lambda v: _has(v, "initial_prompt") or _has(v, "task_id", "success_criteria"),
    "upskill": lambda v: any(
        _has(one, "input", "expected")
        and not isinstance(one["input"], dict)
        and isinstance(one["expected"], dict | None)
        for one in (_first(v, "tests"), _first(v, "cases"))
    ),
    "fastxyz": lambda v: _has(_first(v, "cases"), "task") and _has(_first(_first(v, "cases"), "graders"), "command"),
    "skill-up": lambda v: (
        _has(v.get("cases"), "files")
        or (_any(v.get("input"), "prompt", "turns") and _any(v, "judge", "judges", "expect"))
    ),
    "skill-lens": lambda v: _has(_first(v, "cases"), "task"),
    "decimal-labs": lambda v: _is_decimal_labs(_first(v, "cases")),
    "skillgrade": lambda v: _has(_first(v, "tasks"), "instruction"),
    "promptfoo": _is_promptfoo,
    "waza": lambda v: _any(v, "tasks", "tasks_from") or (_has(v, "inputs") and "judges" not in v),
    "qa": lambda v: any(_has(first, "row") or _is_row({"row": first}) for first in (_first(v, k) for k in LISTS)),
}
