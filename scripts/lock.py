"""Write requirements.lock: `python scripts/lock.py`; with --check only look whether it fits pyproject.toml (offline).

The lock holds every run-time dependency for every platform and Python that the project supports, with the hashes of all
its files, and setuptools, which builds the package where the action installs it.
"""

import re
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements.lock"
HEADER = "# Made by `python scripts/lock.py`. The action installs exactly this (pip --require-hashes).\n"
_ENTRY = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)(?: ; .*?)? \\$", re.MULTILINE)


def wanted() -> list[str]:
    """What pyproject.toml asks for: to run, and to build."""
    value = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return [*value["project"]["dependencies"], *value["build-system"]["requires"]]


def write() -> None:
    """Resolve for all platforms and write the lock."""
    command = [sys.executable, "-m", "uv", "pip", "compile", "-", "--universal", "--generate-hashes", "--quiet"]
    options = ["--python-version", "3.11", "--no-header", "--no-annotate"]
    done = subprocess.run(  # noqa: S603
        [*command, *options], input="\n".join(wanted()), cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"uv could not resolve the dependencies:\n{done.stderr}")
    LOCK.write_text(HEADER + done.stdout, encoding="utf-8", newline="\n")


def problems(lock: str, requirements: Sequence[str]) -> list[str]:
    """What in a lock does not fit the requirements: missing, out of range, or without a hash."""
    found = {name.lower().replace("_", "-"): version for name, version in _ENTRY.findall(lock)}
    said = []
    for text in requirements:
        requirement = Requirement(text)
        version = found.get(requirement.name.lower().replace("_", "-"))
        if version is None or version not in requirement.specifier:
            said.append(f"requirements.lock has {requirement.name} {version}, and pyproject.toml asks for {text}")
    for line in re.split(r"\n(?=\S)", lock):
        if not line.startswith("#") and line.strip() and "--hash=sha256:" not in line:
            said.append(f"requirements.lock: no hash for {line.split()[0]}")
    return said


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        sys.exit("\n".join(problems(LOCK.read_text(encoding="utf-8"), wanted())) or None)
    write()
