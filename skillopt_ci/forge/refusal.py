"""What GitHub says when it refuses, put into words that name the permission or setting that is missing."""

from collections.abc import Mapping
from typing import Any

from skillopt_ci.errors import ForgeError

MAY_NOT_OPEN = "is not permitted to create or approve pull requests"
SETTING = (
    "Settings > Actions > General > Workflow permissions > Allow GitHub Actions to create and approve pull requests"
)


class ApiError(ForgeError):
    """GitHub answered with an error. `status` is HTTP's; `said` are GitHub's own words."""

    def __init__(self, status: int, said: str, message: str) -> None:
        self.status = status
        self.said = said
        super().__init__(message)


def api_error(verb: str, path: str, status: int, headers: Mapping[str, str], data: Any) -> ApiError:
    """The error for an answer, with what to do about it."""
    said = error_message(data)
    what = f"GitHub refused {verb} {path} ({status})"
    return ApiError(status, said, f"{what}: {said or 'no reason given'}{_hint(status, said, headers)}")


def error_message(data: Any) -> str:
    """GitHub's message with the messages of its `errors`, in one line of at most 500 characters."""
    if not isinstance(data, dict):
        return ""
    parts = [data.get("message")]
    errors = data.get("errors")
    for error in errors if isinstance(errors, list) else []:
        known = isinstance(error, dict)
        fields = " ".join(str(error.get(k, "")) for k in ("resource", "field", "code")) if known else str(error)
        parts.append((error.get("message") if known else None) or fields)
    return "; ".join(" ".join(str(part).split()) for part in parts if part)[:500]


def _hint(status: int, said: str, headers: Mapping[str, str]) -> str:
    lower = said.lower()
    if status == 401:
        return "; the token is not valid (any more): a job's own GITHUB_TOKEN ends with the job, an App's after an hour"
    if MAY_NOT_OPEN in lower:
        return f"; allow it at: {SETTING} (an organisation or enterprise can forbid it for all of its repositories)"
    if status == 403 and "not accessible by" in lower:
        needed = headers.get("x-accepted-github-permissions", "").replace("=", ": ")
        told = f"`{needed}`" if needed else "a permission"
        return f"; the token lacks {told}: add it to the job's `permissions:` (a fork's pull request never gets it)"
    if status == 403 and "saml" in lower:
        return "; authorise the token for the organisation's single sign-on"
    if status == 404:
        return "; it does not exist, or the token may not see it"
    if status == 409 and "empty" in lower:
        return "; push a first commit"
    if status >= 500:
        return "; GitHub has a problem: see githubstatus.com and run this again"
    return ""
