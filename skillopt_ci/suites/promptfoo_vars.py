"""promptfoo's variables: values, lists that make a matrix, and files whose content stands for their name.

Source: promptfoo/promptfoo, `src/evaluatorHelpers.ts` (`renderPrompt`), `src/evaluator.ts` (`generateVarCombinations`).
"""

import json
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass

from skillopt_ci.suites.document import parse_document
from skillopt_ci.suites.foreign import CODE, Node
from skillopt_ci.suites.promptfoo_tests import BINARY, is_script, paths
from skillopt_ci.suites.templates import as_javascript, render_all, uses

_FILE = "file://"


@dataclass(frozen=True, slots=True, kw_only=True)
class Variables:
    """The variables of a test, and why some have no value that a prompt could show."""

    values: Mapping[str, object]
    missing: Mapping[str, str]

    def matrix(self) -> dict[str, list[object]]:
        """The lists of which every element makes a test: those that begin with a text."""
        lists = {key: value for key, value in self.values.items() if isinstance(value, list)}
        return {key: value for key, value in lists.items() if value and isinstance(value[0], str)}

    def lacking(self, template: str, missing: Mapping[str, str]) -> str | None:
        """Why a prompt cannot be made: it shows a variable that has no value, itself or in another variable."""
        shown = [str(value) for key, value in self.values.items() if uses(template, key)]
        reasons = {**missing, **self.missing}
        return next((reasons[key] for key in reasons for text in (template, *shown) if uses(text, key)), None)


def variables(test: Node, default: Node | None, config: Node) -> Variables:
    """The variables of a test over those of `defaultTest`; paths start at the configuration, else at their own file."""
    named: dict[str, tuple[Node, object]] = {}
    for node in (default, test):
        if node is None:
            continue
        if isinstance(node.get("vars"), str | list):
            node.lose("vars", "variables from files")
            continue
        named.update({key: (node, value) for key, value in node.mapping("vars").items()})
    values: dict[str, object] = {}
    missing: dict[str, str] = {}
    for key, (node, value) in named.items():
        try:
            values[key] = _value(node, value, config)
        except ValueError as why:
            node.lose_part("vars", str(why))
            values[key], missing[key] = "", str(why)
    return Variables(values=values, missing=missing)


def rendered(values: Mapping[str, object]) -> dict[str, object] | None:
    """Variables may name each other; None when one holds more than variables."""
    try:
        return {key: render_all(one, values) for key, one in values.items()}
    except ValueError:
        return None


def _value(node: Node, value: object, config: Node) -> object:
    """A value as templates see it. Raises `ValueError` with the reason when it is in a file that cannot be read."""
    if isinstance(value, float):
        return as_javascript(value)
    if isinstance(value, list) and value and isinstance(value[0], str):
        return [
            one
            for each in value
            for one in (_texts(node, each, config) if _is_file(each) else [_value(node, each, config)])
        ]
    if isinstance(value, str) and not _is_file(value):
        return value.removesuffix("\n")  # as promptfoo does: a block scalar has one
    if not isinstance(value, str):
        return value
    texts = _texts(node, value, config)
    return texts if len(texts) > 1 else next(iter(texts), "")


def _is_file(value: object) -> bool:
    return isinstance(value, str) and value.startswith(_FILE)


def _texts(node: Node, value: object, config: Node) -> list[str]:
    """The contents of the files that a name or pattern stands for."""
    name = str(value).removeprefix(_FILE)
    if is_script(name):
        raise ValueError(CODE)
    made: list[str] = []
    for path in paths(node, "vars", name, root=config.path):
        if is_script(path):
            raise ValueError(CODE)
        data = node.report.read(path, line=node.line_of("vars"))
        text = None if data is None or b"\x00" in data[:4096] else node.report.text(path, data)
        if text is None:
            raise ValueError(BINARY)
        made.append(_json(path, text) if posixpath.splitext(path)[1].lower() in (".yaml", ".yml") else text.strip())
    return made


def _json(path: str, text: str) -> str:
    """The value of a YAML file as JSON, as promptfoo shows it."""
    document, wrong = parse_document(path, text)
    if document is None or wrong:
        return text.strip()
    return json.dumps(document.value, ensure_ascii=False, separators=(",", ":"))
