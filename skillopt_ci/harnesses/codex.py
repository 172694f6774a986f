"""The harness `codex`: Codex, alone in its sandbox, with the skill under test among its skills.

In a sandbox of ours Codex has none of its own: commands that its own one stops are missing in its events. Without ours
(`sandbox: off`) it keeps its own.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from skillopt_ci.harnesses.agent import STATE, AgentLimits, Invocation, Scene
from skillopt_ci.harnesses.base import AgentKind
from skillopt_ci.harnesses.cli_options import CliOptions, read_options
from skillopt_ci.harnesses.codex_events import read_codex
from skillopt_ci.harnesses.installed import Installed, Tool
from skillopt_ci.harnesses.transcript import Transcript, answered, telling_line
from skillopt_ci.sandbox.base import Finished

if TYPE_CHECKING:
    from skillopt_ci.gateway.passes import Metered

NAME = "codex"
TOOL = Tool(
    name="codex",
    package="@openai/codex",
    tested="0.169.0",
    natives=("@openai/codex-{platform}/vendor/*/bin/codex",),
)
_HOME = "codex"
_TOKEN = "ROLLOUT_TOKEN"
# What it would obey in a workspace: skills and settings of a project that nobody trusts.
_STRIPPED = (".agents", ".codex")
_SETTINGS = """\
model_provider = "gateway"
approval_policy = "never"
web_search = "disabled"
check_for_update_on_startup = false
project_doc_max_bytes = 0

[model_providers.gateway]
name = "gateway"
base_url = {url}
env_key = "{token}"
wire_api = "responses"
request_max_retries = 3
stream_max_retries = 3
stream_idle_timeout_ms = {milliseconds}

[analytics]
enabled = false

[skills.bundled]
enabled = false

[features]
goals = false
apps = false
plugins = false
image_generation = false
shell_snapshot = false
unbounded_connection_retries = false

[shell_environment_policy]
inherit = "core"

[sandbox_workspace_write]
exclude_slash_tmp = true
exclude_tmpdir_env_var = true
"""


class Codex:
    """Codex. Safe for threads."""

    concurrency = 8
    skills_folder = f"{STATE}/{_HOME}/skills"
    stripped = _STRIPPED
    protocol = "responses"

    def __init__(self, options: CliOptions) -> None:
        self._options = options
        self._version = options.version or TOOL.tested
        self._installed = Installed(TOOL, self._version, options.path)

    @property
    def limits(self) -> AgentLimits:
        """Of one rollout: it has no turn limit of its own, so the gateway counts."""
        return self._options.limits(self._options.max_turns)

    @property
    def readable(self) -> tuple[Path, ...]:
        """The folder of its programs: it brings ripgrep, and looks for it beside itself."""
        program = self._installed.program()
        folder = program.parent.parent
        return (folder,) if (folder / "codex-package.json").is_file() else (program,)

    @property
    def package(self) -> str:
        """Of npm, with the pinned version."""
        return self._installed.package

    def missing(self, *, confined: bool) -> str:  # noqa: ARG002 - where it lies, the sandbox sees it
        """Why it cannot run here, as files say."""
        return self._installed.missing()

    def identity(self) -> Mapping[str, object]:
        """What can change what it does. The version is the pinned one: no other is ever run."""
        return {"agent": NAME, "version": self._version}

    def invocation(self, scene: Scene, /) -> Invocation:
        """How it is called; writes its settings."""
        folder = scene.root / STATE / _HOME
        folder.mkdir(exist_ok=True)
        settings = _SETTINGS.format(
            url=json.dumps(f"{scene.url}/v1"), token=_TOKEN, milliseconds=int(1000 * self._options.seconds)
        )
        (folder / "config.toml").write_text(settings, encoding="utf-8")
        confined = scene.view != scene.root
        argv = (
            str(self._installed.program()),
            *("exec", "--json", "--ephemeral", "--skip-git-repo-check", "--ignore-rules", "--strict-config"),
            *("-s", "danger-full-access" if confined else "workspace-write"),
            *("-C", str(scene.workspace), "-m", scene.model, "-"),
        )
        env = {"CODEX_HOME": str(scene.state / _HOME), _TOKEN: scene.token}
        return Invocation(argv=argv, env=env, stdin=scene.prompt.encode("utf-8", "replace"))

    def transcript(self, scene: Scene, finished: Finished, metered: "Metered", /) -> Transcript:
        """What it did, from its events. They name no version: `program` has made sure of it."""
        skills = {s.name: telling_line(s.body) for s in scene.skills}
        read = answered(read_codex(finished.stdout.decode("utf-8", "replace"), skills), metered.calls)
        # Of a skill that the prompt names like `$invoices` Codex puts the body in, and no event says so.
        named = [name for name in skills if re.search(rf"\${re.escape(name)}(?![\w:-])", scene.prompt)]
        used = tuple(dict.fromkeys((*named, *read.skills_used)))
        return replace(read, skills_used=used, tool_version=self._version)


def make(options: Mapping[str, object]) -> Codex:
    """The agent with its options. Raises `ConfigError`."""
    return Codex(read_options(CliOptions, NAME, options))


KIND = AgentKind(make)
