"""The grader `json`: a JSON value in the answer, checked by a schema and by its fields."""

import json
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from typing import Any

import jsonschema
from jsonschema import validators
from jsonschema.exceptions import SchemaError, ValidationError
from referencing import Registry
from referencing.exceptions import Unresolvable

from skillopt_ci.core.rollout import Score
from skillopt_ci.core.task import GraderSpec, Task
from skillopt_ci.core.texts import plural
from skillopt_ci.core.trajectory import Trajectory
from skillopt_ci.errors import CallFailedError, ConfigError
from skillopt_ci.graders import patterns, wording
from skillopt_ci.graders.base import Grader, JudgeModel, check_options
from skillopt_ci.graders.json_text import find_json, find_objects, loads

_MAX_ERRORS = 5
_LIMITS = frozenset(
    {
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength"),
        *("minItems", "maxItems", "minProperties", "maxProperties", "uniqueItems"),
    }
)
_MISSING = object()


def same(first: object, second: object) -> bool:
    """Equality of JSON values: 1 is 1.0, but true is not 1."""
    if isinstance(first, bool) or isinstance(second, bool):
        return first is second
    if isinstance(first, dict) and isinstance(second, dict):
        return first.keys() == second.keys() and all(same(v, second[k]) for k, v in first.items())
    if isinstance(first, list) and isinstance(second, list):
        return len(first) == len(second) and all(same(a, b) for a, b in zip(first, second, strict=True))
    return first == second


