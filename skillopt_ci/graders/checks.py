"""Lists of checks: the value is the share that is met, passed is all of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from skillopt_ci.core.rollout import Score
from skillopt_ci.core.task import GraderSpec
from skillopt_ci.core.texts import plural
from skillopt_ci.errors import ConfigError
from skillopt_ci.graders import wording
from skillopt_ci.graders.base import strings


@dataclass(frozen=True, slots=True)
class Checked:
    """One check: whether it is met, and if not why, for people and for the optimizer."""

    met: bool
    why: str = ""
    hint: str = ""


def share(spec: GraderSpec, done: Sequence[Checked], right: str) -> Score:
    """The score of a list of checks; never an empty one."""
    unmet = [c for c in done if not c.met]
    value = (len(done) - len(unmet)) / len(done)
    if not unmet:
        return wording.right(spec, "", right)
    bare = f"{len(done) - len(unmet)} of {plural(len(done), 'check')} passed"
    return wording.scored(
        spec,
        value,
        False,
        why="; ".join([bare, *(c.why for c in unmet)]),
        hint="; ".join([bare, *dict.fromkeys(c.hint for c in unmet)]),
        bare=bare,
    )


def texts(spec: GraderSpec, key: str) -> tuple[str, ...]:
    """An option that is a text or a list of texts, none of them empty. Raises `ConfigError`."""
    found = strings(spec, key)
    if "" in found:
        raise ConfigError(f"grader '{spec.type}': option '{key}' holds an empty text")
    return found


def mapping(spec: GraderSpec, key: str) -> dict[str, str]:
    """An option that maps texts to texts. Raises `ConfigError`."""
    value = spec.options.get(key, {})
    if not isinstance(value, dict) or not all(isinstance(k, str) and isinstance(v, str) for k, v in value.items()):
        raise ConfigError(f"grader '{spec.type}': option '{key}' must be a mapping of texts to texts")
    return value


def at_least_one(spec: GraderSpec, *kinds: object) -> None:
    """Refuse a grader without a check. Raises `ConfigError`."""
    if not any(kinds):
        raise ConfigError(f"grader '{spec.type}': it checks nothing; give it at least one option")
