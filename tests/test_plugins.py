import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from skillopt_ci.errors import UsageError
from skillopt_ci.harnesses.base import AgentKind
from skillopt_ci.plugins import BUILTIN, load, names

ROOT = Path(__file__).parents[1]

ASK = """
import json
from skillopt_ci.errors import UsageError
from skillopt_ci.plugins import load, names
said = {"names": names("graders"), "own": load("graders", "exact").__module__, "mine": load("graders", "mine")}
for name in ("lost", "gone", "mime"):
    try:
        load("graders", name)
    except UsageError as error:
        said[name] = str(error)
print(json.dumps(said))
"""


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, own in BUILTIN.items() for name in own])
def test_every_name_of_ours_loads(kind: str, name: str) -> None:
    loaded = load(kind, name)
    assert callable(loaded.make if isinstance(loaded, AgentKind) else loaded)
    assert name in names(kind)


@pytest.mark.parametrize(
    ("kind", "name", "message"),
    [
        ("graders", "exakt", "unknown grader 'exakt'; perhaps you meant 'exact'?"),
        ("harnesses", "zzz", "unknown harness 'zzz'; known: chat"),
        ("suites", "nativ", "unknown task format 'nativ'; perhaps you meant 'native'?"),
        ("providers", "a\nb", r"unknown provider 'a\nb'; known: openai, azure-openai, anthropic, simulated"),
        ("optimizers", "", "unknown optimizer ''; known: skillopt"),
    ],
)
def test_an_unknown_name_says_what_is_known(kind: str, name: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        load(kind, name)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_other_packages_add_names_and_never_replace_ours(tmp_path: Path) -> None:
    about = tmp_path / "plug-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: plug\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(
        "[skillopt_ci.graders]\nmine = plug:GRADER\nexact = plug:GRADER\nlost = nowhere:GRADER\ngone = plug:NOTHING\n"
    )
    (tmp_path / "plug.py").write_text("GRADER = 'a grader'\n")
    env = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    command = [sys.executable, "-c", ASK]
    done = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, check=True)
    said = json.loads(done.stdout)
    assert said["names"] == [*BUILTIN["graders"], "gone", "lost", "mine"]
    assert said["own"] == "skillopt_ci.graders.text"
    assert said["mine"] == "a grader"
    assert said["lost"] == "the plug-in 'lost' (nowhere:GRADER) cannot be loaded: No module named 'nowhere'"
    assert said["gone"].startswith("the plug-in 'gone' (plug:NOTHING) cannot be loaded: ")
    assert said["mime"] == "unknown grader 'mime'; perhaps you meant 'mine'?"
