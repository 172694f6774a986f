"""The options of the harness `command`, checked one by one."""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path as FilePath
from typing import Any, Literal, cast

from skillopt_ci.errors import ConfigError
from skillopt_ci.harnesses.agent import AgentLimits
from skillopt_ci.harnesses.command_answer import AnswerRule, Path, ToolRule, Where
from skillopt_ci.sandbox.workspace import problem_of

PLACEHOLDERS = (
    "skill_dir", "skills_dir", "workspace", "home", "prompt_file", "output_file", "prompt", "model", "url", "token",
)  # fmt: skip
_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL", re.IGNORECASE)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# What agents obey when they find it in a workspace.
STRIPPED = (
    ".claude", ".codex", ".copilot", ".cursor", ".cursorrules", ".gemini", ".mcp.json", ".opencode",
    "AGENTS.md", "CLAUDE.local.md", "CLAUDE.md", "GEMINI.md", "opencode.json", "opencode.jsonc",
)  # fmt: skip
_LIMITS = tuple(f.name for f in fields(AgentLimits))
_KNOWN = (
    "answer", "concurrency", "env", "files", "ok_codes", "pass_env", "prompt", "readable", "run", "skills_folder",
    "strip", "tools", "version", *_LIMITS,
)  # fmt: skip
_CONCURRENCY = 4
_SKILLS_FOLDER = "home/.agents/skills"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandOptions:
    """How an agent is called and read; see docs/agents.md for each."""

    run: tuple[str, ...]
    prompt: Literal["stdin", "arg", "file"] = "stdin"
    env: Mapping[str, str] = field(default_factory=dict)
    pass_env: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    skills_folder: str = _SKILLS_FOLDER
    strip: tuple[str, ...] = STRIPPED
    readable: tuple[str, ...] = ()
    ok_codes: tuple[int, ...] = (0,)
    version: str | tuple[str, ...] = ""
    concurrency: int = _CONCURRENCY
    answer: AnswerRule = AnswerRule()
    tools: ToolRule | None = None
    limits: AgentLimits = AgentLimits()


def fill(template: str, values: Mapping[str, str]) -> str:
    """A template with its placeholders replaced; other braces stay, so that JSON can be written plainly."""
    return _PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), template)


def read_options(given: Mapping[str, object]) -> CommandOptions:
    """The options as written in the configuration. Raises `ConfigError`, one line."""
    unknown = sorted(given.keys() - set(_KNOWN))
    if unknown:
        raise ConfigError(f"unknown option '{unknown[0][:60]}' of the harness 'command'; known: {', '.join(_KNOWN)}")
    run = _argv(given.get("run"))
    if not run:
        raise ConfigError("the harness 'command' needs `run`: the command and its arguments")
    options = CommandOptions(
        run=run,
        prompt=cast(Any, _one_of("prompt", given.get("prompt", "stdin"), ("stdin", "arg", "file"))),
        env=_texts("env", given.get("env", {})),
        pass_env=_list("pass_env", given.get("pass_env", [])),
        files=_texts("files", given.get("files", {})),
        skills_folder=_text("skills_folder", given.get("skills_folder", _SKILLS_FOLDER)),
        strip=_list("strip", given.get("strip", list(STRIPPED))),
        readable=_list("readable", given.get("readable", [])),
        ok_codes=_codes(given.get("ok_codes", [0])),
        version=_version(given.get("version", "")),
        concurrency=int(_number("concurrency", given.get("concurrency", _CONCURRENCY), whole=True)),
        answer=_answer(given.get("answer", {})),
        tools=_tools(given.get("tools")),
        limits=_limits(given),
    )
    _agree(options)
    return options


def _agree(options: CommandOptions) -> None:
    """What more than one option, or a look at a value, decides."""
    templates = [*options.run, *options.env.values(), *options.files.values()]
    for name in (n for t in options.run for n in _PLACEHOLDER.findall(t)):
        if name not in PLACEHOLDERS:
            raise ConfigError(f"`run`: unknown placeholder '{{{name}}}'; known: {', '.join(PLACEHOLDERS)}")
    needed = {"arg": "prompt", "file": "prompt_file"}.get(options.prompt)
    if needed and not any(f"{{{needed}}}" in t for t in templates):
        raise ConfigError(f"`prompt: {options.prompt}` needs the placeholder '{{{needed}}}' in `run`")
    for name in options.pass_env:
        if not _VARIABLE.fullmatch(name):
            raise ConfigError(f"`pass_env`: {name[:60]!r} is no name of an environment variable")
        if _SECRET.search(name):
            raise ConfigError(
                f"`pass_env`: '{name}' looks like a secret, and none enters the sandbox; an agent's key is '{{token}}'"
            )
    for path in (options.skills_folder, *options.files):
        if problem_of(path) is not None or path.split("/")[0] not in ("home", "work", "state"):
            raise ConfigError(f"{path[:80]!r} must be a path that begins with home/, work/ or state/")
    for readable in options.readable:
        if not FilePath(readable).is_absolute():
            raise ConfigError(f"`readable`: {readable[:80]!r} must be an absolute path, outside the repository")


