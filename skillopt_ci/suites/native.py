"""The project's own task format: JSON Lines, a JSON list or a YAML list."""

import posixpath
from collections.abc import Callable, Mapping
from types import MappingProxyType

from skillopt_ci import plugins
from skillopt_ci.core.agreement import label_problem
from skillopt_ci.core.digest import digest
from skillopt_ci.core.suggestion import closest, suggest
from skillopt_ci.core.task import SPLITS, Attachment, GraderSpec, Source, Split, Task, content_id
from skillopt_ci.core.tree import Tree
from skillopt_ci.errors import ConfigError, Problem
from skillopt_ci.suites.base import ReadResult, decode
from skillopt_ci.suites.fields import Fields, beside, safe_name
from skillopt_ci.suites.source import Item, kind, parse_json_list, parse_jsonl
from skillopt_ci.suites.tables import ENDINGS
from skillopt_ci.suites.yaml_items import parse_yaml_list

PROMPT, EXPECTED = ("prompt", "input", "question"), ("expected", "answers")
FIELDS = (
    *("id", *PROMPT, *EXPECTED, "context", "files", "setup", "graders", "split", "golden", "should_trigger"),
    *("tags", "metadata"),
)
_PARSERS: Mapping[str, Callable[[str, str], tuple[list[Item], list[Problem]]]] = MappingProxyType(
    {".jsonl": parse_jsonl, ".json": parse_json_list, ".yaml": parse_yaml_list, ".yml": parse_yaml_list}
)


def read(tree: Tree, path: str, data: bytes, /) -> ReadResult:
    """The tasks of one file; attachments are read from beside it, through `tree`."""
    text, wrong = decode(path, data)
    if wrong:
        return ReadResult(tasks=(), problems=tuple(wrong))
    parser = _PARSERS.get(posixpath.splitext(path)[1].lower())
    if parser is None:
        message = f"not a task file by its name; task files end in {', '.join((*_PARSERS, *ENDINGS))}"
        return ReadResult(tasks=(), problems=(Problem(path, 0, 0, message),))
    items, problems = parser(path, text)
    files = _Attachments(tree, path)
    tasks = []
    for item in items:
        task = _task(Fields(path, item, problems), files)
        if task:
            tasks.append(task)
    return ReadResult(tasks=tuple(tasks), problems=tuple(problems))


class _Attachments:
    """Files beside a task file, each read once."""

    def __init__(self, tree: Tree, path: str) -> None:
        self._tree = tree
        self._path = path
        self._read: dict[str, bytes | str] = {}

    def load(self, fields: Fields) -> tuple[Attachment, ...]:
        """The attachments of one task, by name: the order of a mapping says nothing."""
        made = []
        for name, relative in sorted(fields.mapping("files").items()):
            if not safe_name(name):
                fields.wrong(f"files: the name {name[:60]!r} is not a relative path without '..'", "files")
                continue
            place = beside(self._path, relative) if isinstance(relative, str) and relative else None
            if place is None:
                wanted = "must be a path relative to this file, inside the repository"
                fields.wrong(f"files: the path of {name!r} {wanted}", "files")
                continue
            data = self._bytes(place)
            if isinstance(data, str):
                fields.wrong(f"files: {name!r} cannot be read: {data}", "files")
            else:
                made.append(Attachment(name=name, data=data))
        return tuple(made)

    def _bytes(self, place: str) -> bytes | str:
        """A file's content, or why there is none."""
        if place not in self._read:
            try:
                self._read[place] = self._tree.read(place)
            except ConfigError as error:
                self._read[place] = str(error).replace("\n", "; ")
        return self._read[place]


def _task(fields: Fields, attachments: _Attachments) -> Task | None:
    fields.refuse_unknown(FIELDS)
    prompt_key = fields.one_of(PROMPT)
    if prompt_key is None:
        fields.wrong(f"'{PROMPT[0]}' is missing")
    prompt = fields.prompt(prompt_key) if prompt_key else ""
    expected_key = fields.one_of(EXPECTED)
    expected = fields.answers(expected_key) if expected_key else ()
    context = fields.text("context")
    files = attachments.load(fields)
    given = fields.id("id")
    metadata = fields.mapping("metadata")
    cluster = metadata.get("cluster")
    if cluster is not None and (isinstance(cluster, bool) or not isinstance(cluster, str | int)):
        fields.wrong(f"'metadata.cluster' must be a string, not {kind(cluster)}", "metadata")
    task = Task(
        # Two tasks may differ in their files alone.
        id=given or content_id(prompt, context + digest([f.identity() for f in files]) if files else context, expected),
        prompt=prompt,
        source=Source(file=fields.path, line=fields.item.line),
        expected=expected,
        context=context,
        files=files,
        setup=fields.strings("setup"),
        graders=_graders(fields),
        split=_split(fields),
        golden=fields.flag("golden") or False,
        should_trigger=fields.flag("should_trigger"),
        tags=fields.strings("tags"),
        metadata=MappingProxyType(metadata),
    )
    if (odd := label_problem(task)) is not None:
        fields.warn(odd, "metadata")
    return task if fields.ok else None


def _split(fields: Fields) -> Split | None:
    name = fields.text("split") if fields.get("split") is not None else None
    for known in SPLITS:
        if name == known:
            return known
    if name is not None and isinstance(fields.get("split"), str):
        meant = closest(name, (*SPLITS, "validation", "dev", "valid"))
        hint = f"; perhaps you meant '{meant if meant in SPLITS else 'val'}'?" if meant else ""
        fields.wrong(f"unknown split {name[:60]!r} (train, val or test){hint}", "split")
    return None


def _graders(fields: Fields) -> tuple[GraderSpec, ...] | None:
    value = fields.get("graders")
    if value is None:
        return None
    if value == [] and fields.get("should_trigger") is not None:
        return ()  # nothing is graded but whether the skill triggers
    if not isinstance(value, list) or not value:
        fields.wrong("'graders' must be a list such as [{type: exact}]; without it the skill's graders hold", "graders")
        return None
    return tuple(spec for one in value if (spec := _grader(fields, one)))


def _grader(fields: Fields, value: object) -> GraderSpec | None:
    if not isinstance(value, dict):
        fields.wrong(f"a grader must be a mapping such as {{type: exact}}, not {kind(value)}", "graders")
        return None
    options = dict(value)
    name, hidden = options.pop("type", None), options.pop("hidden", None)
    if not isinstance(name, str):
        fields.wrong("a grader has no 'type'", "graders")
        return None
    if name not in plugins.BUILTIN["graders"]:
        known = plugins.names("graders")
        if name not in known:
            fields.wrong(f"unknown grader {name[:60]!r}{suggest(name, known)}", "graders")
            return None
    if hidden is not None and not isinstance(hidden, bool):
        fields.wrong(f"grader '{name}': 'hidden' must be true or false, not {kind(hidden)}", "graders")
        return None
    return GraderSpec(type=name, options=MappingProxyType(options), hidden=hidden)