def kind_of(value: object) -> str:
    """The JSON type of a value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "number"
    if isinstance(value, dict):
        return "object"
    return "array" if isinstance(value, list) else "string"


def look_up(value: object, path: str) -> object:
    """What stands at a dotted path (`items.0.name`); a marker that equals nothing when it is not there."""
    for part in path.split("."):
        if isinstance(value, dict):
            value = value.get(part, _MISSING)
        elif isinstance(value, list) and part.isdecimal() and len(part) < 10 and int(part) < len(value):
            value = value[int(part)]
        else:
            return _MISSING
    return value


@dataclass(frozen=True, slots=True)
class _Finding:
    """One check that failed, for people and for the optimizer."""

    why: str
    hint: str


@dataclass(frozen=True, slots=True)
class _Json:
    spec: GraderSpec
    validator: Any  # a jsonschema validator, or None without a schema
    fields: Mapping[str, object]
    whole: bool
    anywhere: bool

    def grade(self, _task: Task, trajectory: Trajectory, /) -> Score:
        total = (self.whole or self.anywhere) + (self.validator is not None) + len(self.fields)
        try:
            value = self._find(trajectory.answer)
        except ValueError:
            why = f"no JSON found in {wording.quoted(trajectory.answer)}"
            hint = "no valid JSON found in the answer"
            if self.whole:
                why = f"not JSON as a whole: {wording.quoted(trajectory.answer)}"
                hint = "the answer must be valid JSON and nothing else, without a code fence"
            return wording.scored(self.spec, 0.0, False, why=why, hint=hint, bare=hint)
        schema = self._violations(value)
        fields = self._fields(value)
        met = total - bool(schema) - len(fields)
        said = f"{met} of {plural(total, 'check')} passed"
        if met == total:
            return wording.scored(self.spec, 1.0, True, why=said, hint=said, bare=said)
        findings = [*schema, *fields]
        why = "; ".join(dict.fromkeys(f.why for f in findings))
        hint = "; ".join(dict.fromkeys(f.hint for f in findings))
        why, hint = f"{why} ({said})", f"{hint} ({said})"
        return wording.scored(self.spec, met / total, False, why=why, hint=hint, bare=said)

    def _find(self, answer: str) -> object:
        if self.whole:
            return loads(answer)
        if not self.anywhere:
            return find_json(answer)
        found = find_objects(answer)
        if not found:
            raise ValueError("no JSON object found")
        return min(found, key=lambda value: len(self._fields(value)) + bool(self._violations(value)))

    def _fields(self, value: object) -> list[_Finding]:
        return [f for path, wanted in self.fields.items() for f in _field(path, wanted, look_up(value, path))]

    def _violations(self, value: object) -> list[_Finding]:
        if self.validator is None:
            return []
        try:
            return [_explain(e) for e in islice(self.validator.iter_errors(value), _MAX_ERRORS)]
        except Unresolvable as error:
            raise CallFailedError("grader", f"grader 'json': the schema has a reference to nowhere: {error}") from error
        except RecursionError as error:
            raise CallFailedError("grader", "grader 'json': the schema or the answer is nested too deeply") from error


def _field(path: str, wanted: object, given: object) -> list[_Finding]:
    name = wording.clip(path, 80)
    if given is _MISSING:
        said = f"field '{name}' is missing"
        return [_Finding(said, said)]
    if same(wanted, given):
        return []
    shown = wording.clip(_dump(given), 80)
    why = f"field '{name}': expected {wording.clip(_dump(wanted), 80)}, got {shown}"
    if kind_of(wanted) != kind_of(given):
        return [_Finding(why, f"field '{name}' must be of type {kind_of(wanted)}, not {kind_of(given)}")]
    if isinstance(wanted, str) and isinstance(given, str):
        return [_Finding(why, f"field '{name}' has a wrong value: {wording.compare_forms([wanted], given)}")]
    return [_Finding(why, f"field '{name}' has a wrong value")]


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)  # YAML has values that JSON has not: dates


def _explain(error: ValidationError) -> _Finding:
    """A violation in words. What a schema may hold of the answer (const, enum, pattern) is left out of the hint."""
    at, wanted, keyword = wording.clip(error.json_path, 80), error.validator_value, str(error.validator)
    why = f"{at}: {wording.clip(error.message)}"
    if keyword == "type":
        kinds = " or ".join(wanted) if isinstance(wanted, list) else str(wanted)
        return _Finding(why, f"{at} must be of type {kinds}, not {kind_of(error.instance)}")
    if keyword == "required" and isinstance(wanted, list) and isinstance(error.instance, dict):
        lacking = ", ".join(f"'{wording.clip(str(p), 60)}'" for p in wanted if p not in error.instance)
        return _Finding(why, f"{at} lacks {lacking}")
    if keyword == "additionalProperties":
        return _Finding(why, why)  # our own words: names from the answer only
    if keyword in _LIMITS:
        return _Finding(why, f"{at} does not keep to {keyword} {wording.clip(_dump(wanted), 40)}")
    return _Finding(why, f"{at} does not fit '{wording.clip(keyword, 40)}' of the schema")


def _searches(pattern: str, text: str) -> bool:
    try:
        return patterns.found(patterns.compiled("json", pattern), text, "json")
    except ConfigError as error:  # old drafts do not say that names in `patternProperties` are patterns
        raise CallFailedError("grader", str(error)) from error


# jsonschema searches with `re`, which has no time limit: the keywords with patterns are our own.
def _pattern(_v: Any, wanted: str, value: object, _schema: object) -> Iterator[ValidationError]:
    if isinstance(value, str) and wanted and not _searches(wanted, value):
        yield ValidationError(f"does not match /{wanted}/")


def _pattern_properties(
    validator: Any, wanted: Mapping[str, Any], value: object, _schema: object
) -> Iterator[ValidationError]:
    if isinstance(value, dict):
        for pattern, schema in wanted.items():
            for key, item in value.items():
                if _searches(pattern, key):
                    yield from validator.descend(item, schema, path=key, schema_path=pattern)


def _additional_properties(
    validator: Any, wanted: Any, value: object, schema: Mapping[str, Any]
) -> Iterator[ValidationError]:
    if not isinstance(value, dict):
        return
    named, patterned = schema.get("properties", {}), list(schema.get("patternProperties", {}))
    extra = [k for k in value if k not in named and not any(_searches(p, k) for p in patterned)]
    if wanted is False and extra:
        shown = ", ".join(f"'{wording.clip(k, 40)}'" for k in extra[:5])
        yield ValidationError(f"has properties that are not allowed: {shown}")
    elif isinstance(wanted, dict):
        for key in extra:
            yield from validator.descend(value[key], wanted, path=key)


# jsonschema divides binary fractions: 19.99 would be no multiple of 0.01.
def _multiple_of(_v: Any, wanted: float, value: object, _schema: object) -> Iterator[ValidationError]:
    if kind_of(value) != "number":
        return
    try:
        whole = (Fraction(str(value)) / Fraction(str(wanted))).denominator == 1
    except ValueError:  # 1e999 is read as infinite
        whole = False
    if not whole:
        yield ValidationError(f"{value} is not a multiple of {wanted}")


# jsonschema compares every item with every other: minutes for an answer of many objects.
def _unique_items(_v: Any, wanted: object, value: object, _schema: object) -> Iterator[ValidationError]:
    if wanted and isinstance(value, list) and len({_identity(item) for item in value}) < len(value):
        yield ValidationError("has items that are the same")


def _identity(value: Any) -> Hashable:
    """Equal for JSON values that are the `same`, and for no others."""
    if isinstance(value, dict):
        return "object", frozenset((key, _identity(item)) for key, item in value.items())
    if isinstance(value, list):
        return "array", tuple(_identity(item) for item in value)
    return kind_of(value), value


_PATTERNS_ONLY = jsonschema.FormatChecker(formats=())


@_PATTERNS_ONLY.checks("regex", raises=ConfigError)
def _is_pattern(value: object) -> bool:
    """Patterns of a schema are compiled by what searches with them."""
    return not isinstance(value, str) or not value or bool(patterns.compiled("json", value))


def json_grader(spec: GraderSpec, judge: JudgeModel | None, /) -> Grader:
    """The answer holds JSON that fits; value is the share of checks met: the schema is one, each field is one.

    Options: `schema` (JSON Schema; no reference leaves it), `fields` (dotted path -> expected value). `whole`
    (false): the answer is nothing but JSON. `anywhere` (false): any JSON object in it may fit. Both are checks as well.
    """
    del judge
    check_options(spec, {"schema": dict, "fields": dict, "whole": bool, "anywhere": bool})
    schema, fields = spec.options.get("schema"), spec.options.get("fields")
    whole, anywhere = (bool(spec.options.get(key, False)) for key in ("whole", "anywhere"))
    if whole and anywhere:
        raise ConfigError("grader 'json': 'whole' and 'anywhere' exclude each other")
    if not schema and not fields and not whole and not anywhere:
        raise ConfigError("grader 'json': give it 'schema', 'fields' or both")
    paths = fields if isinstance(fields, dict) else {}
    if not all(isinstance(p, str) and p for p in paths):
        raise ConfigError("grader 'json': option 'fields' must map dotted paths (text) to values")
    validator = _validator(schema) if isinstance(schema, dict) and schema else None
    return _Json(spec, validator, paths, whole, anywhere)


def _validator(schema: dict[str, Any]) -> Any:
    base: Any = validators.validator_for(schema, default=jsonschema.Draft202012Validator)
    try:
        base.check_schema(schema, format_checker=_PATTERNS_ONLY)
    except SchemaError as error:
        where = wording.clip(f"{error.json_path}: {error.message}")
        raise ConfigError(f"grader 'json': the schema is not a JSON Schema: {where}") from error
    except RecursionError as error:
        raise ConfigError("grader 'json': the schema is nested too deeply") from error
    ours = {
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties,
        "multipleOf": _multiple_of,
        "uniqueItems": _unique_items,
    }
    registry: Registry[Any] = Registry()  # an empty one: a reference to another document is never fetched
    extend: Any = validators.extend  # has no types
    return extend(base, ours)(schema, registry=registry)
