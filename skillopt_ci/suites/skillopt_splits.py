"""Data of the method's reference implementation: `<name>/{train,val,test}/items.json`, a JSON list each.

Source: microsoft/SkillOpt, `data/*_split`, `docs/guide/new-benchmark.md`. Items always have `id`; the names of the
other fields depend on the benchmark, so the usual ones are tried in order and the rest goes to `metadata`.
"""

import posixpath
from types import MappingProxyType

from skillopt_ci.core.task import SPLITS, Source, Split, Task
from skillopt_ci.core.tree import Tree
from skillopt_ci.errors import Problem
from skillopt_ci.suites.base import ReadResult, decode
from skillopt_ci.suites.fields import Fields, as_answers
from skillopt_ci.suites.source import parse_json_list

FILE = "items.json"
PROMPT = ("question", "prompt", "input", "task")
ANSWERS = ("answers", "answer", "ground_truth", "expected")
CONTEXT = ("context", "reference_text")


def split_of(path: str) -> Split | None:
    """The split a path stands for; None when it is not `{train,val,test}/items.json`."""
    folder, name = posixpath.split(path)
    last = posixpath.basename(folder)
    return next((s for s in SPLITS if s == last and name == FILE), None)


def read(_tree: Tree, path: str, data: bytes, /) -> ReadResult:
    """The tasks of one split, named by its folder."""
    split = split_of(path)
    if split is None:
        message = f"the split is told by the folder: train/{FILE}, val/{FILE} or test/{FILE}"
        return ReadResult(tasks=(), problems=(Problem(path, 0, 0, message),))
    text, wrong = decode(path, data)
    if wrong:
        return ReadResult(tasks=(), problems=tuple(wrong))
    items, problems = parse_json_list(path, text)
    if items and not any(key in item.value for item in items for key in PROMPT):
        advice = "put the publisher's questions into them (their loaders do that), or name files that hold the tasks"
        message = f"{len(items)} items name their tasks by id and do not hold them; {advice}"
        return ReadResult(tasks=(), problems=(*problems, Problem(path, items[0].line, 0, message)))
    tasks = []
    told: set[str] = set()
    for item in items:
        task = _task(Fields(path, item, problems), split, told)
        if task:
            tasks.append(task)
    return ReadResult(tasks=tuple(tasks), problems=tuple(problems))


def _task(fields: Fields, split: Split, told: set[str]) -> Task | None:
    if fields.get("id") is None:
        fields.wrong("'id' is missing")
    prompt, context, answers = (next(iter(fields.present(keys)), None) for keys in (PROMPT, CONTEXT, ANSWERS))
    if prompt is None:
        fields.wrong(f"has none of the fields {', '.join(PROMPT)}")
    expected = as_answers(fields.get(answers)) if answers else ()
    if answers and expected is None:
        if answers not in told:
            told.add(answers)
            fields.warn(f"'{answers}' is neither a string nor a list of strings; it is kept in the metadata")
        answers = None
    used = {"id", prompt, context, answers}
    task = Task(
        id=fields.id("id") or "",
        prompt=fields.prompt(prompt) if prompt else "",
        source=Source(file=fields.path, line=fields.item.line),
        expected=expected or (),
        context=fields.text(context) if context else "",
        split=split,
        metadata=MappingProxyType({k: v for k, v in fields.item.value.items() if k not in used}),
    )
    return task if fields.ok else None
