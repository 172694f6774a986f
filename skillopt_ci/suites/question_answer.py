"""Rows of a question and its answer, as tables and data sets have them: CSV, TSV, JSON Lines and JSON lists.

The names of the fields are the usual ones; `input` with messages and `ideal` are those of OpenAI's evals (openai/evals,
docs/build-eval.md). How to score is not in the data: the skill's graders hold.
"""

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from skillopt_ci.core.task import Task
from skillopt_ci.core.tree import Tree
from skillopt_ci.suites.base import ReadResult
from skillopt_ci.suites.document import Document
from skillopt_ci.suites.foreign import AGENT, Node, Report, top
from skillopt_ci.suites.inspect_ai import CHAT, prompt_of
from skillopt_ci.suites.making import Checks, Draft, clean_id, make, split_named
from skillopt_ci.suites.tables import as_node, is_table, rows
from skillopt_ci.suites.wrapped import ANSWERS, PROMPTS, answers_of, unwrapped

LISTS = (
    *("rows", "examples", "cases", "test_cases", "testCases", "tests", "questions", "items", "samples", "data"),
    "prompts",
)
_CHOICES = ("options", "choices")
_LETTERS = ("A", "B", "C", "D", "E", "a", "b", "c", "d", "e")
_LETTERED = re.compile(r"(?:option|choice|incorrect_answer|wrong_answer|distractor)_?[a-e1-9]", re.IGNORECASE)
_NOT_ASKED = "its choices are not in its prompt: write them into it, or as `input`, `target` and `choices` (inspect)"
_NO_PROMPT = "several inputs of which none has the name of a prompt: write the prompt out in a field `prompt`"
_NO_ANSWER = "a question without an answer cannot be graded"
_CUT = "the server cut off some of its cells: take the data set's own file"
_DESCRIBED = ("expected_output", "expectedOutput", "ground_truth")
_FINAL = re.compile(r"\A.*\n#### ?([-+$]?[0-9][0-9.,]*%?)\Z", re.DOTALL)  # of openai/grade-school-math
_WAY = "the way to an answer: what stands behind '####' is the answer"
_TURNS = "a later turn of a conversation: only its first one is asked"
_OF_A_TURN = "expected_tool_use"  # a test file of google/adk-python is one conversation, a row for every turn
_LONGEST = 15  # words of an answer that may be compared; what is longer under such a name is often a description
_LONG = (
    f"an answer of over {_LONGEST} words is compared as it is; for a description choose `judge`, or format evals-json"
)
_REASONS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("actual_output", "actualOutput", "response"), "what a system answered"),
        **dict.fromkeys(("retrieval_context", "retrievalContext", "retrieved_contexts"), "what a system looked up"),
        **dict.fromkeys(("tools_called", "expected_tools", "toolsCalled", "expectedTools"), AGENT),
        _OF_A_TURN: AGENT,
        "turns": "later turns of a conversation: only its first one is asked",
    }
)
_ABOUT_ROWS = ("features", "num_rows_per_page", "partial", "name", "description", "version", "$schema")


def read(tree: Tree, path: str, data: bytes, /) -> ReadResult:
    """The rows of one file."""
    report = Report(tree, path)
    nodes = _rows(report, data) if is_table(path) else [_open(node) for node in _listed(report, data)]
    if any(_OF_A_TURN in node.item.value for node in nodes):
        for later in nodes[1:]:
            later.lose_item(_TURNS)
        nodes = nodes[:1]
    return report.result([_task(node) for node in nodes])


def _rows(report: Report, data: bytes) -> list[Node]:
    found = [(line, unwrapped({_name(k): v for k, v in cells.items()})) for line, cells in rows(report, data)]
    columns = dict.fromkeys(key for _, cells in found for key in cells)
    # A column that no row fills is in none of them: then it is the rows that are wrong.
    if found and not set(PROMPTS) & set(columns) and not set(ANSWERS) & set(columns):
        named = f"no column has the name of a prompt ({', '.join(PROMPTS)})"
        report.wrong(f"{named}; there are: {', '.join(columns)[:200]}", line=1)
        return []
    return [as_node(report, line, dict(cells)) for line, cells in found]


def _name(column: str) -> str:
    """`Expected Output` and `expectedOutput` are `expected_output`."""
    return re.sub("(?<=[a-z])(?=[A-Z])", "_", column).lower().replace(" ", "_")