def _limits(given: Mapping[str, object]) -> AgentLimits:
    known = {name: given[name] for name in _LIMITS if name in given}
    return AgentLimits(**{k: _number(k, v, whole=k != "seconds") for k, v in known.items()})  # type: ignore[arg-type]


def _answer(value: object) -> AnswerRule:
    made = _section("answer", value, ("from", "format", "path", "where", "take"))
    source = _one_of("answer.from", made.get("from", "stdout"), ("stdout", "file"))
    form = _one_of("answer.format", made.get("format", "text"), ("text", "json", "jsonl"))
    if form == "text" and made.keys() & {"path", "where", "take"}:
        raise ConfigError("`answer`: `path`, `where` and `take` are for the formats json and jsonl")
    return AnswerRule(
        source=cast(Any, source),
        format=cast(Any, form),
        path=Path.parse(_text("answer.path", made.get("path", ""), empty=True)),
        where=_where("answer.where", made.get("where", {})),
        take=cast(Any, _one_of("answer.take", made.get("take", "last"), ("last", "join"))),
    )


def _tools(value: object) -> ToolRule | None:
    if value is None:
        return None
    made = _section("tools", value, ("where", "name", "arguments", "result"))
    if "name" not in made:
        raise ConfigError("`tools` needs `name`: the path to a tool's name in a line")
    paths = {key: Path.parse(_text(f"tools.{key}", made[key])) for key in ("arguments", "result") if key in made}
    where = _where("tools.where", made.get("where", {}))
    return ToolRule(where=where, name=Path.parse(_text("tools.name", made["name"])), **paths)


def _where(name: str, value: object) -> Where:
    if not isinstance(value, dict) or not all(isinstance(v, str | int | bool) for v in value.values()):
        raise ConfigError(f"`{name}` must be a mapping of paths to values")
    return Where(tuple((Path.parse(str(path)), wanted) for path, wanted in value.items()))


def _section(name: str, value: object, known: Sequence[str]) -> Mapping[str, object]:
    if not isinstance(value, dict) or not set(value) <= set(known):
        raise ConfigError(f"`{name}` must be a mapping with the keys {', '.join(known)}")
    return value


def _argv(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        try:
            return tuple(shlex.split(value))
        except ValueError as error:
            raise ConfigError(f"`run`: {error}") from None
    return _list("run", value if value is not None else [])


def _version(value: object) -> str | tuple[str, ...]:
    return value if isinstance(value, str) else _list("version", value)


def _list(name: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ConfigError(f"`{name}` must be a list of texts")
    return tuple(value)


def _texts(name: str, value: object) -> Mapping[str, str]:
    if not isinstance(value, dict) or not all(isinstance(k, str) and isinstance(v, str) for k, v in value.items()):
        raise ConfigError(f"`{name}` must be a mapping of texts to texts")
    return dict(value)


def _text(name: str, value: object, *, empty: bool = False) -> str:
    if not isinstance(value, str) or not (value or empty):
        raise ConfigError(f"`{name}` must be a text")
    return value


def _one_of(name: str, value: object, known: Sequence[str]) -> str:
    if value not in known:
        raise ConfigError(f"`{name}` must be {', '.join(known[:-1])} or {known[-1]}")
    return str(value)


def _number(name: str, value: object, *, whole: bool) -> float:
    fits = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
    if not fits or not isinstance(value, int | float) or not 0 < value < 1e12:
        raise ConfigError(f"`{name}` must be a {'whole number' if whole else 'number'} above 0")
    return value


def _codes(value: object) -> tuple[int, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(v, int) and 0 <= v < 256 for v in value):
        raise ConfigError("`ok_codes` must be a list of exit codes")
    return tuple(value)
