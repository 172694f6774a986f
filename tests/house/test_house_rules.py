from pathlib import Path

import pytest

from tests.house.rules import broken, machine_paths, project_files

ROOT = Path(__file__).parents[2]
SHARP = "#"
LONG = "def f():\n" + "    a = 1\n" * 60
MANY = "def f(a, b, c, d, e, *, g, h): ...\n"


def test_the_project_keeps_its_house_rules() -> None:
    machine = machine_paths(ROOT, Path.home())
    files = list(project_files(ROOT))
    assert {"pyproject.toml", "skillopt_ci/errors.py", "tests/house/rules.py"} <= {name for name, _ in files}
    assert [line for name, text in files for line in broken(name, text, machine)] == []


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        ("skillopt_ci/a.py", "a = 1\n" * 301, "skillopt_ci/a.py:1: 301 lines (limit 300)"),
        ("skillopt_ci/a.py", LONG, "skillopt_ci/a.py:1: f: 61 lines (limit 60)"),
        ("skillopt_ci/a.py", MANY, "skillopt_ci/a.py:1: f: 7 parameters (limit 6)"),
        ("skillopt_ci/a.py", "try:\n    a()\nexcept Exception:\n    b()\n", ":3: an except that takes everything"),
        (
            "skillopt_ci/a.py",
            "try:\n    a()\nexcept (OSError, BaseException):\n    b()\n",
            ":3: an except",
        ),
        (
            "skillopt_ci/a.py",
            "try:\n    a()\nexcept:\n    b()\n",
            ":3: an except that takes everything",
        ),
        ("skillopt_ci/a.py", "def f():\n    global a\n", "skillopt_ci/a.py:2: a global statement"),
        ("skillopt_ci/a.py", "raise NotImplementedError\n", "skillopt_ci/a.py:1: NotImplementedError"),
        ("skillopt_ci/a.py", "raise NotImplementedError('a')\n", "skillopt_ci/a.py:1: NotImplementedError"),
        ("benchmarks/a.py", f"a = 1  {SHARP} TODO: more\n", "benchmarks/a.py:1: something left behind to do"),
        ("tests/test_a.py", f"{SHARP} FIXME\n", "tests/test_a.py:1: something left behind to do"),
        ("tests/test_a.py", "def test_a():\n    a()\n", "tests/test_a.py:1: test_a: asserts nothing"),
        (
            "tests/test_a.py",
            "class T:\n    def test_a(self):\n        asserted = 1\n",
            ":2: test_a: asserts nothing",
        ),
        ("tests/test_a.py", "def test_a():\n    assert True\n", "tests/test_a.py:2: an assertion that cannot fail"),
        ("tests/test_a.py", "def test_a():\n    assert 'a', b\n", "tests/test_a.py:2: an assertion that cannot fail"),
        ("README.md", "a\nsee /machine/checkout/x\n", "README.md:2: a path of this machine"),
        ("README.md", "see /machine/home/x\n", "README.md:1: a path of this machine"),
        (
            "action.yml",
            "runs:\n  steps:\n  - run: |\n      echo a\n      echo ${{ x }}\n",
            ":1: an expression",
        ),
        (
            ".github/workflows/a.yml",
            "jobs: {a: {steps: [{run: 'a ${{ b }}'}]}}",
            ":1: an expression",
        ),
        ("workflows/a.yaml", "a:\n- run: a ${{ b }}\n", "workflows/a.yaml:1: an expression inside run: a ${{ b }}"),
    ],
)
def test_a_broken_rule_is_found(name: str, text: str, wanted: str) -> None:
    (found,) = broken(name, text, {"/machine/checkout", "/machine/home/"})
    assert found.startswith(wanted if wanted.startswith(name) else name + wanted)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("skillopt_ci/a.py", "a = 1\n" * 300),
        ("skillopt_ci/a.py", "def f():\n" + "    a = 1\n" * 59),
        ("skillopt_ci/a.py", "class A:\n    def f(self, a, b, c, d, e, g): ...\n"),
        ("skillopt_ci/cli/a.py", MANY + "try:\n    a()\nexcept Exception:\n    b()\n"),
        ("skillopt_ci/a.py", "try:\n    a()\nexcept (OSError, ValueError):\n    b()\n"),
        ("tests/test_a.py", "def test_a():\n    with pytest.raises(ValueError):\n        a()\n"),
        ("tests/test_a.py", "def test_a():\n    check_all(1)\n"),
        ("tests/a.py", LONG + MANY),
        ("action.yml", "steps:\n- env: {A: '${{ x }}'}\n  run: echo $A\n"),
        ("skillopt.yml", "run: ${{ x }}\n"),
        ("docs/a.md", "a machine has a /home/ folder\n"),
    ],
)
def test_what_is_allowed_is_not_found(name: str, text: str) -> None:
    assert broken(name, text, {"/machine/checkout", "/machine/home/"}) == []


def test_the_paths_of_a_machine() -> None:
    assert machine_paths(Path("/a/b/c"), Path("/home/x")) == {"/a/b/c", "/a/b/", "/home/x/"}
    assert machine_paths(Path("/a"), Path("/")) == {"/a"}
