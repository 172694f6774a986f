"""Makes the action's own environment: a venv below RUNNER_TEMP with the locked dependencies and this package.

Run by its path with `python -I`, before anything is installed: the standard library only. Nothing is read from the
current folder, and every dependency is a wheel whose hash is in requirements.lock.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

OLDEST = (3, 11)
DONE = "installed"  # an empty file: the environment is whole
_SOURCES = ("pyproject.toml", "README.md", "LICENSE", "skillopt_ci")
# Modules are compiled when they are used: most of what is installed never is.
_PIP = ("install", "--quiet", "--disable-pip-version-check", "--no-input", "--no-compile")


def main() -> int:
    """Install below RUNNER_TEMP from GITHUB_ACTION_PATH and tell the runner, as output `python`, which one to use."""
    if sys.version_info < OLDEST:
        print(f"::error::skillopt-ci needs Python {OLDEST[0]}.{OLDEST[1]} or newer; this is {sys.version.split()[0]}")  # noqa: T201
        return 2
    source = Path(os.environ["GITHUB_ACTION_PATH"])
    try:
        python = install(source, Path(os.environ["RUNNER_TEMP"]))
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"::error::skillopt-ci could not be installed ({type(error).__name__}); the log above says why")  # noqa: T201
        return 5
    with Path(os.environ["GITHUB_OUTPUT"]).open("a", encoding="utf-8", newline="") as file:
        file.write(f"python={python}\n")
    return 0


def install(source: Path, temp: Path) -> Path:
    """Make the environment, or find the one that an earlier step made of the same files; returns its Python.

    Raises:
        OSError: a file is missing, or a place cannot be written.
        subprocess.CalledProcessError: pip failed; it has said why.
    """
    place = place_of(source, temp)
    python = place / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    done = place / DONE
    if done.is_file():
        return python
    shutil.rmtree(place, ignore_errors=True)
    # With the pip that is there: a second one takes a quarter of the time.
    if find_spec("pip"):
        _run(sys.executable, "venv", "--without-pip", str(place))
        pip = [sys.executable, "pip", "--python", str(python), *_PIP]
    else:
        _run(sys.executable, "venv", str(place))
        pip = [str(python), "pip", *_PIP]
    # Only wheels: nothing of a dependency is executed while it is installed.
    lock = str(source / "requirements.lock")
    _run(*pip, "--require-hashes", "--only-binary", ":all:", "-r", lock)
    # From a copy, as a build leaves files behind; by the locked setuptools, so nothing is downloaded without a hash.
    copy = place / "source"
    for name in _SOURCES:
        if (source / name).is_dir():
            shutil.copytree(source / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        else:
            copy.mkdir(exist_ok=True)
            shutil.copyfile(source / name, copy / name)
    _run(*pip, "--no-deps", "--no-build-isolation", "--no-index", str(copy))
    shutil.rmtree(copy)
    done.touch()
    return python


def place_of(source: Path, temp: Path) -> Path:
    """Where the environment of these files, made by this Python, is or will be."""
    found = hashlib.sha256(sys.version.encode())
    for path in _files(source):
        found.update(path.relative_to(source).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return temp / f"skillopt-ci-{found.hexdigest()[:16]}"


def _files(source: Path) -> Iterator[Path]:
    yield source / "requirements.lock"
    yield source / "pyproject.toml"
    yield from sorted(p for p in (source / "skillopt_ci").rglob("*") if p.suffix in (".py", ".md", ".json"))


def _run(python: str, *module: str) -> None:
    """Run a module of a Python. For another environment pip starts itself again, and without `-I`."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    subprocess.run([python, "-I", "-m", *module], env=env, check=True)  # noqa: S603 - a list, never a shell


if __name__ == "__main__":
    sys.exit(main())
