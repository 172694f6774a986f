"""Command lines that npm installs: which program they are, and that it is the version that is pinned."""

import json
import os
import platform
import re
import shutil
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path

from skillopt_ci.errors import ConfigError
from skillopt_ci.sandbox.scratch import Scratch

_MAGIC = (b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"MZ\x90\x00")
_VERSION = re.compile(r"\b(\d+\.\d+\.\d+(?:-[0-9A-Za-z.]+)?)\b")
_SECONDS = 60.0
_DEPTH, _LONGEST = 5, 64 * 1024
IN_CHECKOUT = "a relative path leads into the checkout, and whoever opens a pull request writes there"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A command line as it is published.

    Attributes:
        name: of the program.
        package: on npm.
        tested: the version that the harness was written for.
        natives: where its native programs are, as patterns below `node_modules`; `{platform}` is such as linux-x64.
    """

    name: str
    package: str
    tested: str
    natives: tuple[str, ...]

    def how(self, version: str) -> str:
        """How it is installed."""
        return f"`npm install -g {self.package}@{version}`"

    def packed(self, program: Path) -> str:
        """The version that the package around a program names; empty when it is in none. Runs nothing."""
        for folder in program.parents[:_DEPTH]:
            try:
                with (folder / "package.json").open("rb") as file:
                    value = json.loads(file.read(_LONGEST))
            except (OSError, ValueError, RecursionError):
                continue
            name, version = (value.get(k) for k in ("name", "version")) if isinstance(value, dict) else ("", "")
            ours = isinstance(name, str) and name.startswith(self.package)
            found = _VERSION.match(version) if ours and isinstance(version, str) else None
            return found[1].removesuffix(f"-{sys.platform}") if found else ""
        return ""


@dataclass
class Installed:
    """One command line on this machine, looked at once. `path` is what the configuration names, else PATH decides."""

    tool: Tool
    version: str
    path: str | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _found: Path | None = field(default=None, repr=False)

    def program(self) -> Path:
        """The native program, of the pinned version.

        Raises:
            ConfigError: it is not there, or another version is; says how to install it.
        """
        with self._lock:
            if self._found is None:
                found = self._find()
                self._require(found)
                self._found = found
            return self._found

    @property
    def package(self) -> str:
        """What npm installs, with the version."""
        return f"{self.tool.package}@{self.version}"

    def missing(self) -> str:
        """Why the pinned version cannot run, as far as files say; empty when they say nothing. Runs nothing."""
        try:
            found = self._find()
        except ConfigError as error:
            return str(error)
        version = self.tool.packed(found)
        return self._other(found, version) if version and version != self.version else ""

    def _find(self) -> Path:
        named = self.path or self.tool.name
        if relative(named):
            raise ConfigError(f"'path' of the harness is {named[:200]!r}: {IN_CHECKOUT}; write an absolute one")
        where = shutil.which(_expanded(named) if self.path else named)
        if where is None:
            said = f"there is no program at {named[:200]!r}" if self.path else f"{self.tool.name} is not installed"
            raise ConfigError(f"{said}; {self.tool.how(self.version)}, or name the program in 'path' of the harness")
        return native(Path(where), self.tool)

    def _require(self, program: Path) -> None:
        found = version_of(program)
        if found != self.version:
            raise ConfigError(self._other(program, found))

    def _other(self, program: Path, found: str) -> str:
        either = f", or write `version: {found}` in the harness; scores of two versions are not alike" if found else ""
        is_one = f"{program} is {self.tool.name} {found or 'of an unknown version'}"
        return f"{is_one}, and {self.version} is pinned: {self.tool.how(self.version)}{either}"


def relative(program: str) -> bool:
    """Whether a program is named by a path from here; a bare name is looked for on PATH."""
    path = _expanded(program)
    return not path.is_absolute() and program != path.name


def _expanded(program: str) -> Path:
    """With the home that a tilde stands for; as it is written where nobody knows that home."""
    try:
        return Path(program).expanduser()
    except RuntimeError:
        return Path(program)


def native(path: Path, tool: Tool) -> Path:
    """The native program behind what is on PATH: npm puts a script of node's there, which is one process more."""
    real = path.resolve()
    if _is_native(real):
        return real
    cpu = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}.get(platform.machine().lower(), "")
    for folder in real.parents:
        if folder.name == "node_modules" or (folder / "node_modules").is_dir():
            base = folder if folder.name == "node_modules" else folder / "node_modules"
            for pattern in tool.natives:
                for found in sorted(base.glob(pattern.format(platform=f"{sys.platform}-{cpu}"))):
                    if _is_native(found):
                        return found
    return real


def _is_native(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(4) in _MAGIC
    except OSError:
        return False


def version_of(program: Path) -> str:
    """What `--version` says; empty when it says none. Some write into their home even then: it is one for a while."""
    try:
        with Scratch() as home:
            done = subprocess.run(  # noqa: S603
                [str(program), "--version"],
                capture_output=True,
                timeout=_SECONDS,
                check=False,
                env={"PATH": os.environ.get("PATH", ""), "HOME": str(home), "TMPDIR": str(home)},
                stdin=subprocess.DEVNULL,
            )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    found = _VERSION.search(done.stdout.decode("utf-8", "replace"))
    return found[1] if found and done.returncode == 0 else ""
