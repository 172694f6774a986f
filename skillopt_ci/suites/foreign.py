"""A file of another tool while it is read: every field that no reader looked at ends up in the loss report."""

import posixpath
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from skillopt_ci.core.digest import digest
from skillopt_ci.core.task import Task
from skillopt_ci.core.texts import folded
from skillopt_ci.core.tree import Tree
from skillopt_ci.errors import ConfigError, Problem
from skillopt_ci.suites.base import Loss, ReadResult, decode
from skillopt_ci.suites.document import Document, Path, parse_document
from skillopt_ci.suites.fields import Fields, beside
from skillopt_ci.suites.source import UNREVIEWED, Item, kind, parse_jsonl

AGENT = "needs an agent harness with a workspace"
CODE = "code is never run on import"
LIMITS = "limits of time, turns, tokens and cost belong to the harness and the budget"
MODELS = "models and how often they run come from skillopt.yml"
WEIGHTS = "weights and thresholds are not taken over: a task passes when all its checks do"
UNKNOWN = "not a field that is known here"
NOTHING_LEFT = "the task is left out: nothing that grades it could be imported"


class Report:
    """Collects what is wrong with the files of one suite, and what of them is lost."""

    def __init__(self, tree: Tree, path: str) -> None:
        self.tree = tree
        self.path = path
        self.problems: list[Problem] = []
        self.losses: list[Loss] = []

    def wrong(self, message: str, *, path: str = "", line: int = 0, column: int = 0) -> None:
        """Note an error of the file, or of another one that belongs to it."""
        self.problems.append(Problem(path or self.path, line, column, message))

    def text(self, path: str, data: bytes) -> str | None:
        """A file's text; None, with the problem noted, when it is no text or is marked as unreviewed.

        With line ends of Unix: a checkout on Windows must not give a table's cells other words, ids and splits.
        """
        text, wrong = decode(path, data)
        self.problems += wrong
        if wrong:
            return None
        if UNREVIEWED in text and not path.lower().endswith(".jsonl"):  # JSON Lines: at its line, by the parser
            line = text.count("\n", 0, text.index(UNREVIEWED)) + 1
            advice = "review its tasks, then remove the mark"
            self.wrong(f"the file is marked as not reviewed ({UNREVIEWED}); {advice}", path=path, line=line)
            return None
        return text.replace("\r\n", "\n")

    def document(self, path: str, data: bytes) -> Document | None:
        """A JSON or YAML file; None, with the problems noted, when it cannot be read."""
        text = self.text(path, data)
        if text is None:
            return None
        document, wrong = parse_document(path, text)
        self.problems += wrong
        return document

    def read(self, path: str, *, line: int = 0) -> bytes | None:
        """Another file; None, with the problem noted at a line of this one, when it cannot be read."""
        try:
            return self.tree.read(path)
        except ConfigError as error:
            words = str(error).replace("\n", "; ")
            self.wrong(f"cannot be read: {words}", line=line)
            return None

    def beside(self, relative: str, *, line: int = 0) -> tuple[str, bytes] | None:
        """A file named relative to this one, with its path; None, with the problem noted, when there is none."""
        place = beside(self.path, relative)
        if place is None:
            self.wrong(f"{relative[:200]!r} leads outside the repository", line=line)
            return None
        data = self.read(place, line=line)
        return None if data is None else (place, data)

    def result(self, tasks: Sequence[Task | None]) -> ReadResult:
        """What a reader returns."""
        kept = together([t for t in tasks if t is not None])
        return ReadResult(tasks=kept, problems=tuple(self.problems), losses=tuple(dict.fromkeys(self.losses)))


def together(tasks: Sequence[Task]) -> tuple[Task, ...]:
    """The tasks; those that ask the same and have no split of their own get one cluster, and so one split."""
    keys = [digest([folded(t.prompt), t.context, [f.identity() for f in t.files]]) for t in tasks]
    counts = Counter(keys)
    return tuple(
        replace(t, metadata=MappingProxyType({**t.metadata, "cluster": f"asks {key[:12]}"}))
        if counts[key] > 1 and t.split is None and t.cluster is None
        else t
        for t, key in zip(tasks, keys, strict=True)
    )


