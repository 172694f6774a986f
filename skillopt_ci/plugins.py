"""Registry of ports: our own implementations by name, and other packages' through entry points.

A module is imported only when its name is used, so that no SDK is loaded for a command that needs none.
"""

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import Any

from skillopt_ci.core.suggestion import suggest
from skillopt_ci.errors import UsageError

BUILTIN: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "providers": {
            "openai": "skillopt_ci.providers.openai:make",
            "azure-openai": "skillopt_ci.providers.openai:make_azure",
            "anthropic": "skillopt_ci.providers.anthropic:make",
            "simulated": "skillopt_ci.providers.simulated:make",
        },
        "harnesses": {
            "chat": "skillopt_ci.harnesses.chat:make",
            "claude-code": "skillopt_ci.harnesses.claude_code:KIND",
            "codex": "skillopt_ci.harnesses.codex:KIND",
            "command": "skillopt_ci.harnesses.command:KIND",
        },
        "graders": {
            "exact": "skillopt_ci.graders.text:exact",
            "contains": "skillopt_ci.graders.text:contains",
            "startswith": "skillopt_ci.graders.text:startswith",
            "regex": "skillopt_ci.graders.text:regex",
            "f1": "skillopt_ci.graders.text:f1",
            "choice": "skillopt_ci.graders.choice:choice",
            "numeric": "skillopt_ci.graders.numeric:numeric",
            "json": "skillopt_ci.graders.structured:json_grader",
            "rules": "skillopt_ci.graders.rules:rules",
            "judge": "skillopt_ci.graders.judge:judge",
            "files": "skillopt_ci.graders.files:files",
            "script": "skillopt_ci.graders.script:script",
            "tool-calls": "skillopt_ci.graders.tool_calls:tool_calls",
            "diff": "skillopt_ci.graders.changes:diff",
            "anls": "skillopt_ci.graders.similarity:anls",
            "similarity": "skillopt_ci.graders.similarity:similarity",
            "officeqa": "skillopt_ci.graders.officeqa:officeqa",
            "spreadsheet": "skillopt_ci.graders.spreadsheet:spreadsheet",
            "all": "skillopt_ci.graders.combine:all_of",
            "any": "skillopt_ci.graders.combine:any_of",
            "within": "skillopt_ci.graders.combine:within",
            "weighted": "skillopt_ci.graders.combine:weighted",
        },
        "optimizers": {"skillopt": "skillopt_ci.optimizers.skillopt:make"},
        "methods": {
            "skillopt": "skillopt_ci.engine.train:make",
            "one-shot": "skillopt_ci.engine.one_shot:make",
            "human": "skillopt_ci.engine.human:make",
            "gepa": "skillopt_ci.engine.gepa_method:make",
        },
        "suites": {
            "native": "skillopt_ci.suites.native:read",
            "gbrain": "skillopt_ci.suites.gbrain:read",
            "skillopt-splits": "skillopt_ci.suites.skillopt_splits:read",
            "skillopt-sleep": "skillopt_ci.suites.skillopt_sleep:read",
            "evals-json": "skillopt_ci.suites.evals_json:read",
            "triggers": "skillopt_ci.suites.triggers:read",
            "promptfoo": "skillopt_ci.suites.promptfoo:read",
            "waza": "skillopt_ci.suites.waza:read",
            "vally": "skillopt_ci.suites.vally:read",
            "plugin-eval": "skillopt_ci.suites.plugin_eval:read",
            "inspect": "skillopt_ci.suites.inspect_ai:read",
            "qa": "skillopt_ci.suites.question_answer:read",
            "coder-eval": "skillopt_ci.suites.coder_eval:read",
            "skill-lens": "skillopt_ci.suites.skill_lens:read",
            "skill-up": "skillopt_ci.suites.skill_up:read",
            "skillgrade": "skillopt_ci.suites.skillgrade:read",
            "decimal-labs": "skillopt_ci.suites.decimal_labs:read",
            "tessl": "skillopt_ci.suites.tessl:read",
            "upskill": "skillopt_ci.suites.upskill:read",
            "databricks": "skillopt_ci.suites.databricks:read",
            "adewale": "skillopt_ci.suites.adewale:read",
            "fastxyz": "skillopt_ci.suites.fastxyz:read",
            "prompt-yml": "skillopt_ci.suites.prompt_yml:read",
            "docvqa": "skillopt_ci.suites.docvqa:read",
            "searchqa": "skillopt_ci.suites.searchqa:read",
            "officeqa": "skillopt_ci.suites.officeqa:read",
            "livemath": "skillopt_ci.suites.livemath:read",
            "spreadsheetbench": "skillopt_ci.suites.spreadsheetbench:read",
            "spreadsheetbench-chat": "skillopt_ci.suites.spreadsheetbench:read_chat",
        },
    }
)
_SINGULAR = {
    "providers": "provider",
    "harnesses": "harness",
    "graders": "grader",
    "optimizers": "optimizer",
    "methods": "method",
    "suites": "task format",
}


def names(kind: str) -> list[str]:
    """Every registered name of a kind, our own first. An optimizer is a method, too: with the usual loop."""
    own = BUILTIN[kind]
    groups = (kind, "optimizers") if kind == "methods" else (kind,)
    others = sorted({e.name for group in groups for e in entry_points(group=f"skillopt_ci.{group}")} - own.keys())
    return [*own, *others]


def has(kind: str, name: str) -> bool:
    """Whether a name is registered under this very kind."""
    return name in BUILTIN[kind] or any(e.name == name for e in entry_points(group=f"skillopt_ci.{kind}"))


def load(kind: str, name: str) -> Any:
    """Import what `name` stands for.

    Raises:
        UsageError: the name is not registered (says what is, and what was perhaps meant), or a plug-in does not load.
    """
    if name in BUILTIN[kind]:
        module, _, attribute = BUILTIN[kind][name].partition(":")
        return getattr(import_module(module), attribute)
    for entry in entry_points(group=f"skillopt_ci.{kind}"):
        if entry.name == name:
            try:
                return entry.load()
            except (ImportError, AttributeError) as error:
                raise UsageError(f"the plug-in {name!r} ({entry.value}) cannot be loaded: {error}") from error
    raise UsageError(f"unknown {_SINGULAR[kind]} {name!r}{suggest(name, names(kind))}")
