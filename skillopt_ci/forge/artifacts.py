"""What the last run on the default branch left as an artifact: ledgers, and memories of skills.

A ledger decides verdicts, so it is taken only from a run of the workflow that makes it, on the default branch, started
by an event that no pull request can make; an artifact's name alone proves nothing.
"""

import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from skillopt_ci.errors import ForgeError
from skillopt_ci.forge.github import TIMEOUT_SECONDS, TRIES, ApiError, GitHub
from skillopt_ci.forge.repository import Repository

LEDGER = "ledger.sqlite"
MAX_BYTES = 1024 * 1024 * 1024
_MEMBER = re.compile(r"ledger\.sqlite(?:-wal)?|memory/[A-Za-z0-9][A-Za-z0-9._-]{0,80}\.jsonl")
_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_EVENTS = ("push", "schedule", "workflow_dispatch")
_RUNS = 20
TRIED = 3
_MEMBERS = 1000
_CHUNK = 1024 * 1024
# What zipfile raises for an archive whose bytes were changed: encryption is a RuntimeError, an offset before the file
# and a name that is no text are a ValueError.
BROKEN = (zipfile.BadZipFile, zlib.error, OSError, RuntimeError, EOFError, ValueError, OverflowError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Who makes an artifact: the file name of a workflow, and the artifact's name."""

    workflow: str
    artifact: str


BASELINE = Source(workflow="skillopt-baseline.yml", artifact="skillopt-baseline")
TRAINING = Source(workflow="skillopt-train.yml", artifact="skillopt-state")


def fetch_artifact(api: GitHub, source: Source, branch: str, folder: Path) -> str:
    """Bring the newest artifact of a branch into a folder; returns the page of its run, empty when there is none.

    Raises:
        ForgeError: GitHub refuses (the job lacks `actions: read`), or the artifact is not what such a run leaves.
    """
    for run in _runs(api, source, branch):
        answer = api.get(f"{{repo}}/actions/runs/{int(run['id'])}/artifacts", name=source.artifact, per_page=10)
        for artifact in answer.get("artifacts") or ():
            if artifact.get("name") == source.artifact and not artifact.get("expired"):
                with TemporaryFile() as file:
                    download_artifact(api, source.artifact, int(artifact["id"]), file)
                    unpack(file, folder)
                return str(run.get("html_url") or "")
    return ""


def unpack(file: IO[bytes], folder: Path, limit: int = MAX_BYTES) -> None:
    """Write the members of an archive that are ledgers and memories by their names; others are left out.

    Raises:
        ForgeError: none is there, the archive is broken, or it has more than `limit` bytes.
    """
    written: list[Path] = []
    try:
        with zipfile.ZipFile(file) as archive:
            for member in archive.infolist()[:_MEMBERS]:
                if _MEMBER.fullmatch(member.filename):
                    place = folder / member.filename
                    place.parent.mkdir(parents=True, exist_ok=True)
                    written.append(place)
                    with open_member(archive, member) as packed, place.open("wb") as target:
                        limit -= _copy(packed, target, limit)
    except (*BROKEN, ForgeError) as error:
        for place in written:
            place.unlink(missing_ok=True)
        if isinstance(error, ForgeError):
            raise
        raise ForgeError(f"an artifact is broken: {type(error).__name__}") from error
    if not written:
        raise ForgeError(f"an artifact holds no {LEDGER}")


def open_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> IO[bytes]:
    """Open a member as runners pack it, deflated or as it is; LZMA may ask for gigabytes to unpack a few bytes.

    Raises:
        zipfile.BadZipFile: it is packed in another way; also what else is in `BROKEN`.
    """
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise zipfile.BadZipFile(f"{member.filename} is packed in a way that no runner uses")
    return archive.open(member)


def _copy(packed: IO[bytes], target: IO[bytes], limit: int) -> int:
    size = 0
    while chunk := packed.read(_CHUNK):
        size += len(chunk)
        if size > limit:
            raise ForgeError("an artifact is larger than any that we make")
        target.write(chunk)
    return size


def _runs(api: GitHub, source: Source, branch: str) -> Iterator[Mapping[str, Any]]:
    """Finished runs that may be believed, the newest first.

    Each event is asked for by itself: a fork can make any number of runs under the branch's name, none of these events.
    """
    where = f"{{repo}}/actions/workflows/{source.workflow}/runs"
    runs: list[Mapping[str, Any]] = []
    for event in _EVENTS:
        listed = api.find(where, branch=branch, event=event, status="completed", per_page=_RUNS)
        if listed is None:
            return
        runs += listed.get("workflow_runs") or ()
    runs.sort(key=lambda run: str(run.get("created_at")), reverse=True)
    left, history = TRIED, History(api, branch)
    for run in runs:
        path = str(run.get("path") or "").partition("@")[0]
        if path == f".github/workflows/{source.workflow}" and history.may_have(run):
            if history.has(run):
                yield run
            left -= 1
            if not left:
                return


class History:
    """Whether workflow runs are a branch's own: of its commits, started by an event that no pull request can make."""

    def __init__(self, api: GitHub, branch: str) -> None:
        self._api = api
        self._branch = branch

    def may_have(self, run: Mapping[str, Any]) -> bool:
        """By its own words the run is the branch's. In pull requests from it the workflow file is not the branch's."""
        home = (run.get("head_repository") or {}).get("full_name")
        return (
            run.get("head_branch") == self._branch
            and run.get("event") in _EVENTS
            and str(home).lower() == self._api.connection.repository.lower()
        )

    def has(self, run: Mapping[str, Any]) -> bool:
        """The branch has its commit. `head_branch` may also be a tag of that name, on a commit that nobody reviewed."""
        sha = str(run.get("head_sha") or "")
        if not self._tip or not _SHA.fullmatch(sha):
            return False
        found = self._api.find(f"{{repo}}/compare/{self._tip}...{sha}")
        return isinstance(found, dict) and found.get("status") in ("identical", "behind")

    @cached_property
    def _tip(self) -> str:
        """By the branch's whole name: a tag may have the short one, too."""
        return Repository(self._api).head(self._branch) or ""


def download_artifact(api: GitHub, name: str, artifact: int, file: IO[bytes], limit: int = MAX_BYTES) -> None:
    """Write an artifact's archive to a file. GitHub answers with an address elsewhere, which must not get the token.

    Raises:
        ForgeError: it cannot be had, or has more than `limit` bytes.
    """
    what = f"the artifact {name} cannot be downloaded"
    for tried in range(1, TRIES + 1):
        try:
            status, where = api.elsewhere(f"{{repo}}/actions/artifacts/{artifact}/zip")  # good for a minute only
        except ApiError as error:
            raise ForgeError(f"{what}: GitHub answers {error.status}: {error.said or 'no reason given'}") from error
        if status != 302 or not where.startswith(("https://", "http://")):
            raise ForgeError(f"{what}: GitHub answers {status}")
        file.seek(0)
        file.truncate()
        answer = _from_store(where, file, limit)
        if answer == 200:
            return
        if (answer and answer < 500) or tried == TRIES:
            raise ForgeError(f"{what}: its store answers {answer or 'nothing'}")
        api.rest(tried)


def _from_store(where: str, file: IO[bytes], limit: int) -> int:
    """Write what is at an address to a file; returns the status, 0 when no whole answer came. Raises `ForgeError`."""
    import requests

    try:
        with requests.get(where, timeout=TIMEOUT_SECONDS, stream=True, auth=_nobody) as found:
            size = 0
            for chunk in found.iter_content(_CHUNK) if found.status_code == 200 else ():
                size += len(chunk)
                if size > limit:
                    raise ForgeError(f"an artifact has more than {limit} bytes")
                file.write(chunk)
            return found.status_code
    except requests.RequestException:
        return 0


def _nobody(request: Any) -> Any:
    """No credentials, also not those that a .netrc has for the host."""
    return request
