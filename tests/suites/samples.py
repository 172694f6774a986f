"""One file of every foreign format, and short ways to say what became of it."""

import importlib
from pathlib import Path

from skillopt_ci import plugins
from skillopt_ci.core.task import Task
from skillopt_ci.forge.worktree import WorkTree
from skillopt_ci.suites.base import Reader, ReadResult
from tests.fakes import MemoryTree

DATA = Path(__file__).parent.parent / "data"
FORMATS = DATA / "formats"
# main file -> format
SAMPLES = {
    "adewale/shared-benchmark.json": "adewale",
    "coder-eval/task.yaml": "coder-eval",
    "databricks/ground_truth.yaml": "databricks",
    "decimal-labs/eval.yaml": "decimal-labs",
    "evals-json/evals.json": "evals-json",
    "evals-typed/evals.json": "evals-json",
    "fastxyz/suite.yml": "fastxyz",
    "inspect/samples.csv": "inspect",
    "inspect/samples.jsonl": "inspect",
    "plugin-eval/evals/refund/case.yaml": "plugin-eval",
    "plugin-eval/evals/refund/prompt.md": "plugin-eval",
    "prompt-yml/greet.prompt.yml": "prompt-yml",
    "promptfoo/promptfooconfig.yaml": "promptfoo",
    "qa/evals.jsonl": "qa",
    "qa/langsmith.jsonl": "qa",
    "qa/rows.json": "qa",
    "qa/table.csv": "qa",
    "scenarios/eval.yaml": "vally",
    "skill-lens/refunds.eval.yaml": "skill-lens",
    "skill-up/evals/cases/judged.yaml": "skill-up",
    "skill-up/evals/cases/late.yaml": "skill-up",
    "skill-up/evals/eval.yaml": "skill-up",
    "skillgrade/eval.yaml": "skillgrade",
    "sleep/tasks.json": "skillopt-sleep",
    "tessl/evals/late-refund/task.md": "tessl",
    "trigger-tests/trigger_tests.yaml": "triggers",
    "triggers/eval_queries.json": "triggers",
    "upskill/tests.json": "upskill",
    "vally/eval.yaml": "vally",
    "waza/eval.yaml": "waza",
    "waza/tasks/refund.yaml": "waza",
}


def tree_of(folder: Path) -> MemoryTree:
    """All files below a folder, in memory."""
    return MemoryTree({p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()})


def reader(name: str) -> Reader:
    """The reader of a format."""
    module, _, attribute = plugins.BUILTIN["suites"][name].partition(":")
    found: Reader = getattr(importlib.import_module(module), attribute)
    return found


def sample(path: str, root: Path = FORMATS) -> ReadResult:
    """A sample as its reader reads it."""
    tree = WorkTree(root)
    return reader(SAMPLES.get(path, "evals-json"))(tree, path, tree.read(path))


def text(name: str, content: str, path: str = "f.yaml", **files: str) -> ReadResult:
    """A file written in a test; others by path with `__` for `/` and `_` before the ending's dot."""
    tree = MemoryTree({path: content, **files})
    return reader(name)(tree, path, content.encode())


def graders(task: Task) -> dict[str, dict[str, object]]:
    """Options by the type of the grader."""
    return {g.type: dict(g.options) for g in task.graders or ()}


def rules(task: Task) -> list[tuple[object, ...]]:
    """The checks of the `rules` grader."""
    found = graders(task)["rules"]["checks"]
    assert isinstance(found, list)
    return [tuple(c[k] for k in ("op", "arg", "ignore_case", "flags") if k in c) for c in found]


def lost(result: ReadResult) -> list[tuple[int, str, str]]:
    """Line, item and field of everything lost."""
    return sorted((loss.line, loss.item, loss.field) for loss in result.losses)


def said(result: ReadResult) -> list[str]:
    """The problems."""
    return [str(p) for p in result.problems]
