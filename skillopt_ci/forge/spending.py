"""What other runs of the repository have spent this month: records that they left as artifacts.

An artifact of a pull request's run can be written by the pull request: its record counts for that run alone, and only
ever raises the sum. So does one of a run that only has the default branch's name: of a tag, or of a pull request from
that branch. A fork's run has no key and has spent nothing, so what it left is not looked at.
"""

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import Any

from skillopt_ci.core.spending import MAX_BYTES, SpendRecord, parse_record
from skillopt_ci.errors import ForgeError
from skillopt_ci.forge.artifacts import BROKEN, TRIED, History, download_artifact, open_member
from skillopt_ci.forge.github import PER_PAGE, GitHub

ARTIFACT = "skillopt-spend"
RECORD = "spend.json"
MOST_IN_A_GATE = 8  # with everything else of a gate at most 32 requests
MOST = 60  # where a run of the default branch adds up what the others left
_PAGES = {MOST_IN_A_GATE: 2, MOST: 10}


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """What was found; `unread` is the number of runs of the month whose records could not be taken in."""

    record: SpendRecord
    unread: int


def read_spending(api: GitHub, branch: str, month: str, *, most: int, own: int = 0) -> Spending:
    """Read the records of a month, at most so many.

    The newest record of a run of the default branch says what was recorded before, and is believed about other runs;
    the rest is read one by one.

    Args:
        api: of the repository.
        branch: the default branch.
        month: like 2026-11.
        most: artifacts that are downloaded, `MOST` or `MOST_IN_A_GATE`.
        own: the workflow run that asks; what earlier attempts of it left comes first.

    Raises:
        ForgeError: GitHub refuses (the job lacks `actions: read`), or there are more than can be listed.
    """
    until = month
    found: list[Mapping[str, Any]] = []
    looked: dict[int, bool] = {}
    history = History(api, branch)
    records: dict[int, SpendRecord] = {}
    for page in range(1, _PAGES[most] + 1):
        listed = api.get("{repo}/actions/artifacts", name=ARTIFACT, per_page=PER_PAGE, page=page)["artifacts"]
        found += [a for a in listed if _counts(a, month)]
        named = (a for a in found if _branch(a) == branch and not a.get("expired"))
        believed = None if records else next((a for a in named if _is_its_own(api, history, _run(a), looked)), None)
        if believed is not None:
            records[believed["id"]] = _record(api, believed["id"])
            until = max(until, records[believed["id"]].until)
        if len(listed) < PER_PAGE or str(listed[-1].get("created_at")) < until:
            break
    else:
        raise ForgeError(f"more records of what was spent than can be listed: run the baseline on {branch}, it adds up")
    total, unread = sum(records.values(), SpendRecord()), 0
    new = sorted((a for a in found if a["created_at"] >= until), key=lambda a: (_run(a) != own, a["created_at"]))
    for artifact in new:
        number, run, gone = artifact["id"], _run(artifact), artifact.get("expired")
        if number not in records and (gone or len(records) == most):
            # A repository may keep its artifacts for days only: what one said that nobody has added up is not nothing.
            unread += not (gone and total.only(run).months.get(month))
            continue
        record = records[number] = records.get(number) or _record(api, number)
        total += record.only(run)
        if not unread and run != own:  # in the order of time, so nothing older is left
            until = artifact["created_at"]
    return Spending(record=SpendRecord(months=total.months, until=until if until != month else ""), unread=unread)


def _is_its_own(api: GitHub, history: History, number: int, looked: dict[int, bool]) -> bool:
    """A run is the branch's own. Only the first few are looked at: whoever makes more of them gains nothing."""
    if number not in looked and len(looked) < TRIED:
        run = api.find(f"{{repo}}/actions/runs/{number}") or {}
        looked[number] = history.may_have(run) and history.has(run)
    return looked.get(number, False)


def _run(artifact: Mapping[str, Any]) -> int:
    return int((artifact.get("workflow_run") or {}).get("id") or 0)


def _branch(artifact: Mapping[str, Any]) -> str:
    return str((artifact.get("workflow_run") or {}).get("head_branch") or "")


def _counts(artifact: Mapping[str, Any], month: str) -> bool:
    """Of this month, and of a run of the repository's own."""
    run = artifact.get("workflow_run") or {}
    home = run.get("repository_id")
    return (
        artifact.get("name") == ARTIFACT
        and isinstance(artifact.get("created_at"), str)
        and artifact["created_at"] >= month
        and home is not None
        and run.get("head_repository_id") == home
    )


def _record(api: GitHub, artifact: int) -> SpendRecord:
    """The record in an artifact; one that is none says nothing: who can write it could have left it out as well."""
    with TemporaryFile() as file:
        download_artifact(api, ARTIFACT, artifact, file, limit=2 * MAX_BYTES)
        try:
            with zipfile.ZipFile(file) as archive, open_member(archive, archive.getinfo(RECORD)) as packed:
                return parse_record(packed.read(MAX_BYTES + 1))
        except (*BROKEN, KeyError):
            return SpendRecord()
