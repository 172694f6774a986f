"""Rows of a question and its answer, as tables and data sets have them: CSV, TSV, JSON Lines and JSON lists.

The names of the fields are the usual ones; `input` with messages and `ideal` are those of OpenAI's evals (openai/evals,
docs/build-eval.md). How to score is not in the data: the skill's graders hold.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from skillopt_ci.core.task import Task
from skillopt_ci.core.tree import Tree
from skillopt_ci.suites.base import ReadResult
from skillopt_ci.suites.foreign import Node, Report, top
from skillopt_ci.suites.inspect_ai import CHAT, prompt_of
from skillopt_ci.suites.making import Checks, Draft, clean_id, make, split_named
from skillopt_ci.suites.tables import as_node, is_table, rows

PROMPTS = ("question", "prompt", "instruction", "input", "query", "user_input")
# The first one that says something. Beside a name that can only mean what is right, `answer` is what a system answered,
# as in the tables of ragas.
ANSWERS = (
    *("expected", "ideal", "expected_answer", "expected_output", "expected_response", "ground_truth", "gold_answer"),
    *("reference_answer", "ground_truth_answer", "answer", "answers", "target", "reference", "output", "completion"),
)
_CHOICES = ("options", "choices")
_LETTERS = ("A", "B", "C", "D", "E", "a", "b", "c", "d", "e")
_NOT_ASKED = "its choices are not in its prompt: write them into it, or as `input`, `target` and `choices` (inspect)"
_NO_REASONS: Mapping[str, str] = MappingProxyType({})


def read(tree: Tree, path: str, data: bytes, /) -> ReadResult:
    """The rows of one file."""
    report = Report(tree, path)
    nodes = _rows(report, data) if is_table(path) else top(report, data)
    return report.result([_task(node) for node in nodes])


def _rows(report: Report, data: bytes) -> list[Node]:
    found = [(line, {k.lower().replace(" ", "_"): v for k, v in cells.items()}) for line, cells in rows(report, data)]
    columns = dict.fromkeys(key for _, cells in found for key in cells)
    # A column that no row fills is in none of them: then it is the rows that are wrong.
    if found and not set(PROMPTS) & set(columns) and not set(ANSWERS) & set(columns):
        named = f"no column has the name of a prompt ({', '.join(PROMPTS)})"
        report.wrong(f"{named}; there are: {', '.join(columns)[:200]}", line=1)
        return []
    return [as_node(report, line, cells) for line, cells in found]


def _task(node: Node) -> Task | None:
    given = node.get("id")
    node.name = clean_id(str(given)) if isinstance(given, str | int) and not isinstance(given, bool) else ""
    there = node.item.value
    asked = next((key for key in PROMPTS if there.get(key)), PROMPTS[0])
    answered = next((key for key in ANSWERS if there.get(key) not in (None, "", [])), ANSWERS[0])
    prompt = prompt_of(node, asked)
    if prompt is None:
        node.lose_item(CHAT)
        return None
    if any(choice not in prompt for choice in _choices(there)):
        node.lose_item(_NOT_ASKED)
        return None
    # A general instruction and what it is about, as data sets for tuning have them.
    about = "input" if asked == "instruction" and "input" in there else "context"
    draft = Draft(
        id=node.name,
        prompt=prompt,
        expected=tuple(t.strip() for t in node.some_texts(answered)),
        context=node.text(about),
        split=split_named(node),
        tags=node.strings("tags") if isinstance(there.get("tags"), list) else (),
        metadata=MappingProxyType(node.mapping("metadata") if isinstance(there.get("metadata"), dict) else {}),
    )
    node.lose_rest(_NO_REASONS)
    return make(node, draft, Checks())


def _choices(row: Mapping[str, object]) -> list[str]:
    """What a row offers to choose from, in a field of its own or in a column for each letter."""
    lettered = [row[key] for key in _LETTERS if key in row]
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
