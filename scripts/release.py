"""What the release workflow runs: `python scripts/release.py COMMIT`.

Checks that pyproject.toml, the package and the changelog name the same version, writes the commit into the package, so
that `init` of a released program can pin it, and tells the runner `version` and `major`. Nothing is published here.
"""

import os
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COMMIT = ROOT / "skillopt_ci" / "commit.txt"


def version_of(pyproject: str, package: str, changelog: str) -> str:
    """The version that is to be released. Raises `ValueError` when the three texts do not agree."""
    version = str(tomllib.loads(pyproject)["project"]["version"])
    if not re.fullmatch(r"(?:0|[1-9]\d*)(?:\.(?:0|[1-9]\d*)){2}", version):
        raise ValueError(f"pyproject.toml: version {version} is not MAJOR.MINOR.PATCH")
    if f'__version__ = "{version}"' not in package:
        raise ValueError(f"skillopt_ci/__init__.py does not say {version}")
    if not re.search(rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d$", changelog, re.MULTILINE):
        raise ValueError(f"CHANGELOG.md has no section '## [{version}] - YYYY-MM-DD'")
    return version


def main(commit: str) -> str | None:
    """Returns what is wrong, or None."""
    if not re.fullmatch("[0-9a-f]{40}", commit):
        return "name the commit, all 40 digits"
    texts = (ROOT / name for name in ("pyproject.toml", "skillopt_ci/__init__.py", "CHANGELOG.md"))
    try:
        version = version_of(*(path.read_text(encoding="utf-8") for path in texts))
    except ValueError as error:
        return str(error)
    COMMIT.write_text(commit + "\n", encoding="ascii")
    with Path(os.environ["GITHUB_OUTPUT"]).open("a", encoding="utf-8", newline="\n") as file:
        file.write(f"version={version}\nmajor=v{version.partition('.')[0]}\n")
    return None


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]) if len(sys.argv) == 2 else "usage: python scripts/release.py COMMIT")
