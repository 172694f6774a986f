"""Projects that several tests start from."""

import shutil
from pathlib import Path

import pytest

from tests.cli.world import call, repository


@pytest.fixture(scope="session")
def _trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("trained") / "project"
    repository(root)
    assert call(root, "train", "--quiet").code == 0
    return root


@pytest.fixture
def trained(_trained: Path, tmp_path: Path) -> Path:
    """A copy of a repository with one finished run that proposes a change."""
    return shutil.copytree(_trained, tmp_path / "project", symlinks=True)
