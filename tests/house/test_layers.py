import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
LINT = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"


def lint(folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-c", LINT], cwd=folder, capture_output=True, text=True, check=False)


def test_the_layers_are_kept() -> None:
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout
    assert "layers KEPT" in done.stdout


def test_the_check_sees_a_broken_layer(tmp_path: Path) -> None:
    package = tmp_path / "sample_of_layers"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "high.py").touch()
    (package / "low.py").write_text("import sample_of_layers.high\n")
    (tmp_path / "pyproject.toml").write_text(
        "[tool.importlinter]\nroot_package = 'sample_of_layers'\n[[tool.importlinter.contracts]]\nname = 'layers'\n"
        "type = 'layers'\nlayers = ['sample_of_layers.high', 'sample_of_layers.low']\n"
    )
    done = lint(tmp_path)
    assert done.returncode == 1
    assert "layers BROKEN" in done.stdout