class Node(Fields):
    """One mapping of a foreign file. What is not read through it, or declared lost, is lost as unknown at the end."""

    def __init__(self, report: Report, document: Document, at: Path = (), *, name: str = "", base: int = 0) -> None:
        value = document.look_up(at)
        mapping: Mapping[str, object] = value if isinstance(value, dict) else {}
        line = document.place(at)[0]
        places = {key: document.places[(*at, key)] for key in mapping if (*at, key) in document.places}
        super().__init__(document.path, Item(value=mapping, line=line, places=places), report.problems)
        self.report = report
        self.name = name
        """The task's id, for the loss report."""
        self._document = document
        self._at = at
        self._base = base  # the part of `at` that leads to the item is not repeated in the names of its fields
        self._used: set[str] = set()
        self._around: Node | None = None

    def wrong(self, message: str, key: str | None = None) -> None:
        """As `Fields.wrong`; the item around it is wrong too."""
        super().wrong(message, key)
        if self._around:
            self._around.spoil()

    def spoil(self) -> None:
        """Something inside is wrong."""
        self.ok = False
        if self._around:
            self._around.spoil()

    def get(self, key: str) -> object:
        """The value as written; it counts as read."""
        self._used.add(key)
        return super().get(key)

    def line_of(self, key: str) -> int:
        """The line of a field, else that of the item."""
        return self.item.places.get(key, (self.item.line, 0))[0]

    def field_name(self, key: str = "") -> str:
        """The name of a field from the item on: `assertions[2].type`."""
        made = ""
        for part in (*self._at[self._base :], *([key] if key else [])):
            made += f"[{part}]" if isinstance(part, int) else f".{part}" if made else part
        return made

    def node(self, key: str) -> "Node | None":
        """A mapping inside this one; None when absent, an error when it is something else."""
        value = self.get(key)
        if value is None:
            return None
        if not isinstance(value, dict):
            self.wrong(f"'{key}' must be a mapping, not {kind(value)}", key)
            return None
        return self._inner((*self._at, key))

    def nodes(self, key: str) -> "list[Node]":
        """The mappings of a list inside this one; whatever else is in it is an error."""
        return [n for n in self.entries(key) if isinstance(n, Node)]

    def entries(self, key: str, also: Collection[type] = ()) -> "Iterator[Node | object]":
        """The elements of a list: mappings as nodes, and values of other types that are allowed."""
        value = self.get(key)
        if value is None:
            return
        if not isinstance(value, list):
            self.wrong(f"'{key}' must be a list, not {kind(value)}", key)
            return
        for number, one in enumerate(value):
            if isinstance(one, dict):
                yield self._inner((*self._at, key, number))
            elif type(one) in also:
                yield one
            else:
                line, column = self._document.place((*self._at, key, number))
                self.spoil()
                message = f"'{key}': an element must be a mapping, not {kind(one)}"
                self.report.wrong(message, path=self.path, line=line, column=column)

    def some_texts(self, key: str) -> tuple[str, ...]:
        """A text or a list of texts, numbers as they were written; empty ones are left out."""
        value = self.get(key)
        listed = value if isinstance(value, list) else [] if value is None else [value]
        texts = [written(one) for one in listed]
        if None in texts:
            self.wrong(f"'{key}' must be a text or a list of texts, not {kind(listed[texts.index(None)])}", key)
            return ()
        return tuple(t for t in texts if t and t.strip())

    def text_beside(self, key: str) -> str:
        """The text of the file that a field names; empty without one, and when it cannot be read, which is an error."""
        name = self.text(key)
        if not name:
            return ""
        found = self.report.beside(name.strip(), line=self.line_of(key))
        text = self.report.text(*found) if found else None
        if text is None:
            self.spoil()
        return text or ""

    def lose(self, key: str, reason: str) -> None:
        """Declare a field lost; nothing happens when it is not there or says nothing."""
        self._used.add(key)
        value = self.item.value.get(key)
        nothing = not value and (value not in (0, False) or reason != UNKNOWN)
        if not nothing:  # of a field that nobody knows, 0 and false may turn the meaning of the rest round
            self._lose(key, reason)

    def lose_part(self, key: str, reason: str, number: int | None = None) -> None:
        """Note that a part of a field's meaning is lost, or of one element of its list, though the field is used."""
        if number is None:
            self._lose(key, reason)
            return
        line = self._document.place((*self._at, key, number))[0]
        self.report.losses.append(Loss(self.path, line, self.name, f"{self.field_name(key)}[{number}]", reason))

    def lose_item(self, reason: str) -> None:
        """Declare this whole mapping lost."""
        self._used.update(self.item.value)
        self.report.losses.append(Loss(self.path, self.item.line, self.name, self.field_name(), reason))

    def unread(self) -> list[str]:
        """The fields that nobody looked at."""
        return [key for key in self.item.value if key not in self._used]

    def lose_rest(self, reasons: Mapping[str, str]) -> None:
        """Declare every field lost that was not read, for its own reason or as unknown."""
        for key in self.unread():
            self.lose(key, reasons.get(key, UNKNOWN))

    def _lose(self, key: str, reason: str) -> None:
        self.report.losses.append(Loss(self.path, self.line_of(key), self.name, self.field_name(key), reason))

    def _inner(self, at: Path) -> "Node":
        made = Node(self.report, self._document, at, name=self.name, base=self._base)
        made._around = self
        return made

    def as_item(self) -> "Node":
        """The same mapping as an item of its own: its fields are named from here on."""
        return Node(self.report, self._document, self._at, base=len(self._at))


def written(value: object) -> str | None:
    """A text, or a number with the digits of the file; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        return value
    return getattr(value, "text", None) or str(value) if isinstance(value, int | float) else None


def top(report: Report, data: bytes) -> list[Node]:
    """The mappings a file holds: one for a mapping, one per element of a list or line of JSON Lines."""
    if posixpath.splitext(report.path)[1].lower() == ".jsonl":
        text = report.text(report.path, data)
        items, wrong = parse_jsonl(report.path, text or "")
        report.problems += wrong
        return [
            Node(report, Document(path=report.path, value=i.value, places={}, first=i.line)).as_item() for i in items
        ]
    document = report.document(report.path, data)
    if document is None:
        return []
    if isinstance(document.value, dict):
        return [Node(report, document)]
    if not isinstance(document.value, list):
        report.wrong(f"must be a mapping or a list, not {kind(document.value)}", line=1)
        return []
    wrapped = Document(
        path=report.path,
        value={"": document.value},
        places={("", *at): place for at, place in document.places.items()},
    )
    return [n.as_item() for n in Node(report, wrapped).nodes("")]


def items(report: Report, data: bytes, key: str, *, known: Sequence[str], reasons: Mapping[str, str]) -> Iterator[Node]:
    """Every item of the list `key` of a file. Fields of the file that are not `known` are lost, for their reasons."""
    for node in top(report, data):
        yield from (one.as_item() for one in node.nodes(key))
        for field in known:
            node.get(field)
        node.lose_rest(reasons)
