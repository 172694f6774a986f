"""The house rules of this project as functions from a file's path and text to what is wrong in it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import yaml

FILE_LINES, FUNCTION_LINES, PARAMETERS = 300, 60, 6
_LEFT_BEHIND = re.compile(r"#\s*(?:TODO|FIXME|XXX|HACK)\b")
_CHECKS = re.compile(r"^(?:raises|warns|(?:_?assert|_?check|_?expect|_?verify)\w*)$")
_FOLDERS = ("skillopt_ci", "tests", "benchmarks", "examples", "docs", "workflows", ".github", ".ci")
_SUFFIXES = {".py", ".md", ".yml", ".yaml", ".toml", ".sh", ".cfg", ".ini"}


def project_files(root: Path) -> Iterator[tuple[str, str]]:
    """Path (relative, with slashes) and text of every file the rules speak about."""
    inside = (path for folder in _FOLDERS for path in sorted((root / folder).rglob("*")))
    for path in [*sorted(root.glob("*")), *inside]:
        name = path.relative_to(root).as_posix()
        known = path.suffix in _SUFFIXES or path.name in ("Makefile", "run")
        generated = {"__pycache__", ".skillopt", "node_modules"} & set(path.parts) or ".egg-info" in name
        if known and path.is_file() and not path.is_symlink() and not generated:
            yield name, path.read_text(encoding="utf-8", errors="replace")


def machine_paths(root: Path, home: Path) -> set[str]:
    """What names this machine: the checkout, the folder it is in and the home folder."""
    return {str(root), f"{root.parent}/", f"{home}/"} - {"/", "//"}


def broken(name: str, text: str, machine: set[str]) -> list[str]:
    """Every rule the file breaks, as `path:line: what`."""
    found = [(n, "a path of this machine") for n, line in _lines(text) if any(place in line for place in machine)]
    if name.endswith((".yml", ".yaml")) and (
        name.startswith((".github/", "workflows/")) or name.endswith("action.yml")
    ):
        found += [(1, what) for what in _expressions_in_run(yaml.safe_load(text))]
    if name.endswith(".py"):
        found += [(n, "something left behind to do") for n, line in _lines(text) if _LEFT_BEHIND.search(line)]
        tree = ast.parse(text)
        found += _package(name, text, tree) if name.startswith("skillopt_ci/") else []
        found += _tests(tree) if name.startswith("tests/") else []
    return [f"{name}:{line}: {what}" for line, what in sorted(found)]


def _lines(text: str) -> list[tuple[int, str]]:
    return list(enumerate(text.splitlines(), 1))


def _expressions_in_run(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            if key == "run" and isinstance(item, str) and "${{" in item:
                yield f"an expression inside run: {item.splitlines()[0]}"
            yield from _expressions_in_run(item)
    elif isinstance(value, list):
        for item in value:
            yield from _expressions_in_run(item)


def _package(name: str, text: str, tree: ast.Module) -> Iterator[tuple[int, str]]:
    command_line = name.startswith("skillopt_ci/cli/")
    if text.count("\n") > FILE_LINES:
        yield 1, f"{text.count(chr(10))} lines (limit {FILE_LINES})"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _function(node, command_line=command_line)
        elif isinstance(node, ast.ExceptHandler) and not command_line:
            kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            if any(kind is None or ast.unparse(kind) in ("Exception", "BaseException") for kind in kinds):
                yield node.lineno, "an except that takes everything"
        elif isinstance(node, ast.Global):
            yield node.lineno, "a global statement"
        elif isinstance(node, ast.Name) and node.id == "NotImplementedError":
            yield node.lineno, "NotImplementedError"


def _function(node: ast.FunctionDef | ast.AsyncFunctionDef, *, command_line: bool) -> Iterator[tuple[int, str]]:
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    if lines > FUNCTION_LINES:
        yield node.lineno, f"{node.name}: {lines} lines (limit {FUNCTION_LINES})"
    arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    count = sum(argument.arg not in ("self", "cls") for argument in arguments)
    if count > PARAMETERS and not command_line:
        yield node.lineno, f"{node.name}: {count} parameters (limit {PARAMETERS})"


def _tests(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert) and isinstance(node.test, ast.Constant) and node.test.value:
            yield node.lineno, "an assertion that cannot fail"
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_") and not _asserts(node):
            yield node.lineno, f"{node.name}: asserts nothing"


def _asserts(function: ast.FunctionDef) -> bool:
    for node in ast.walk(function):
        if isinstance(node, ast.Assert):
            return True
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if _CHECKS.match(called):
                return True
    return False
