"""Which program is run, and that it is the pinned version; options of the harnesses."""

import json
import os
import re
import shutil
import sys
from pathlib import Path
from typing import cast

import pytest

from skillopt_ci.errors import ConfigError
from skillopt_ci.harnesses import claude_code, codex, command
from skillopt_ci.harnesses.agent import Agent
from skillopt_ci.harnesses.claude_code import ClaudeCode
from skillopt_ci.harnesses.codex import Codex
from skillopt_ci.harnesses.installed import Installed, Tool, native, version_of
from skillopt_ci.harnesses.present import missing, package, require

TOOL = Tool(name="toolx", package="@x/toolx", tested="1.2.3", natives=("@x/toolx-{platform}/bin/toolx",))
HERE = f"{sys.platform}-{'arm64' if os.uname().machine in ('aarch64', 'arm64') else 'x64'}"


def script(path: Path, says: str, code: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{says}'\nexit {code}\n")
    path.chmod(0o755)
    return path


def test_the_pinned_version_is_taken(tmp_path: Path) -> None:
    path = script(tmp_path / "toolx", "toolx 1.2.3 (build)")
    assert Installed(TOOL, "1.2.3", str(path)).program() == path


@pytest.mark.parametrize(
    ("says", "code", "why"),
    [
        ("toolx 1.2.4", 0, "is toolx 1.2.4, and 1.2.3 is pinned"),
        ("hello", 0, "unknown version"),
        ("toolx 1.2.3", 1, "unknown version"),
    ],
)
def test_another_version_is_refused(tmp_path: Path, says: str, code: int, why: str) -> None:
    path = script(tmp_path / "toolx", says, code)
    with pytest.raises(ConfigError, match=why) as caught:
        Installed(TOOL, "1.2.3", str(path)).program()
    assert "npm install -g @x/toolx@1.2.3" in str(caught.value)


def test_nothing_installed_says_how(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match=r"toolx is not installed; `npm install -g @x/toolx@1\.2\.3`"):
        Installed(TOOL, "1.2.3").program()
    with pytest.raises(ConfigError, match="no program at"):
        Installed(TOOL, "1.2.3", str(tmp_path / "no")).program()


def placed(folder: Path, name: object, version: object) -> Path:
    """A program in a package; when it is run it leaves a file."""
    program = folder / "vendor" / "bin" / "toolx"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\ntouch {folder}/ran\necho toolx 1.2.3\n")
    program.chmod(0o755)
    (folder / "package.json").write_text(json.dumps({"name": name, "version": version}))
    return program


@pytest.mark.parametrize(
    ("name", "version", "found"),
    [
        ("@x/toolx", "1.2.3", ""),
        ("@x/toolx-linux-x64", f"1.2.3-{sys.platform}-x64", ""),
        ("@x/toolx", f"1.2.3-beta.4-{sys.platform}-x64", "1.2.3-beta.4"),
        ("@x/toolx", "1.2.4", "1.2.4"),
        ("other", "1.2.4", ""),
        ("@x/toolx", "new", ""),
        (3, ["1.2.4"], ""),
    ],
)
def test_a_look_at_files_alone(tmp_path: Path, name: object, version: object, found: str) -> None:
    program = placed(tmp_path, name, version)
    said = Installed(TOOL, "1.2.3", str(program)).missing()
    assert (f"is toolx {found}, and 1.2.3 is pinned: `npm install -g @x/toolx@1.2.3`" in said) is bool(found)
    assert bool(said) is bool(found)
    assert not (tmp_path / "ran").exists()
    assert "no program at" in Installed(TOOL, "1.2.3", str(tmp_path / "no")).missing()


@pytest.mark.parametrize("data", [b"", b"[" * 100_000, b"\xff\xfe{", b"[]", b'{"name": "@x/toolx", "version": "1.2.4"'])
def test_a_package_that_cannot_be_read_says_nothing(tmp_path: Path, data: bytes) -> None:
    program = placed(tmp_path, "", "")
    (tmp_path / "package.json").write_bytes(data)
    assert Installed(TOOL, "1.2.3", str(program)).missing() == ""


def test_a_version_that_only_the_program_knows(tmp_path: Path) -> None:
    path = str(script(tmp_path / "codex", "codex-cli 0.1.0"))
    made = codex.make({"path": path})
    assert missing(made, confined=True) == ""
    with pytest.raises(ConfigError, match=r"^harness 'codex': .*codex is codex 0\.1\.0, and 0\.169\.0 is pinned"):
        require(made, "codex", confined=True)
    assert require(codex.make({"path": path, "version": "0.1.0"}), "codex", confined=True) == "0.1.0"


def test_an_agent_of_another_package_need_not_be_found() -> None:
    class Plain:
        readable: tuple[Path, ...] = ()

        def identity(self) -> dict[str, object]:
            return {"version": "7"}

    plain = cast(Agent, Plain())
    assert (missing(plain, confined=True), package(plain), require(plain, "plain", confined=True)) == ("", "", "7")
    assert package(claude_code.make({})) == "@anthropic-ai/claude-code@2.1.329"
    assert package(codex.make({"version": "1.0.0"})) == "@openai/codex@1.0.0"
    assert package(command.make({"run": ["x"]})) == ""


def test_a_program_of_the_checkout_is_not_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    script(tmp_path / "toolx", "1.2.3")
    monkeypatch.chdir(tmp_path)
    for path in ("./toolx", "../" + tmp_path.name + "/toolx", "~nobody-of-this-name/toolx"):
        with pytest.raises(ConfigError, match=r"leads into the checkout.*write an absolute one"):
            Installed(TOOL, "1.2.3", path).program()


def test_path_is_searched_and_looked_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = script(tmp_path / "toolx", "1.2.3")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    installed = Installed(TOOL, "1.2.3")
    assert installed.program() == path
    path.unlink()
    assert installed.program() == path


@pytest.mark.parametrize("inner", ["node_modules", "node_modules/@x/toolx/node_modules"])
def test_the_native_program_behind_the_script_of_npm(tmp_path: Path, inner: str) -> None:
    wrapper = script(tmp_path / "lib/node_modules/@x/toolx/bin/toolx.js", "node")
    binary = tmp_path / "lib" / inner / f"@x/toolx-{HERE}/bin/toolx"
    binary.parent.mkdir(parents=True)
    shutil.copy(shutil.which("true") or "/bin/true", binary)
    link = tmp_path / "bin" / "toolx"
    link.parent.mkdir()
    link.symlink_to(wrapper)
    assert native(link, TOOL) == binary
    assert native(binary, TOOL) == binary
    binary.unlink()
    assert native(link, TOOL) == wrapper


def test_version_of_what_cannot_run(tmp_path: Path) -> None:
    assert version_of(tmp_path) == ""
    assert version_of(tmp_path / "nothing") == ""


@pytest.mark.parametrize(
    ("make", "options", "why"),
    [
        (claude_code.make, {"max_turn": 3}, "claude-code: unknown option 'max_turn'; perhaps you meant 'max_turns'?"),
        (codex.make, {"zzz": 3}, "codex: unknown option 'zzz'; known: path, version"),
        (codex.make, {"max_turns": "3"}, "codex: option 'max_turns': input should be a valid integer"),
        (codex.make, {"seconds": 0.0}, "codex: option 'seconds': input should be greater than 0"),
        (codex.make, {"seconds": float("nan")}, "codex: option 'seconds'"),
        (claude_code.make, {"tools": []}, "claude-code: option 'tools'"),
        (claude_code.make, {"tools": "Bash"}, "claude-code: option 'tools'"),
        (claude_code.make, {"path": ""}, "claude-code: option 'path'"),
    ],
)  # fmt: skip
def test_options_that_do_not_fit(make: type[Codex], options: dict[str, object], why: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make(options)  # type: ignore[arg-type]
    assert why in str(caught.value)


def test_what_is_in_the_key_and_what_is_not() -> None:
    plain: ClaudeCode = claude_code.make({})
    assert plain.identity() == claude_code.make({"path": "/x/claude", "seconds": 5}).identity()
    for more in ({"version": "9.9.9"}, {"tools": ["Bash"]}, {"allowed_tools": ["Read"]}, {"max_turns": 3}):
        assert claude_code.make(more).identity() != plain.identity()
    assert codex.make({"version": "9.9.9"}).identity() != codex.make({}).identity()
    assert codex.make({"max_turns": 7}).limits.turns == 7
    assert plain.identity()["version"] == "2.1.329"
    assert claude_code.make({"tools": ["Bash", "Skill", "Bash"]}).identity()["tools"] == ["Bash", "Skill"]


@pytest.mark.parametrize("tool", [claude_code.TOOL, codex.TOOL], ids=lambda t: t.name)
def test_what_the_documentation_installs_is_what_is_pinned(tool: Tool) -> None:
    root = Path(__file__).parents[2]
    texts = [p.read_text(encoding="utf-8") for p in (*root.glob("*.md"), *root.glob("docs/*.md"))]
    named = re.findall(rf"{re.escape(tool.package)}@([\w.-]+)", "\n".join(texts))
    assert len(named) > 1
    assert set(named) == {tool.tested}


def test_a_program_that_writes_into_its_home_leaves_nothing(tmp_path: Path) -> None:
    said = tmp_path / "said"
    program = script(tmp_path / "toolx", "toolx 1.2.3")
    program.write_text(f'#!/bin/sh\nmkdir -p "$HOME/.toolx" && echo "$HOME" > {said}\necho toolx 1.2.3\n')
    assert version_of(program) == "1.2.3"
    home = Path(said.read_text().strip())
    assert home not in (Path.home(), Path("/"))
    assert not home.exists()
