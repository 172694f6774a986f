"""coder_eval task files: one prompt, criteria about files and commands, optionally a row of data for each task.

Source: UiPath/coder_eval, `docs/TASK_DEFINITION_GUIDE.md`, `docs/DATASETS.md`, `plugins/coder-eval/reference/`. Nearly
all criteria look at a sandbox and are lost; `skill_triggered` becomes `should_trigger`, `llm_judge` a judge.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

from skillopt_ci.core.task import SPLITS, Split, Task
from skillopt_ci.core.tree import Tree
from skillopt_ci.suites.base import ReadResult
from skillopt_ci.suites.foreign import AGENT, CODE, LIMITS, MODELS, WEIGHTS, Node, Report, top
from skillopt_ci.suites.making import Checks, Draft, clean_id, make
from skillopt_ci.suites.templates import as_text
from skillopt_ci.suites.weighing import INFORMS

_ROW = re.compile(r"\$\{row\.([\w-]+)\}")
_REASONS = MappingProxyType(
    {
        **dict.fromkeys(("agent", "sandbox", "pre_run", "post_run", "setup", "simulation"), AGENT),
        **dict.fromkeys(("run_limits", "max_turns", "timeout"), LIMITS),
        "reference": AGENT,
        "repeats": MODELS,
    }
)
_CRITERIA = MappingProxyType(
    {
        **dict.fromkeys(("weight", "pass_threshold", "suite_thresholds"), WEIGHTS),
        **dict.fromkeys(("model", "temperature", "max_tokens"), MODELS),
    }
)
_DATASET = MappingProxyType(
    dict.fromkeys(("sample_per_stratum", "stratify_field", "sample_seed", "limit"), "samples of the rows")
)
_SEVERAL = "it is about several skills, one of which should trigger: keep the `skill_triggered` of one skill"


def read(tree: Tree, path: str, data: bytes, /) -> ReadResult:
    """The task of one file, or one for each row of its dataset."""
    report = Report(tree, path)
    tasks: list[Task | None] = []
    for node in top(report, data):
        node.name = clean_id(node.text("task_id"))
        if node.get("skip"):
            node.lose_item("it is skipped (`skip`)")
            continue
        dataset = node.node("dataset")
        if dataset is None:
            tasks.append(_task(node, {}, node.name, None))
        else:
            field, split = dataset.text("id_field", "id"), dataset.text("split_field")
            for number, row in enumerate(_rows(dataset), 1):
                name = clean_id(f"{node.name}/{as_text(row.get(field)) or number}")
                tasks.append(_task(node, row, name, _split(row.get(split)) if split else None))
            dataset.lose_rest(_DATASET)
        node.get("description")
        node.lose_rest(_REASONS)
    return report.result(tasks)


def _rows(dataset: Node) -> list[Mapping[str, object]]:
    """Rows written here or in JSON Lines beside the file."""
    rows = [one.item.value for one in dataset.nodes("rows")]
    for name in dataset.some_texts("paths"):
        found = dataset.report.beside(name, line=dataset.line_of("paths"))
        if found:
            inner = Report(dataset.report.tree, found[0])
            inner.problems, inner.losses = dataset.report.problems, dataset.report.losses
            rows += [one.item.value for one in top(inner, found[1])]
    return rows


def _split(value: object) -> Split | None:
    return next((s for s in SPLITS if s == value), None)


def _task(node: Node, row: Mapping[str, object], name: str, split: Split | None) -> Task | None:
    checks = Checks()
    triggers: set[bool] = set()
    for one in node.nodes("success_criteria"):
        one.get("description")
        kind, weight = one.text("type"), one.get("weight")
        if weight == 0:
            checks.lose(one, INFORMS)
        elif kind == "skill_triggered":
            wanted = _filled(one.text("expected_skill"), row)
            triggers.add(wanted == _filled(one.text("skill_name") or wanted or " ", row))
            _lose(one, weight)
        elif kind == "llm_judge" and not one.get("files") and (rubric := _filled(one.text("prompt"), row)).strip():
            checks.criteria.append(rubric)
            _lose(one, weight)
        else:
            checks.lose(one, CODE if kind == "run_command" else AGENT)
    draft = Draft(
        id=name,
        prompt=_filled(_prompt(node), row),
        split=split,
        should_trigger=next(iter(triggers)) if len(triggers) == 1 else None,
        tags=node.some_texts("tags"),
    )
    whole, node.name = node.name, name  # what is lost of one row says of which
    if len(triggers) > 1:
        checks.lost = True
        node.lose_part("success_criteria", _SEVERAL)
    made = make(node, draft, checks)
    node.name = whole
    return made


def _prompt(node: Node) -> str:
    """The prompt, written here or in a text file beside this one."""
    node.get("initial_prompt_file")  # not read where the prompt is written
    return node.text("initial_prompt") or node.text_beside("initial_prompt_file")


def _lose(node: Node, weight: object) -> None:
    if weight != 1:
        node.lose("weight", WEIGHTS)
    node.lose_rest(_CRITERIA)


def _filled(text: str, row: Mapping[str, object]) -> str:
    """The text with `${row.<field>}` filled in."""
    return _ROW.sub(lambda match: as_text(row.get(match[1])), text)
