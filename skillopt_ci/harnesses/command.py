"""The harness `command`: any agent that can be called on a command line."""

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from skillopt_ci.core.task import Attachment
from skillopt_ci.core.trajectory import Message
from skillopt_ci.errors import CallFailedError, ConfigError
from skillopt_ci.harnesses.agent import STATE, AgentLimits, Invocation, Scene
from skillopt_ci.harnesses.base import AgentKind
from skillopt_ci.harnesses.command_options import CommandOptions, fill, read_options
from skillopt_ci.harnesses.installed import IN_CHECKOUT, relative
from skillopt_ci.harnesses.transcript import Broken, Draft, Transcript, telling_line
from skillopt_ci.sandbox.base import Finished
from skillopt_ci.sandbox.bubblewrap import SYSTEM
from skillopt_ci.sandbox.reading import read_inside
from skillopt_ci.sandbox.setup import PATH
from skillopt_ci.sandbox.workspace import lay_out

if TYPE_CHECKING:
    from skillopt_ci.gateway.passes import Metered

_PROMPT, _OUTPUT = f"{STATE}/prompt.md", f"{STATE}/output"
_LONGEST_OUTPUT = 4 * 1024 * 1024
_VERSION_SECONDS = 60
_WORDS = 300


class CommandAgent:
    """An agent by its options."""

    def __init__(self, options: CommandOptions) -> None:
        self._options = options
        self._lock = threading.Lock()
        self._version: str | None = None

    @property
    def concurrency(self) -> int:
        """As configured."""
        return self._options.concurrency

    @property
    def limits(self) -> AgentLimits:
        """As configured."""
        return self._options.limits

    @property
    def skills_folder(self) -> str:
        """As configured."""
        return self._options.skills_folder

    @property
    def stripped(self) -> tuple[str, ...]:
        """As configured; the settings of well-known agents by default."""
        return self._options.strip

    @property
    def readable(self) -> tuple[Path, ...]:
        """As configured. Raises `ConfigError` for one that is not there."""
        for path in self._options.readable:
            if not Path(path).exists():
                raise ConfigError(f"`readable`: there is no {path[:200]!r} on this machine")
        return tuple(Path(p) for p in self._options.readable)

    @property
    def package(self) -> str:
        """Not known."""
        return ""

    def missing(self, *, confined: bool) -> str:
        """Why its program cannot be found where it will run."""
        program, path = self._options.run[0], self._options.env.get("PATH", PATH)
        try:
            readable = self.readable
        except ConfigError as error:
            return str(error)
        if "{" in program or relative(program):
            return ""  # known when a workspace is there
        found = shutil.which(program, path=path)
        if found is None and Path(program).is_absolute():
            return f"`run`: there is no program at {program[:200]!r} on this machine"
        if found is None:
            here = shutil.which(program)
            also = f"; here it is {here}: write that, and its folder in `readable`" if here else "; install it"
            return "" if "{" in path else f"`run`: {program[:200]!r} is not on the agent's PATH ({path}){also}"
        shown = [*map(Path, (*SYSTEM, sys.base_prefix)), *readable, *(r.resolve() for r in readable)]
        for place in (Path(found), Path(found).resolve()) if confined else ():
            if not any(place.is_relative_to(p) for p in shown):
                return f"`run`: the sandbox does not show {place}; name its folder in `readable`"
        return ""

    def identity(self) -> Mapping[str, object]:
        """Version and every option that can change what the agent does. Raises `ConfigError` without a version."""
        options = asdict(self._options)
        for name in ("concurrency", "limits", "readable", "version"):  # limits are in the key on their own
            del options[name]
        options["env"], options["files"] = dict(self._options.env), dict(self._options.files)
        options["passed"] = self._passed()
        return {"kind": "command", "version": self._known_version(), **options}

    def invocation(self, scene: Scene, /) -> Invocation:
        """The template filled in; its files are written."""
        options = self._options
        values = self._values(scene)
        files = [Attachment(name=n, data=fill(t, values).encode()) for n, t in options.files.items()]
        lay_out(scene.root, [*files, Attachment(name=_PROMPT, data=scene.prompt.encode("utf-8", "replace"))])
        env = {**self._passed(), **{name: fill(value, values) for name, value in options.env.items()}}
        stdin = scene.prompt.encode("utf-8", "replace") if options.prompt == "stdin" else b""
        return Invocation(argv=tuple(fill(part, values) for part in options.run), env=env, stdin=stdin)

    def transcript(self, scene: Scene, finished: Finished, metered: "Metered", /) -> Transcript:
        """The answer and the tool calls, as the rules find them.

        An exit code says little: an agent may apologise for a provider that failed, and end with 0.
        """
        options = self._options
        printed = finished.stdout.decode("utf-8", "replace")
        draft = Draft(skills={s.name: telling_line(s.body) for s in scene.skills})
        for number, call in enumerate(options.tools.read(printed) if options.tools else ()):
            draft.call(str(number), call)
        fine = finished.ended == "exit" and finished.returncode in options.ok_codes
        ended = fine and metered.failure is None
        broken = None
        if ended:
            if options.answer.source == "file":
                written = read_inside(scene.root, _OUTPUT, _LONGEST_OUTPUT)
                if written is None:
                    raise CallFailedError("malformed", "the agent wrote no file at {output_file}")
                printed = written.decode("utf-8", "replace")
            draft.messages.append(Message(role="assistant", content=options.answer.read(printed)))
        else:
            said = " ".join((finished.stderr or finished.stdout)[-_WORDS:].decode("utf-8", "replace").split())
            broken = Broken(kind="agent", message=f"the agent ended with code {finished.returncode}: {said}")
        return Transcript(
            messages=tuple(draft.messages),
            tool_calls=tuple(draft.calls.values()),
            skills_used=tuple(draft.used),
            tool_version=self._known_version(),
            ended="stop" if ended else None,
            broken=broken,
        )

    def _values(self, scene: Scene) -> dict[str, str]:
        skills = scene.view / self._options.skills_folder
        return {
            "skills_dir": str(skills),
            "skill_dir": str(skills / scene.skills[0].name) if scene.skills else str(skills),
            "workspace": str(scene.workspace),
            "home": str(scene.home),
            "prompt_file": str(scene.view / _PROMPT),
            "output_file": str(scene.view / _OUTPUT),
            "prompt": scene.prompt,
            "model": scene.model,
            "url": scene.url,
            "token": scene.token,
        }

    def _passed(self) -> dict[str, str]:
        return {name: os.environ[name] for name in self._options.pass_env if name in os.environ}

    def _known_version(self) -> str:
        with self._lock:
            if self._version is None:
                named = self._options.version
                self._version = named if isinstance(named, str) and named else _asked(named or self._options.run[:1])
            return self._version


def _asked(argv: "tuple[str, ...] | str") -> str:
    """What a program says of its version; `--version` is added when only its name is known."""
    command = [*argv, "--version"] if len(argv) == 1 else list(argv)
    if relative(command[0]):
        raise ConfigError(f"{command[0]} is not asked for its version, as {IN_CHECKOUT}; write `version`")
    env = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    try:
        done = subprocess.run(  # noqa: S603 - the configuration names it
            command, capture_output=True, env=env, timeout=_VERSION_SECONDS, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ConfigError(f"{command[0]} says no version ({error}); write it as `version`") from None
    lines = (done.stdout or done.stderr).decode("utf-8", "replace").split("\n")
    said = " ".join("".join(c if c.isprintable() else " " for c in lines[0]).split())
    if done.returncode or not said:
        raise ConfigError(f"`{' '.join(command)}` says no version; write it as `version`")
    return said[:100]


def make(options: Mapping[str, object]) -> CommandAgent:
    """An agent from the options of the configuration. Raises `ConfigError`."""
    return CommandAgent(read_options(options))


KIND = AgentKind(make)
