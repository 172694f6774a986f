"""Rows as other tools wrap them, laid open: what is asked and what is right stand under names that `qa` knows.

Sources: HuggingFace's datasets-server (`rows: [{row_idx, row, truncated_cells}]`); OpenAI's evals API (`{"item": {}}`);
LangSmith (`inputs`, `outputs`; in tables `input_x`, `output_y`) and MLflow (`inputs`, `expectations`); Langfuse,
Braintrust and Phoenix (`input` with `expectedOutput`, `expected` or `output`, each a mapping or a text); MT-bench of
lm-sys/FastChat, `llm_judge/data/mt_bench` (`turns`, `reference`). Answers with their places are SQuAD's.
"""

import re
from collections.abc import Mapping, Sequence

from skillopt_ci.suites.foreign import Node, written

PROMPTS = ("question", "prompt", "instruction", "input", "query", "user_input")
# The first one that says something. Beside a name that can only mean what is right, `answer` is what a system answered,
# as in the tables of ragas.
ANSWERS = (
    *("expected", "ideal", "expected_answer", "expectedAnswer", "expected_output", "expectedOutput"),
    *("expected_response", "expectedResponse", "ground_truth", "groundTruth", "groundtruth", "gold_answer"),
    *("reference_answer", "referenceAnswer", "ground_truth_answer", "truth", "correct_answer", "correctAnswer"),
    *("ideal_answer", "ideal_response", "ideal_output", "answer", "answers", "target"),
    *("reference", "output", "completion"),
)
_RIGHT = (
    *("outputs", "expectations", "reference_outputs", "expected", "expected_output", "expectedOutput", "output"),
    "target",
)
Row = Mapping[str, object]
_SAID = ("text", "value", "aliases", "content")  # of an answer that is a mapping: SQuAD's, TriviaQA's, a message's
_COLUMN = re.compile(r"(input|output)s?[_.](?!(?:tokens?|cost|length|format|type|id)$)(.+)")


def unwrapped(row: Row) -> Row:
    """The row laid open, the very same where nothing is wrapped. Fields that nobody knows tell their place."""
    if any(key in row and not isinstance(row[key], dict) for key in PROMPTS):
        return row
    for key in ("row", "item"):
        if inner := _mapping(row, key):
            return {**{k: v for k, v in row.items() if k not in (key, "row_idx")}, **unwrapped(inner)}
    for side in ("inputs", "input"):
        if asked := {side: said} if isinstance(said := row.get(side), str) else _mapping(row, side):
            right = next((key for key in _RIGHT if _mapping(row, key)), "outputs")
            rest = {key: value for key, value in row.items() if key not in (side, right)}
            return {
                **rest,
                **_named(asked, side, PROMPTS, "prompt"),
                **_named(_mapping(row, right), right, ANSWERS, "ideal"),
            }
    if isinstance(turns := row.get("turns"), list) and turns:
        rest = {key: value for key, value in row.items() if key not in ("turns", "reference")}
        return {**rest, "prompt": _first(turns), "ideal": _first(row.get("reference")), "turns": turns[1:]}
    columns = {key: found for key in row if (found := _COLUMN.fullmatch(key))}
    if "input" not in {found[1] for found in columns.values()}:
        return row
    sides: dict[str, dict[str, object]] = {"input": {}, "output": {}}
    for key, found in columns.items():
        sides[found[1]][found[2]] = row[key]
    rest = {key: value for key, value in row.items() if key not in columns}
    return unwrapped({**rest, "inputs": sides["input"], "outputs": sides["output"]})


def answers_of(node: Node, key: str) -> tuple[str, ...]:
    """Accepted answers: texts, or mappings with the text among other things; none where a mapping holds no text."""
    value = node.item.value.get(key)
    listed = value if isinstance(value, list) else [value]
    if not any(isinstance(one, dict) for one in listed):
        return node.some_texts(key)
    node.get(key)
    texts: list[object] = []
    for one in listed:
        if isinstance(one, dict) and not set(_SAID) & one.keys():
            node.wrong(f"'{key}' must be a text or a list of texts", key)
        for said in map(one.get, _SAID) if isinstance(one, dict) else [one]:
            texts += said if isinstance(said, list) else [said]
    found = (written(text) for text in texts)
    return tuple(dict.fromkeys(text for text in found if text and text.strip()))


def _mapping(row: Row, key: str) -> Row:
    value = row.get(key)
    return value if isinstance(value, dict) else {}


def _named(given: Row, side: str, usual: Sequence[str], name: str) -> Row:
    """The fields of a side: the one that counts, by its usual name or as it stands alone, gets its name here."""
    saying = [key for key, value in given.items() if value not in (None, "", [], {})]
    alone = saying[0] if len(saying) == 1 else None
    one = next((key for key in usual if key in saying), alone)
    return {name if k == one else k if k == "context" else f"{side}.{k}": value for k, value in given.items()}


def _first(listed: object) -> object:
    first = listed[0] if isinstance(listed, list) and listed else None
    return first.get("content") if isinstance(first, dict) else first
