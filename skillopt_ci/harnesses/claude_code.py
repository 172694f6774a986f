"""The harness `claude-code`: Claude Code, alone in its sandbox, with the skill under test among its skills.

Settings, hooks, MCP servers, skills and CLAUDE.md of the workspace are never read: only the user's settings are, and
the user is one that this file makes.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from skillopt_ci.harnesses.agent import STATE, AgentLimits, Invocation, Scene
from skillopt_ci.harnesses.base import AgentKind
from skillopt_ci.harnesses.claude_events import read_claude
from skillopt_ci.harnesses.cli_options import CliOptions, Word, read_options
from skillopt_ci.harnesses.installed import Installed, Tool
from skillopt_ci.harnesses.transcript import Transcript, answered, telling_line
from skillopt_ci.sandbox.base import Finished

if TYPE_CHECKING:
    from skillopt_ci.gateway.passes import Metered

NAME = "claude-code"
TOOL = Tool(
    name="claude",
    package="@anthropic-ai/claude-code",
    tested="2.1.329",
    natives=("@anthropic-ai/claude-code-{platform}/claude", "@anthropic-ai/claude-code-{platform}-musl/claude"),
)
_HOME = "claude"
_TOOLS = ("Bash", "Read", "Edit", "Write", "Skill")
# Plug-ins of its own that would stand among the skills, or read instructions from the workspace.
_PLUGINS = ("cc-plugin-plugin-authoring@builtin", "cc-plugin-agents-md@builtin", "cc-plugin-privacy@builtin")
_QUIET = {
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_AUTOUPDATER": "1",
    "CLAUDE_CODE_DISABLE_BUNDLED_SKILLS": "1",
    "CLAUDE_CODE_DISABLE_AUTO_MEMORY": "1",
    "CLAUDE_CODE_DISABLE_CLAUDE_MDS": "1",
    "CLAUDE_CODE_MAX_RETRIES": "3",
}


class Options(CliOptions):
    """What the harness takes."""

    tools: Annotated[tuple[Word, ...], Field(min_length=1)] = Field(
        default=_TOOLS[:-1], description="Its tools; `Skill` is always among them."
    )
    allowed_tools: tuple[Word, ...] | None = Field(
        default=None, description="Those it may use, patterns as in `Bash(git *)`; all of `tools` when omitted."
    )


class ClaudeCode:
    """Claude Code. Safe for threads."""

    concurrency = 4
    skills_folder = f"{STATE}/{_HOME}/skills"
    stripped: tuple[str, ...] = ()
    protocol = "messages"

    def __init__(self, options: Options) -> None:
        self._options = options
        self._version = options.version or TOOL.tested
        self._installed = Installed(TOOL, self._version, options.path)

    @property
    def limits(self) -> AgentLimits:
        """Of one rollout. Its own turn limit ends it; the gateway's is for what it does beside its turns."""
        return self._options.limits(2 * self._options.max_turns + 8)

    @property
    def readable(self) -> tuple[Path, ...]:
        """The program, nothing else."""
        return (self._installed.program(),)

    @property
    def package(self) -> str:
        """Of npm, with the pinned version."""
        return self._installed.package

    def missing(self, *, confined: bool) -> str:  # noqa: ARG002 - where it lies, the sandbox sees it
        """Why it cannot run here, as files say."""
        return self._installed.missing()

    def identity(self) -> Mapping[str, object]:
        """What can change what it does. The version is the pinned one: no other is ever run."""
        tools, allowed = self._tools()
        return {
            "agent": NAME,
            "version": self._version,
            "max_turns": self._options.max_turns,
            "tools": list(tools),
            "allowed": list(allowed),
        }

    def invocation(self, scene: Scene, /) -> Invocation:
        """How it is called; writes its settings."""
        settings = {"enabledPlugins": dict.fromkeys(_PLUGINS, False)}
        folder = scene.root / STATE / _HOME
        folder.mkdir(exist_ok=True)
        (folder / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
        tools, allowed = self._tools()
        argv = (
            str(self._installed.program()),
            *("-p", "--output-format", "stream-json", "--verbose", "--no-session-persistence"),
            *("--model", scene.model, "--max-turns", str(self._options.max_turns)),
            *("--setting-sources", "user", "--strict-mcp-config"),
            *("--tools", ",".join(tools), "--allowedTools", ",".join(allowed), "--permission-mode", "dontAsk"),
        )
        env = {
            **_QUIET,
            "CLAUDE_CONFIG_DIR": str(scene.state / _HOME),
            "ANTHROPIC_BASE_URL": scene.url,
            "ANTHROPIC_API_KEY": scene.token,
            "ANTHROPIC_SMALL_FAST_MODEL": scene.model,
            "API_TIMEOUT_MS": str(int(1000 * self._options.seconds)),
        }
        # What begins with a slash it would take for a command of its own, or put a skill's body into the prompt.
        prompt = f"\n{scene.prompt}" if scene.prompt.startswith("/") else scene.prompt
        return Invocation(argv=argv, env=env, stdin=prompt.encode("utf-8", "replace"))

    def transcript(self, scene: Scene, finished: Finished, metered: "Metered", /) -> Transcript:
        """What it did, from its events."""
        skills = {s.name: telling_line(s.body) for s in scene.skills}
        # It lists a skill by the name of its folder, and takes the name of its frontmatter as well.
        declared = {s.declared: s.name for s in scene.skills if s.declared not in skills}
        heard = {**skills, **dict.fromkeys(declared, "")}
        read = answered(read_claude(finished.stdout.decode("utf-8", "replace"), heard), metered.calls)
        return replace(read, skills_used=tuple(dict.fromkeys(declared.get(u, u) for u in read.skills_used)))

    def _tools(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        tools = tuple(dict.fromkeys((*self._options.tools, "Skill")))
        allowed = tools if self._options.allowed_tools is None else (*self._options.allowed_tools, "Skill")
        return tools, tuple(dict.fromkeys(allowed))


def make(options: Mapping[str, object]) -> ClaudeCode:
    """The agent with its options. Raises `ConfigError`."""
    return ClaudeCode(read_options(Options, NAME, options))


KIND = AgentKind(make)
