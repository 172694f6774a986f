"""From a file to a `Config`, with every problem at once."""

import re
from typing import Any

from pydantic import ValidationError

from skillopt_ci.config.checks import ROLES, check
from skillopt_ci.config.explain import errors_of, explain, meant, prefixed
from skillopt_ci.config.locate import Located, Path, locate
from skillopt_ci.config.schema import Config
from skillopt_ci.config.words import looks_like_secret, show
from skillopt_ci.core.conflicts import UNMERGED, conflict_line
from skillopt_ci.core.tree import Tree
from skillopt_ci.errors import ConfigError, Problem

VERSION = 1
Placed = list[tuple[Path, Problem]]
_VARIABLE = re.compile(r"\$\{([A-Za-z_]\w*)\}")


def load_config(tree: Tree, path: str) -> Config:
    """Read and check a configuration.

    Raises:
        ConfigError: it is missing or cannot be used; carries every problem that was found, in the file's order.
    """
    data = tree.read(path)
    if unmerged := conflict_line(data.decode("utf-8", "replace")):
        raise ConfigError([Problem(path, unmerged, 0, UNMERGED)])
    source = locate(data, path)
    _check_root(source)
    placed = _variables(source)
    said = [path for path, _ in placed]
    config = _validated(source, placed, said)
    if config is not None:
        placed += _unsaid(check(config), said)
    problems = [*source.problems, *(problem for _, problem in placed)]
    if config is None or problems:
        raise ConfigError(sorted(dict.fromkeys(problems)))
    return config


def _validated(source: Located, placed: Placed, said: list[Path]) -> Config | None:
    """The configuration, as far as it can be used for further checks; what is wrong is added to `placed`, and where
    that is to `said`.

    What has errors is taken out and the rest is validated again, so that one mistake does not hide another. A key that
    is probably misspelt gets the name that it probably has, so that nothing is said to be missing for it.
    """
    for again in range(3):
        try:
            return Config.model_validate(source.value).located(source)
        except ValidationError as error:
            details = errors_of(error)
            renamed = {old: new for old, new in meant(details, Config).items() if _rename(source.value, old, new)}
            said += renamed.values()
            found = _unsaid(explain(details, Config, source), said)
            placed += found
            said += [path for path, _ in found]
            for detail in details:
                _take_out(source.value, detail["loc"], whole=bool(again))
    return None


def _take_out(value: Any, path: Path, *, whole: bool) -> None:
    """Remove the key at `path`; with `whole`, what holds it. Skills, models and providers get a stand-in."""
    if whole and path[0] == "skills" and len(path) > 1:
        value["skills"][path[1]] = {"path": "SKILL.md", "tasks": ["stand-in"]}
        return
    path = path[:-1] if whole else path
    holder = _holder(value, path)
    if holder is None or path[-1] not in holder:
        return
    del holder[path[-1]]
    if path[0] == "providers" and len(path) == 2:
        holder[path[-1]] = {"type": "simulated"}
    elif path[-1] in ROLES and (len(path) == 1 or (path[0] == "skills" and len(path) == 3)):
        holder[path[-1]] = {"provider": "simulated", "model": "stand-in"}


def _rename(value: Any, old: Path, new: Path) -> bool:
    """Give a key another name; whether that name was free."""
    holder = _holder(value, old)
    if holder is None or old[-1] not in holder or new[-1] in holder:
        return False
    holder[new[-1]] = holder.pop(old[-1])
    return True


def _holder(value: Any, path: Path) -> dict[Any, Any] | None:
    """The mapping that the key at a path stands in."""
    part: Any
    for part in path[:-1]:
        value = value[part] if isinstance(value, dict | list) else None
    return value if isinstance(value, dict) and path else None


def _unsaid(found: Placed, said: list[Path]) -> Placed:
    """The problems that are not about what was complained of already, or about what holds it or lies in it."""
    return [(path, p) for path, p in found if not any(path[: len(q)] == q[: len(path)] for q in said)]


def _check_root(source: Located) -> None:
    """The version decides how all else is read: a wrong one is the only thing said."""
    if not isinstance(source.value, dict):
        words = f"must be a mapping of keys to values, not {show(source.value)}; it begins with `version: {VERSION}`"
        raise ConfigError([source.problem((), words)])
    version = source.value.get("version", VERSION)
    if type(version) is not int or version != VERSION:
        words = f"version {show(version)} is not one that this skillopt-ci reads; it reads `version: {VERSION}`"
        raise ConfigError([source.problem(("version",), words)])


def _variables(source: Located) -> Placed:
    """`${VAR}` in a value: people expect it to be expanded. Further checks see the variable's name alone."""
    found: Placed = []

    def look(holder: Any, path: Path) -> None:
        for key, item in list(holder.items() if isinstance(holder, dict) else enumerate(holder)):
            place = (*path, key)
            if isinstance(item, dict | list):
                look(item, place)
            elif isinstance(item, str) and (match := _VARIABLE.search(item)):
                shown = "${...}" if looks_like_secret(match[1]) else match[0]
                words = f"{shown} is not expanded; name the environment variable in api_key_env, without '${{}}'"
                found.append((place, source.problem(place, prefixed(source, place, words))))
                holder[key] = _VARIABLE.sub(r"\1", item)

    look(source.value, ())
    return found
