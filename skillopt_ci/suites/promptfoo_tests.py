"""Files that a promptfoo configuration names: tables of tests, lists of tests, texts."""

import csv
import json
import posixpath
import re
from io import StringIO

from skillopt_ci.errors import ConfigError
from skillopt_ci.suites.document import Document, parse_document
from skillopt_ci.suites.fields import beside
from skillopt_ci.suites.foreign import CODE, Node, Report, top
from skillopt_ci.suites.promptfoo_asserts import from_text

REMOTE = "tests from a web address"
BINARY = "a file that is no text"
_SCRIPT = re.compile(r"\.(?:[cm]?[jt]s|py)(?::[\w.]+)?$", re.IGNORECASE)
_COLUMNS = {"__description": "description", "__metric": "metric"}
_THRESHOLD = "__threshold"
_OPTIONS = {"__prefix": "prefix", "__suffix": "suffix"}


def load_tests(node: Node, key: str, name: str) -> list[Node]:
    """The tests of the files that `name` stands for; code and web addresses are lost."""
    if name.startswith(("http://", "https://", "huggingface://", "sharepoint://", "az://", "s3://")):
        node.lose(key, REMOTE)
        return []
    if is_script(name):  # no path, and whether it is there does not matter
        node.lose_part(key, CODE)
        return []
    made: list[Node] = []
    for path in paths(node, key, name.removeprefix("file://")):
        ending = posixpath.splitext(path)[1].lower()
        if ending not in (".csv", ".json", ".jsonl", ".yaml", ".yml"):
            node.lose_part(key, CODE if is_script(path) else BINARY)
            continue
        data = node.report.read(path, line=node.line_of(key))
        if data is None:
            continue
        inner = Report(node.report.tree, path)
        inner.problems, inner.losses = node.report.problems, node.report.losses
        made += rows(inner, data) if ending == ".csv" else top(inner, data)
    return made


def load_prompts(node: Node, key: str, name: str) -> list[str]:
    """The prompts in the files that `name` stands for, chats as JSON; code is lost."""
    made: list[str] = []
    for path in paths(node, key, name):
        data = None if is_program(path) else node.report.read(path, line=node.line_of(key))
        text = None if data is None or b"\x00" in data[:4096] else node.report.text(path, data)
        if text is None:
            node.lose_part(key, CODE if is_program(path) else BINARY)
        else:
            made += [one.strip() for one in _prompts_of(node, path, text) if one.strip()]
    return made


def _prompts_of(node: Node, path: str, text: str) -> list[str]:
    """The prompts of one file: between lines of dashes, by line, by row, or the whole."""
    ending = posixpath.splitext(path)[1].lower()
    if ending == ".txt":
        return re.split(r"^[ \t]*---[ \t]*\r?$", text, flags=re.MULTILINE)
    if ending == ".jsonl":
        return text.split("\n")
    if ending in (".yaml", ".yml"):
        document, wrong = parse_document(path, text)
        node.report.problems += wrong
        return [json.dumps(document.value, ensure_ascii=False)] if document else []
    if ending == ".csv":
        return _column(node, path, text)
    return [text]


def _column(node: Node, path: str, text: str) -> list[str]:
    """The prompts of a table: its column `prompt`, or every line where it has one column alone."""
    if "," not in text:
        lines = [line for line in text.split("\n") if line.strip()]
        return lines[1:] if lines and lines[0].strip().lower() == "prompt" else lines
    reader = csv.reader(StringIO(text, newline=""), strict=True)
    found: list[list[str]] = []
    line = 1
    try:
        for row in reader:
            found.append([cell.strip() for cell in row])
            line = reader.line_num + 1
    except csv.Error as error:
        node.report.wrong(f"not a valid table: {error}", path=path, line=line)
        return []
    header, *rows = found
    if "prompt" not in header:
        node.report.wrong("the table has no column 'prompt'", path=path, line=1)
    return [dict(zip(header, row, strict=False)).get("prompt", "") for row in rows]


def is_program(name: str) -> bool:
    """Whether a name is that of a file that makes prompts by running."""
    return is_script(name) or name.lower().endswith((".rb", ".sh"))


def is_script(name: str) -> bool:
    """Whether a name is that of a program, perhaps with one of its functions."""
    return bool(_SCRIPT.search(name))


def paths(node: Node, key: str, name: str, *, root: str = "") -> list[str]:
    """Paths for a name or pattern relative to the file `root`, else to the node's; an error when there are none."""
    for origin in dict.fromkeys((root or node.path, node.path)):
        place = beside(origin, name)
        try:
            found = list(node.report.tree.glob(place)) if place else []
        except ConfigError:
            found = []
        if found:
            return found
    node.wrong(f"'{key}': there is no file {name[:200]!r}", key)
    return []


def rows(report: Report, data: bytes) -> list[Node]:
    """The rows of a table as tests: `__expected` columns are assertions, the other columns variables."""
    text = report.text(report.path, data)
    if text is None:
        return []
    reader = csv.reader(StringIO(text, newline=""), strict=True)
    made: list[Node] = []
    line = 1
    try:
        header = [h.strip() for h in next(reader, [])]
        line = reader.line_num + 1
        for row in reader:
            if any(cell.strip() for cell in row[len(header) :]):
                words = f"{len(row)} cells for {len(header)} columns; put texts with ',' in quotes"
                report.wrong(words, path=report.path, line=line)
            elif any(cell.strip() for cell in row):
                made.append(_row(report, dict(zip(header, row, strict=False)), line))
            line = reader.line_num + 1
    except csv.Error as error:
        report.wrong(f"not a valid table: {error}", path=report.path, line=line)
    return made


def _row(report: Report, cells: dict[str, str], line: int) -> Node:
    value: dict[str, object] = {"vars": {k: v for k, v in cells.items() if not k.startswith("__")}}
    value["assert"] = [from_text(v) for k, v in cells.items() if k.startswith("__expected") and v.strip()]
    value.update({_COLUMNS[k]: v for k, v in cells.items() if k in _COLUMNS and v.strip()})
    if cells.get(_THRESHOLD, "").strip():
        value["threshold"] = _number(cells[_THRESHOLD].strip())
    options = {_OPTIONS[k]: v for k, v in cells.items() if k in _OPTIONS and v}
    value.update({"options": options} if options else {})
    value["metadata"] = {k.partition(":")[2]: v for k, v in cells.items() if k.startswith("__metadata:") and v.strip()}
    known = ("__expected", "__metadata:", _THRESHOLD, *_COLUMNS, *_OPTIONS)
    value.update({k: v for k, v in cells.items() if k.startswith("__") and not k.startswith(known)})
    return Node(report, Document(path=report.path, value=value, places={}, first=line)).as_item()


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text
