import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from skillopt_ci.actions.install import DONE, install, main, place_of

ROOT = Path(__file__).parents[2]


def source(folder: Path, lock: str) -> Path:
    """As small as a package can be."""
    package = folder / "action" / "skillopt_ci"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("WORD = 'installed'\n")
    (package / ".cache").write_text("left out")
    (package.parent / "README.md").write_text("read me")
    (package.parent / "LICENSE").write_text("free")
    (package.parent / "requirements.lock").write_text(lock)
    (package.parent / "pyproject.toml").write_text(
        "[build-system]\nrequires = ['setuptools']\nbuild-backend = 'setuptools.build_meta'\n"
        "[project]\nname = 'skillopt-ci'\nversion = '0'\n[tool.setuptools]\npackages = ['skillopt_ci']\n"
    )
    return package.parent


def locked(name: str) -> str:
    """The lines of one package in the real lock."""
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    found = re.search(rf"^{name}==(?:.*\\\n)+.*\n", text, re.MULTILINE)
    assert found is not None
    return found[0]


def test_a_package_is_installed_once_from_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    action = source(tmp_path, locked("setuptools"))
    before = sorted(action.rglob("*"))
    output = tmp_path / "output"
    monkeypatch.setenv("GITHUB_ACTION_PATH", str(action))
    monkeypatch.setenv("RUNNER_TEMP", str(tmp_path / "temp"))
    monkeypatch.setenv("GITHUB_OUTPUT", str(output))
    stray = tmp_path / "stray"
    stray.mkdir()
    (stray / "sitecustomize.py").write_text(f"open({str(stray / 'ran')!r}, 'w')")
    (stray / "setuptools.py").write_text("1 / 0")
    monkeypatch.setenv("PYTHONPATH", str(stray))  # a job's variables are no part of what is installed
    monkeypatch.chdir(stray)
    assert main() == 0
    assert not (stray / "ran").exists()
    python = Path(output.read_text(encoding="utf-8").removeprefix("python=").strip())
    asked = [str(python), "-I", "-c", "import skillopt_ci; print(skillopt_ci.WORD, skillopt_ci.__file__)"]
    word, _, where = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip().partition(" ")
    assert word == "installed"
    assert Path(where).is_relative_to(place_of(action, tmp_path / "temp"))
    assert sorted(action.rglob("*")) == before
    (python.parents[1] / "kept").touch()
    assert install(action, tmp_path / "temp") == python
    assert (python.parents[1] / "kept").exists()
    (python.parents[1] / DONE).unlink()  # an installation that was cut off is no installation
    (action / "requirements.lock").write_text("nothing==1 --hash=sha256:" + "0" * 64)
    with pytest.raises(subprocess.CalledProcessError):
        install(action, tmp_path / "temp")


def test_a_python_without_pip_makes_an_environment_that_has_it(tmp_path: Path) -> None:
    action, temp, bare = source(tmp_path, locked("setuptools")), tmp_path / "temp", tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bare)], check=True)
    told = {"GITHUB_ACTION_PATH": str(action), "RUNNER_TEMP": str(temp), "GITHUB_OUTPUT": str(tmp_path / "output")}
    script = str(ROOT / "skillopt_ci/actions/install.py")
    subprocess.run([str(bare / "bin/python"), "-I", script], env={**os.environ, **told}, check=True)
    (place,) = temp.iterdir()
    where = [str(place / "bin/python"), "-I", "-c", "import skillopt_ci; print(skillopt_ci.WORD)"]
    assert subprocess.run(where, capture_output=True, text=True, check=True).stdout == "installed\n"


def test_every_file_counts_for_the_place(tmp_path: Path) -> None:
    action = source(tmp_path, "")
    first = place_of(action, tmp_path)
    (action / "skillopt_ci" / "more.py").write_text("")
    second = place_of(action, tmp_path)
    (action / "requirements.lock").write_text("a")
    assert len({first, second, place_of(action, tmp_path)}) == 3
    assert first.name.startswith("skillopt-ci-")


def test_what_is_not_there_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITHUB_ACTION_PATH", str(tmp_path))
    monkeypatch.setenv("RUNNER_TEMP", str(tmp_path))
    assert main() == 5
    assert "::error::skillopt-ci could not be installed (FileNotFoundError)" in capfd.readouterr().out


def test_an_old_python_is_refused() -> None:
    code = "import sys; sys.version_info = (3, 9); import skillopt_ci.actions.install as i; sys.exit(i.main())"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "needs Python 3.11 or newer" in done.stdout
