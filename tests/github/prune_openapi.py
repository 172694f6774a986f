"""Make `openapi.json`: the part of GitHub's OpenAPI description that the requests of this project are checked against.

    npm pack @octokit/openapi@23.0.2 && tar xzf octokit-openapi-23.0.2.tgz
    python tests/github/prune_openapi.py package

Only the operations of `OPERATIONS` are kept. Prose, examples and vendor extensions are dropped, `nullable` becomes a
type of JSON Schema, and answers of 2xx lose their `required` lists: the fake answers with fewer fields than GitHub,
and with none that GitHub does not have. The package's licence stands in `openapi.LICENSE`.
"""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
R = "/repos/{owner}/{repo}"
OPERATIONS = {
    "/user": ("get",),
    R: ("get",),
    f"{R}/actions/artifacts": ("get",),
    f"{R}/actions/artifacts/{{artifact_id}}/{{archive_format}}": ("get",),
    f"{R}/actions/permissions/workflow": ("get",),
    f"{R}/actions/runs/{{run_id}}": ("get",),
    f"{R}/actions/runs/{{run_id}}/artifacts": ("get",),
    f"{R}/actions/workflows/{{workflow_id}}/runs": ("get",),
    f"{R}/branches/{{branch}}": ("get",),
    f"{R}/check-runs": ("post",),
    f"{R}/check-runs/{{check_run_id}}": ("patch",),
    f"{R}/collaborators/{{username}}/permission": ("get",),
    f"{R}/commits/{{ref}}/check-runs": ("get",),
    f"{R}/commits/{{ref}}/statuses": ("get",),
    f"{R}/compare/{{basehead}}": ("get",),
    f"{R}/contents/{{path}}": ("get",),
    f"{R}/git/blobs": ("post",),
    f"{R}/git/blobs/{{file_sha}}": ("get",),
    f"{R}/git/commits": ("post",),
    f"{R}/git/commits/{{commit_sha}}": ("get",),
    f"{R}/git/ref/{{ref}}": ("get",),
    f"{R}/git/refs": ("post",),
    f"{R}/git/refs/{{ref}}": ("patch", "delete"),
    f"{R}/git/trees": ("post",),
    f"{R}/git/trees/{{tree_sha}}": ("get",),
    f"{R}/issues/comments/{{comment_id}}": ("patch",),
    f"{R}/issues/{{issue_number}}/comments": ("get", "post"),
    f"{R}/issues/{{issue_number}}/events": ("get",),
    f"{R}/issues/{{issue_number}}/labels": ("post",),
    f"{R}/issues/{{issue_number}}/labels/{{name}}": ("delete",),
    f"{R}/pulls": ("get", "post"),
    f"{R}/pulls/{{pull_number}}": ("get", "patch"),
    f"{R}/pulls/{{pull_number}}/requested_reviewers": ("post",),
    f"{R}/rules/branches/{{branch}}": ("get",),
    f"{R}/statuses/{{sha}}": ("post",),
}
_PROSE = {"description", "example", "examples", "summary", "externalDocs", "tags", "deprecated", "title"}


def prune(whole: dict[str, Any]) -> dict[str, Any]:
    """The kept operations and every component that they refer to."""
    paths: dict[str, Any] = {}
    for path, methods in OPERATIONS.items():
        source = whole["paths"][path]
        paths[path] = {method: _operation(source[method]) for method in methods}
        if "parameters" in source:
            paths[path]["parameters"] = _clean(source["parameters"], loose=False)
    components: dict[str, Any] = {}
    wanted = _refs(paths)
    while wanted:
        kind, name = wanted.pop()
        held = components.setdefault(kind, {})
        if name not in held:
            # Every schema of an answer is loose; none of them is used in a request of ours.
            held[name] = _clean(whole["components"][kind][name], loose=kind == "schemas")
            wanted |= _refs(held[name])
    info = {"title": "GitHub v3 REST API, pruned", "version": whole["info"]["version"]}
    return {"openapi": whole["openapi"], "info": info, "paths": paths, "components": components}


def _operation(source: dict[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {"operationId": source["operationId"]}
    if "parameters" in source:
        kept["parameters"] = _clean(source["parameters"], loose=False)
    if "requestBody" in source:
        kept["requestBody"] = _clean(source["requestBody"], loose=False)
    kept["responses"] = {
        code: _clean({"content": answer.get("content", {})}, loose=True)
        for code, answer in source["responses"].items()
        if code.startswith("2")
    }
    return kept


def _clean(value: Any, *, loose: bool, names: bool = False) -> Any:
    """Without prose; `names`: the keys of this mapping are names of properties, not words of the schema."""
    if isinstance(value, list):
        return [_clean(item, loose=loose) for item in value]
    if not isinstance(value, dict):
        return value
    out = {}
    for key, item in value.items():
        if not names and (key in _PROSE or key.startswith("x-") or (loose and key == "required")):
            continue
        # Without `required` several alternatives of an answer fit at once.
        word = "anyOf" if loose and key == "oneOf" and not names else key
        out[word] = _clean(item, loose=loose, names=key == "properties" and not names)
    return out if names else _nullable(out)


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    if not schema.pop("nullable", False):
        return schema
    if isinstance(schema.get("type"), str) and "enum" not in schema:
        return {**schema, "type": [schema["type"], "null"]}
    return {"anyOf": [schema, {"type": "null"}]}


def _refs(value: Any) -> set[tuple[str, str]]:
    if isinstance(value, list):
        return set().union(*map(_refs, value)) if value else set()
    if not isinstance(value, dict):
        return set()
    found = set().union(*map(_refs, value.values())) if value else set()
    reference = value.get("$ref")
    if isinstance(reference, str):
        _, _, kind, name = reference.split("/")
        found.add((kind, name))
    return found


def main() -> None:
    """Read the unpacked package, write `openapi.json` and `openapi.LICENSE` beside this script."""
    package = Path(sys.argv[1])
    whole = json.loads((package / "generated" / "api.github.com.json").read_text(encoding="utf-8"))
    text = json.dumps(prune(whole), separators=(",", ":"), sort_keys=True)
    (HERE / "openapi.json").write_text(text + "\n", encoding="utf-8")
    shutil.copyfile(package / "LICENSE", HERE / "openapi.LICENSE")


if __name__ == "__main__":
    main()