def _listed(report: Report, data: bytes) -> Iterator[Node]:
    """The rows of a JSON file: its elements, or those of a list inside it, with what is said about them."""
    for node in top(report, data):
        lists = [(key, found) for key in LISTS if isinstance(found := node.item.value.get(key), list)]
        key = next((key for key, found in lists if isinstance(next(iter(found), {}), dict)), None)
        if key is None:
            yield node
            continue
        found = node.nodes(key)
        yield from (one.as_item() for one in found)
        about = node.item.value.get("meta")  # of Langfuse's pages
        pages = ("meta", about.get("totalItems")) if isinstance(about, dict) else ("", None)
        for name, total in (("num_rows_total", node.get("num_rows_total")), pages):
            if isinstance(total, int) and total > len(found):
                node.lose_part(name, f"of {total} rows the file holds {len(found)}")
        for known in _ABOUT_ROWS:
            node.get(known)
        node.lose_rest(_REASONS)


def _open(node: Node) -> Node:
    row = unwrapped(node.item.value)
    if row is node.item.value:
        return node
    return Node(node.report, Document(path=node.path, value=row, places={}, first=node.item.line)).as_item()


def _task(node: Node) -> Task | None:
    given = next((one for one in map(node.get, ("id", "question_id")) if one is not None), None)
    node.name = clean_id(str(given)) if isinstance(given, str | int) and not isinstance(given, bool) else ""
    there = node.item.value
    asked = next((key for key in PROMPTS if there.get(key)), PROMPTS[0])
    answered = next((key for key in ANSWERS if there.get(key) not in (None, "", [])), ANSWERS[0])
    prompt = prompt_of(node, asked)
    expected = tuple(_final(node, answered, t.strip()) for t in answers_of(node, answered))
    if lacks := _lacking(there, prompt, expected):
        node.lose_item(lacks)
        return None
    if answered in _DESCRIBED and any(len(text.split()) > _LONGEST for text in expected):
        node.warn(_LONG, answered)
    # A general instruction and what it is about, as data sets for tuning have them.
    about = "input" if asked == "instruction" and "input" in there else "context"
    draft = Draft(
        id=node.name,
        prompt=prompt or "",
        expected=expected,
        context="\n\n".join(node.some_texts(about)),
        split=split_named(node),
        tags=node.strings("tags") if isinstance(there.get("tags"), list) else (),
        metadata=MappingProxyType(node.mapping("metadata") if isinstance(there.get("metadata"), dict) else {}),
    )
    node.lose_rest(_REASONS)
    return make(node, draft, Checks())


def _final(node: Node, key: str, text: str) -> str:
    """An answer without the way that leads to it."""
    found = _FINAL.match(text)
    if found:
        node.lose_part(key, _WAY)
    return found[1] if found else text


def _lacking(row: Mapping[str, object], prompt: str | None, expected: tuple[str, ...]) -> str | None:
    """Why a row is no task; None when all is well."""
    if prompt is None:
        return CHAT
    if row.get("truncated_cells"):
        return _CUT
    if any(choice not in prompt for choice in _choices(row)):
        return _NOT_ASKED
    if not prompt and any(key.startswith(("inputs.", "input.")) for key in row):
        return _NO_PROMPT
    return _NO_ANSWER if not expected and any(isinstance(row.get(key), dict) for key in ANSWERS) else None


def _choices(row: Mapping[str, object]) -> list[str]:
    """What a row offers to choose from, in a field of its own or in a column for each letter."""
    lettered = [row[key] for key in row if key in _LETTERS or _LETTERED.fullmatch(key)]
    listed: list[object] = lettered if len(lettered) > 1 else []
    for given in map(row.get, _CHOICES):
        if isinstance(given, list | dict):
            listed = list(_texts(given))
    return [text for one in listed if (text := "" if one is None else str(one).strip())]


def _texts(given: object) -> Iterator[object]:
    """Choices in a list or a mapping, in some data sets each with its label, or all labels beside all texts."""
    if isinstance(given, dict):
        yield from _texts(given["text"] if "text" in given else list(given.values()))
    elif isinstance(given, list):
        for one in given:
            yield from _texts(one)
    else:
        yield given
