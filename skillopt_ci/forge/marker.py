"""The hidden last line of a pull request's body: facts that a later run finds again."""

import base64
import json
import re
from collections.abc import Mapping

_LINE = re.compile(r"<!-- skillopt-ci:v1 ([A-Za-z0-9_=-]{1,8000}) -->")
FACTS = ("skill", "base_sha", "head_sha", "fingerprint", "policy_sha", "run_id")


def marker_line(facts: Mapping[str, str]) -> str:
    """Facts as a Markdown comment that no content can close early."""
    text = json.dumps(dict(facts), sort_keys=True, separators=(",", ":"))
    return f"<!-- skillopt-ci:v1 {base64.urlsafe_b64encode(text.encode()).decode('ascii')} -->"


def read_marker(body: str) -> Mapping[str, str]:
    """The facts of the last line that is a marker; empty when there is none, or one that this version did not write.

    Whether the body may be believed is the caller's question: anybody can write such a line.
    """
    found = _LINE.findall(body)
    if not found:
        return {}
    try:
        value = json.loads(base64.b64decode(found[-1], altchars=b"-_", validate=True))
    except (ValueError, RecursionError):
        return {}
    if not isinstance(value, dict) or not all(isinstance(value.get(key), str) for key in FACTS):
        return {}
    return {key: value[key] for key in FACTS}
