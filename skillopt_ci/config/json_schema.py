"""The JSON Schema of skillopt.yml, for editors and for the reference page."""

from typing import Any

from skillopt_ci import plugins
from skillopt_ci.config.schema import Config

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
# (model or None for the whole file, its key, the registry that knows the key's values)
_NAMES = (
    (None, "harness", "harnesses"),
    ("SkillEntry", "harness", "harnesses"),
    ("Harness", "type", "harnesses"),
    ("Train", "method", "methods"),
    ("Grader", "type", "graders"),
    ("ProviderEntry", "type", "providers"),
    ("TaskFiles", "format", "suites"),
)


def json_schema() -> dict[str, Any]:
    """The schema (draft 2020-12). Registered names are listed: our own and those of installed packages.

    It holds what a file's shape can tell; `load_config` also checks names against each other.
    """
    made: dict[str, Any] = _plain(Config.model_json_schema())
    for model, key, kind in _NAMES:
        properties = (made if model is None else made["$defs"][model])["properties"]
        field = properties[key]
        text = next((o for o in field.get("anyOf", ()) if o.get("type") == "string"), field)
        text["enum"] = plugins.names(kind)
        text.pop("minLength", None)
        if text is field and field.get("default") == "":
            del field["default"]
    made |= {"$schema": _DIALECT, "title": "skillopt.yml", "description": "Configuration of skillopt-ci."}
    return made


def _plain(value: Any) -> Any:
    """Without the titles that pydantic makes from names: they tell an editor nothing."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items() if not (k == "title" and isinstance(v, str))}
    return [_plain(v) for v in value] if isinstance(value, list) else value
