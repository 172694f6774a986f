"""Settings of a repository that decide whether pull requests can be opened and the gate is required."""

from dataclasses import dataclass

from skillopt_ci.forge.github import ApiError
from skillopt_ci.forge.repository import Repository


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What could be seen; None where the token may not look.

    Attributes:
        may_open_pulls: workflows may open pull requests with the job's own token.
        required: contexts that must succeed before a merge into the default branch.
        default_branch: its name.
        url: the repository's page.
    """

    may_open_pulls: bool | None
    required: frozenset[str] | None
    default_branch: str
    url: str


def read_settings(repository: Repository) -> Settings:
    """Look at the settings. Raises `ForgeError` when not even the repository can be seen."""
    branch = repository.default_branch
    return Settings(
        may_open_pulls=_may_open(repository),
        required=_required(repository, branch),
        default_branch=branch,
        url=str(repository.facts["html_url"]),
    )


def _may_open(repository: Repository) -> bool | None:
    try:
        found = repository.api.get("{repo}/actions/permissions/workflow")
    except ApiError as error:
        if error.status in (403, 404):  # only administrators see it
            return None
        raise
    return bool(found["can_approve_pull_request_reviews"])


def _required(repository: Repository, branch: str) -> frozenset[str] | None:
    """Required contexts by rulesets and by classic branch protection, as far as a reader sees them."""
    contexts: set[str] = set()
    try:
        for rule in repository.api.pages(f"{{repo}}/rules/branches/{branch}"):
            if rule.get("type") == "required_status_checks":
                checks = (rule.get("parameters") or {}).get("required_status_checks") or ()
                contexts |= {str(check["context"]) for check in checks}
        found = repository.api.get(f"{{repo}}/branches/{branch}")
    except ApiError as error:
        if error.status in (403, 404):
            return None
        raise
    classic = ((found.get("protection") or {}).get("required_status_checks") or {}).get("contexts") or ()
    return frozenset(contexts | {str(context) for context in classic})
