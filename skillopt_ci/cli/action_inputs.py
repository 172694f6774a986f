"""The action's inputs, and the command lines that they and the event make. Pure: no file is read here."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from skillopt_ci.actions.context import EventContext
from skillopt_ci.errors import UsageError

SPENDING = ("gate", "train", "baseline", "eval")
COMMANDS = (*SPENDING, "pr", "check", "publish")
# What the action sets itself, and tells by its outputs.
_OURS = ("--json", "--junit", "--summary", "--html")
_WITH_PAGE = ("gate", "baseline", "eval")
# In a pull request's own run these would follow the head's configuration, tasks and graders.
_NOT_IN_PULL_REQUESTS = ("train", "baseline", "eval", "pr")
# Options of `pr` whose value may stand in the next line.
PR_VALUES = ("--base", "--remember", "--login", "--config", "--skill")
_TOGETHER = re.compile(r"(--[a-z-]+)\s")
_PULL = re.compile(r"refs/pull/([1-9][0-9]{0,8})/head")


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What the workflow gave, trimmed; `skills` and `args` are lists, a line each."""

    command: str
    config: str = ""
    skills: tuple[str, ...] = ()
    base: str = ""
    head: str = ""
    github_token: str = field(default="", repr=False)
    openai_api_key: str = field(default="", repr=False)
    anthropic_api_key: str = field(default="", repr=False)
    max_usd: str = ""
    args: tuple[str, ...] = ()

    @property
    def secrets(self) -> tuple[str, ...]:
        """Values that must not be shown."""
        return tuple(s for s in (self.github_token, self.openai_api_key, self.anthropic_api_key) if s)


def read_inputs(env: Mapping[str, str]) -> Inputs:
    """The inputs from INPUT_* variables.

    Raises:
        UsageError: no such command, or an argument that the action sets itself.
    """

    def one(name: str) -> str:
        return env.get(f"INPUT_{name}", "").strip()

    def many(name: str) -> tuple[str, ...]:
        return tuple(line.strip() for line in env.get(f"INPUT_{name}", "").splitlines() if line.strip())

    command = one("COMMAND")
    if command not in COMMANDS:
        raise UsageError(f"input 'command' is '{command[:40]}'; it must be one of {', '.join(COMMANDS)}")
    args = many("ARGS")
    for argument in args:
        if argument.split("=")[0] in _OURS:
            raise UsageError(f"input 'args': {argument.split('=')[0]} is set by the action; its outputs say where")
        if together := _TOGETHER.match(argument):
            raise UsageError(
                f"input 'args': a line is one argument: write {together[1]}=VALUE, or the value in the next line"
            )
    found = Inputs(
        command=command,
        config=one("CONFIG"),
        skills=many("SKILLS"),
        base=one("BASE"),
        head=one("HEAD"),
        github_token=one("GITHUB_TOKEN"),
        openai_api_key=one("OPENAI_API_KEY"),
        anthropic_api_key=one("ANTHROPIC_API_KEY"),
        max_usd=one("MAX_USD"),
        args=args,
    )
    if (found.base or found.head) and command != "gate":
        raise UsageError(f"inputs 'base' and 'head' are for 'gate', not for '{command}'")
    if found.max_usd and command not in SPENDING:
        raise UsageError(f"input 'max-usd' is for commands that spend, not for '{command}'")
    return found


def require_allowed(inputs: Inputs, context: EventContext) -> None:
    """Raises `UsageError` for a command that a pull request's own run must not be able to start."""
    if context.kind == "pull-request" and inputs.command in _NOT_IN_PULL_REQUESTS:
        raise UsageError(
            f"'{inputs.command}' does not run in {context.event} events: there the configuration is the pull request's "
            "own; use 'gate', which takes rules and tasks from the base, or run it on the default branch"
        )


class Refs(NamedTuple):
    """What a gate compares.

    `pull` is the pull request whose head must be at hand; `exact`: it must still be `head`; with `head` empty it is
    whatever its head is now. `into` is the branch that the change is for.
    """

    base: str = ""
    head: str = ""
    into: str = ""
    pull: int | None = None
    exact: bool = False


