"""GitHub's OpenAPI description as a judge: of every request that arrives, and of every answer that the fake gives."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from jsonschema import Draft202012Validator

PLACE = Path(__file__).with_name("openapi.json")
# What the description leaves out and the API refuses: texts that are too long, in UTF-16 units.
MAX_TEXT = {"body": 65_536, "title": 256}
MAX_STATUS = 140


@dataclass(frozen=True)
class Operation:
    """One path and method. `parts` are the path's parameters as they were sent."""

    name: str
    template: str
    spec: Mapping[str, Any]
    parts: Mapping[str, str] = field(default_factory=dict)


class Oracle:
    """Knows what may be asked. Every method returns what is wrong, in words; an empty list is right."""

    def __init__(self) -> None:
        self._document = json.loads(PLACE.read_text(encoding="utf-8"))
        self._paths = [(_pattern(path), path, spec) for path, spec in self._document["paths"].items()]

    def operation(self, method: str, path: str) -> Operation | None:
        """The operation of a request; None when GitHub has none."""
        for pattern, template, spec in self._paths:
            found = pattern.fullmatch(path)
            if found and method.lower() in spec:
                parts = {k: unquote(v) for k, v in found.groupdict().items()}
                own = {**spec[method.lower()], "shared": spec.get("parameters", [])}
                return Operation(own["operationId"], template, own, parts)
        return None

    def request(self, operation: Operation, query: Mapping[str, list[str]], body: Any) -> list[str]:
        """What is wrong with a request."""
        found: list[str] = []
        declared = {p["name"]: p for p in map(self._plain, self._parameters(operation))}
        for name, values in query.items():
            parameter = declared.get(name)
            if parameter is None or parameter["in"] != "query":
                found.append(f"{operation.name}: no query parameter {name!r}")
                continue
            for text in values:
                found += self._check(_coerced(text, parameter["schema"]), parameter["schema"], f"?{name}")
        for name, text in operation.parts.items():
            schema = declared.get(name, {}).get("schema", {})
            found += self._check(_coerced(text, schema), schema, name)
        wanted = operation.spec.get("requestBody")
        if wanted is None:
            return [*found, f"{operation.name}: takes no body"] if body is not None else found
        if body is None:
            return [*found, f"{operation.name}: needs a body"] if wanted.get("required") else found
        return found + self._body(operation, body, wanted["content"]["application/json"]["schema"])

    def answer(self, operation: Operation, status: int, body: Any) -> list[str]:
        """What is wrong with an answer of 2xx: a field that GitHub does not have, or of another type."""
        spec = operation.spec["responses"].get(str(status))
        if spec is None:
            return [f"{operation.name}: no answer {status}"] if 200 <= status < 300 else []
        schema = spec.get("content", {}).get("application/json", {}).get("schema")
        if schema is None:
            return [] if body is None else [f"{operation.name}: the answer {status} has no body"]
        return self._check(body, schema, f"{operation.name} {status}") + self._unknown(body, schema, operation.name)

    def _body(self, operation: Operation, body: Any, schema: Mapping[str, Any]) -> list[str]:
        found = self._check(body, schema, operation.name)
        found += self._unknown(body, schema, operation.name)
        if isinstance(body, dict):
            for name, limit in MAX_TEXT.items():
                text = body.get(name)
                if isinstance(text, str) and len(text.encode("utf-16-le")) // 2 > limit:
                    found.append(f"{operation.name}: {name} is too long (maximum is {limit} characters)")
            if operation.name == "repos/create-commit-status" and len(body.get("description") or "") > MAX_STATUS:
                found.append(f"{operation.name}: description is too long (maximum is {MAX_STATUS} characters)")
        return found

    def _parameters(self, operation: Operation) -> list[Any]:
        return [*operation.spec.get("parameters", []), *operation.spec["shared"]]

    def _plain(self, value: Any) -> Any:
        while isinstance(value, dict) and "$ref" in value:
            _, *path = value["$ref"].split("/")
            value = self._document
            for part in path:
                value = value[part]
        return value

    def _check(self, value: Any, schema: Mapping[str, Any], where: str) -> list[str]:
        whole = {**schema, "components": self._document["components"]}
        errors = Draft202012Validator(whole).iter_errors(value)
        return [f"{where}: {'/'.join(map(str, e.absolute_path))}: {e.validator}: {e.message[:300]}" for e in errors]

    def _unknown(self, value: Any, schema: Any, where: str) -> list[str]:
        """Keys that no branch of the schema names: the description leaves objects open, and we do not."""
        if isinstance(value, list):
            inner = [s["items"] for s in self._branches(schema) if "items" in s]
            return [x for item in value for x in self._unknown(item, {"anyOf": inner}, f"{where}[]")] if inner else []
        if not isinstance(value, dict):
            return []
        branches = self._branches(schema)
        known: dict[str, list[Any]] = {}
        for branch in branches:
            for key, item in branch.get("properties", {}).items():
                known.setdefault(key, []).append(item)
        if not known or any(branch.get("additionalProperties") for branch in branches):
            return []
        found = []
        for key, item in value.items():
            if key not in known:
                found.append(f"{where}: there is no field {key!r}")
            else:
                found += self._unknown(item, {"anyOf": known[key]}, f"{where}.{key}")
        return found

    def _branches(self, schema: Any) -> list[dict[str, Any]]:
        plain = self._plain(schema)
        found = [plain]
        for word in ("anyOf", "oneOf", "allOf"):
            for option in plain.get(word, ()):
                found += self._branches(option)
        return found


@cache
def the_oracle() -> Oracle:
    """Read once."""
    return Oracle()


def _pattern(template: str) -> re.Pattern[str]:
    # Refs and paths of files have slashes in them; GitHub takes them as they are.
    loose = {"ref", "path", "basehead", "branch"}
    made = re.sub(
        r"\{(\w+)\}", lambda m: f"(?P<{m[1]}>{'.+' if m[1] in loose else '[^/]+'})", template.replace(".", r"\.")
    )
    return re.compile(made)


def _coerced(text: str, schema: Mapping[str, Any]) -> Any:
    """A value of an address as the type that its schema wants."""
    if schema.get("type") == "integer" and re.fullmatch(r"-?\d+", text):
        return int(text)
    if schema.get("type") == "boolean":
        return {"true": True, "false": False}.get(text, text)
    return text
