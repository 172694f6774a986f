"""Find Chromium, and install what the tests and screenshots of report pages drive it with: playwright-core, axe-core.

`python scripts/browser.py` installs the two npm packages at the versions that are pinned here, into
$SKILLOPT_CI_BROWSER, else into the user's cache folder: never into the repository. `--apt` installs Chromium and npm
first, where they are missing, this is Debian or Ubuntu, and the user is root; elsewhere it changes nothing.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

VARIABLE = "SKILLOPT_CI_BROWSER"
PACKAGES = ("playwright-core@1.65.1", "axe-core@4.14.1")
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


class NotHereError(Exception):
    """There is no browser here, or no npm; says which."""


@dataclass(frozen=True)
class Browser:
    """Chromium, node, and the folder whose `node_modules` has the packages."""

    chromium: str
    node: str
    modules: Path


def home() -> Path:
    """The folder that holds the packages: one a set of versions."""
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named).resolve()
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "skillopt-ci" / "browser" / "_".join(p.replace("@", "-") for p in PACKAGES)


def browser() -> Browser:
    """Everything that is needed, the packages installed when they are not there yet.

    Raises:
        NotHereError: Chromium, node or npm is missing.
        RuntimeError: npm failed; says why.
    """
    chromium = next((found for name in NAMES if (found := shutil.which(name))), None)
    node, npm = shutil.which("node"), shutil.which("npm")
    if chromium is None:
        raise NotHereError("Chromium is not installed (on Debian: apt-get install chromium)")
    if node is None or npm is None:
        raise NotHereError("node and npm are not installed (on Debian: apt-get install npm)")
    place = home()
    if not _complete(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        with (place.parent / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # one of several test processes does it
            if not _complete(place):
                _install(npm, place)
    return Browser(chromium=chromium, node=node, modules=place)


def _complete(place: Path) -> bool:
    return all((place / "node_modules" / package.split("@")[0] / "package.json").is_file() for package in PACKAGES)


def _install(npm: str, place: Path) -> None:
    with tempfile.TemporaryDirectory(dir=place.parent) as folder:
        options = ["--prefix", folder, "--no-audit", "--no-fund", "--ignore-scripts", "--no-save", "--loglevel=error"]
        done = subprocess.run([npm, "install", *options, *PACKAGES], capture_output=True, text=True, check=False)  # noqa: S603
        made = Path(folder)
        if done.returncode or not _complete(made):
            raise RuntimeError(f"npm could not install {' '.join(PACKAGES)}: {done.stderr.strip()[-500:]}")
        (made / "package.json").write_text("{}\n", encoding="utf-8")
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(made, place, symlinks=True)


def from_apt() -> None:
    """Install Chromium and npm from the distribution, where that can be done without asking anybody."""
    wanted = [] if any(map(shutil.which, NAMES)) else ["chromium", "fonts-liberation"]
    wanted += [] if shutil.which("npm") else ["npm"]
    apt = shutil.which("apt-get")
    if not wanted or apt is None or os.geteuid() != 0:
        return
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for words in (["update", "-q"], ["install", "-q", "-y", "--no-install-recommends", *wanted]):
        subprocess.run([apt, *words], env=environment, check=False)  # noqa: S603 - what is missing then is told below


def main() -> int:
    """Install; 0 also where there is no browser: then the tests that need one are skipped."""
    if "--apt" in sys.argv:
        from_apt()
    try:
        found = browser()
    except NotHereError as error:
        print(f"{error}; tests that need it are skipped")  # noqa: T201
        return 0
    print(found.chromium, found.modules)  # noqa: T201
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