def gate_refs(inputs: Inputs, context: EventContext) -> Refs:
    """What to compare in this event; an input wins over the event."""
    refs = Refs(into=context.default_branch)
    if context.kind == "pull-request":
        refs = Refs(head=context.head_sha or "", into=context.base_ref, pull=context.pr_number)
    elif context.kind == "merge-group":
        refs = Refs(base=context.base_sha or "", head=context.head_sha or "")
    elif context.kind == "dispatch" and context.pr_number is not None:
        refs = Refs(head=context.head_sha or "", into=context.base_ref, pull=context.pr_number, exact=True)
    if inputs.base:
        refs = refs._replace(base=inputs.base, into="")
    if inputs.head:
        named = _PULL.fullmatch(inputs.head)
        refs = refs._replace(
            head="" if named else inputs.head, pull=int(named[1]) if named else None, exact=named is not None
        )
    return refs


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where one step's results go."""

    folder: Path
    command: str

    @property
    def state(self) -> Path:
        """What the next run of this command goes on from: ledger and memories."""
        return self.folder.parent / "state" / self.command

    @property
    def json(self) -> Path:
        """The whole result."""
        return self.folder / f"{self.command}.json"

    @property
    def junit(self) -> Path:
        """The JUnit file, for commands that have one."""
        return self.folder / "junit.xml"

    @property
    def page(self) -> Path:
        """The page, for commands that have one of their own; a training's is in its run folder."""
        return self.folder / "report.html"

    @property
    def summary(self) -> Path:
        """The summary in Markdown, for commands that have one."""
        return self.folder / "summary.md"


def command_line(inputs: Inputs, context: EventContext, refs: Refs, places: Places) -> list[str]:
    """The command line of the CLI, as a list: nothing is ever read by a shell."""
    line = [inputs.command, "--json", str(places.json)]
    if inputs.config:
        line += ["--config", inputs.config]
    for skill in inputs.skills:
        line += ["--skill", skill]
    if inputs.command in SPENDING:
        line += ["--junit", str(places.junit), "--summary", str(places.summary)]
        line += ["--max-usd", inputs.max_usd] if inputs.max_usd else []
    if inputs.command in _WITH_PAGE:
        line += ["--html", str(places.page)]
    if inputs.command == "check":
        line += ["--elsewhere"]  # the job that checks a pull request measures nothing
    if inputs.command == "train":
        line += _training(inputs, context, places)
    if inputs.command == "gate":
        line += ["--base", refs.base] if refs.base else ["--into", refs.into] if refs.into else []
        line += ["--head", refs.head] if refs.head else []
        line += ["--without-key", "needs-maintainer"] if context.restricted else []
    return [*line, *inputs.args]


def _training(inputs: Inputs, context: EventContext, places: Places) -> list[str]:
    """A schedule trains anew every time; with a token there are memories of what was rejected."""
    named = {argument.split("=")[0] for argument in inputs.args}
    line = ["--memory", str(places.state / "memory")] if inputs.github_token and "--memory" not in named else []
    anew = context.kind == "schedule" and not named & {"--next", "--run-dir", "--generation"}
    return [*line, *(["--next"] if anew else [])]


def remembering(inputs: Inputs, places: Places) -> list[str]:
    """The command line that brings the memories up to date: from closed pull requests and from this run."""
    line = ["pr", f"--remember={places.state / 'memory'}", "--quiet"]
    line += ["--config", inputs.config] if inputs.config else []
    return [*line, *(word for skill in inputs.skills for word in ("--skill", skill))]


def run_folders(args: Sequence[str]) -> tuple[list[str], list[str]]:
    """The arguments of `pr` as options and run folders: the action publishes each of these folders."""
    options: list[str] = []
    folders: list[str] = []
    words = iter(args)
    for word in words:
        if word.startswith("-"):
            options += [word, *islice(words, word in PR_VALUES)]
        else:
            folders.append(word)
    return options, folders
