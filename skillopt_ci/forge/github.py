"""GitHub's REST API, thinly: one repository, JSON in and out, bounded retries, every request counted.

PyGithub sends the requests (connections, proxies, GitHub Enterprise addresses). Its own retries and pauses are off: it
would wait for up to an hour where a job has minutes.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from skillopt_ci import __version__
from skillopt_ci.core.texts import utf8
from skillopt_ci.errors import ForgeError
from skillopt_ci.forge.refusal import ApiError, api_error, error_message

if TYPE_CHECKING:
    from github import Requester

DEFAULT_API = "https://api.github.com"
API_VERSION = "2022-11-28"
TIMEOUT_SECONDS = 30
TRIES = 4
MAX_WAIT_SECONDS = 120.0  # for one limit: a job must not sleep for an hour until a quota is full again
SECONDARY_WAIT_SECONDS = 60.0  # GitHub: without retry-after wait at least a minute, then longer
PER_PAGE = 100
MAX_PAGES = 10

__all__ = ["ApiError", "Connection", "GitHub", "Waiter"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """Where the API is and who asks. `repository` is `owner/name`; the token is in no text that leaves."""

    repository: str
    token: str = field(repr=False)
    api_url: str = DEFAULT_API

    @property
    def owner(self) -> str:
        """The repository's owner."""
        return self.repository.partition("/")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiter:
    """The clock: Unix time in seconds, and how to sleep."""

    now: Callable[[], float]
    sleep: Callable[[float], None]


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    data: Any


class GitHub:
    """Requests to one repository. Every method raises `ApiError` for a refusal, `ForgeError` when no answer comes."""

    def __init__(self, connection: Connection, waiter: Waiter, scrub: Callable[[str], str]) -> None:
        """`scrub` takes secrets out of every text that is sent."""
        self.connection = connection
        self.requests = 0
        self._waiter = waiter
        self._scrub = scrub
        self._requester = _requester(connection)

    def get(self, path: str, **params: str | int) -> Any:
        """The JSON at a path; `{repo}` in it stands for `/repos/OWNER/NAME`."""
        return self._call("GET", path, params=params).data

    def find(self, path: str, **params: str | int) -> Any | None:
        """As `get`; None when there is no such thing."""
        try:
            return self.get(path, **params)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def pages(self, path: str, **params: str | int) -> Iterator[Any]:
        """The items of a list, over at most 10 pages of 100, one request a page, when they are needed."""
        page = 1
        while page:
            answer = self._call("GET", path, params={**params, "per_page": PER_PAGE, "page": page})
            items = answer.data
            yield from items if isinstance(items, list) else ()
            page = _next_page(answer.headers.get("link", ""), page)

    def elsewhere(self, path: str) -> tuple[int, str]:
        """The status for a path whose content is at another address, and that address, which must not get the token."""
        answer = self._call("GET", path)
        return answer.status, answer.headers.get("location", "")

    def rest(self, tried: int) -> None:
        """Wait until something is tried once more, longer each time."""
        self._waiter.sleep(float(2 ** (tried - 1)))

    def send(self, verb: str, path: str, body: Mapping[str, Any] | None = None, *, again: bool = True) -> Any:
        """A request that writes. `again`: it may be repeated when nobody knows whether it arrived."""
        return self._call(verb, path, body=_scrubbed(body, self._scrub), again=again).data

    def close(self) -> None:
        """Close the connection."""
        self._requester.close()

    def _call(
        self,
        verb: str,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        body: Any = None,
        again: bool = True,
    ) -> _Answer:
        path = path.replace("{repo}", f"/repos/{self.connection.repository}", 1)
        for tried in range(1, TRIES + 1):
            answer, why = self._once(verb, path, params or {}, body)
            if answer is not None and answer.status < 400:
                return answer
            wait = self._pause(answer, tried, again=again)
            if wait is None or tried == TRIES:
                break
            self._waiter.sleep(wait)
        if answer is None:
            raise ForgeError(f"no answer from {self.connection.api_url} in {tried} tries: {why}")
        raise api_error(verb, path, answer.status, answer.headers, answer.data)

    def _once(self, verb: str, path: str, params: Mapping[str, str | int], body: Any) -> tuple[_Answer | None, str]:
        """One request; None when no answer came, and why."""
        from requests.exceptions import RequestException

        self.requests += 1
        headers = {"Accept": "application/vnd.github+json"}
        try:
            status, told, text = self._requester.requestJson(verb, path, dict(params), headers, body)
        except RequestException as error:
            return None, _why_none(error)
        except (RuntimeError, AssertionError) as error:  # PyGithub's words for a redirection to another host
            raise ForgeError(f"{self.connection.api_url}: is this the address of the API? {error}") from error
        try:
            return _Answer(status, told, json.loads(text) if text else None), ""
        except (ValueError, RecursionError):
            return _Answer(status if status >= 400 else 502, told, None), ""  # a proxy's page, not GitHub's answer

    def _pause(self, answer: _Answer | None, tried: int, *, again: bool) -> float | None:
        """Seconds until the request is sent again; None: never. Raises `ApiError` for a limit that lasts too long."""
        if answer is None or answer.status >= 500:
            return float(2 ** (tried - 1)) if again else None
        if again and answer.status == 422 and "could not resolve to a node" in error_message(answer.data).lower():
            return float(2 ** (tried - 1))  # what was just made is not everywhere yet; nothing was done
        wait = _limit(answer, self._waiter.now(), tried)
        if wait is not None and wait > MAX_WAIT_SECONDS:
            raise ApiError(
                answer.status,
                error_message(answer.data),
                f"GitHub's rate limit is used up for {wait:.0f} s more, longer than is waited here "
                f"({MAX_WAIT_SECONDS:.0f} s); run this again later",
            )
        return wait


def _requester(connection: Connection) -> "Requester.Requester":
    from github import Auth, Github

    if not connection.api_url.startswith(("https://", "http://")):
        raise ForgeError(f"GITHUB_API_URL {connection.api_url!r:.100} is no address; it begins with https://")
    return Github(
        auth=Auth.Token(connection.token),
        base_url=connection.api_url.rstrip("/"),
        timeout=TIMEOUT_SECONDS,
        user_agent=f"skillopt-ci/{__version__}",
        retry=None,
        seconds_between_requests=None,
        seconds_between_writes=None,
        api_version=API_VERSION,
    ).requester


def _why_none(error: Exception) -> str:
    """In our own words: those of an error may hold the address of a proxy, and its password."""
    from requests import exceptions

    if isinstance(error, exceptions.SSLError):
        return "no TLS, or a certificate that is not accepted (REQUESTS_CA_BUNDLE names a file of those that are)"
    if isinstance(error, exceptions.ProxyError):
        return "the proxy of the environment (HTTPS_PROXY, HTTP_PROXY, ALL_PROXY) could not be used"
    if isinstance(error, exceptions.Timeout):
        return f"none within {TIMEOUT_SECONDS} s"
    return "the connection failed"


def _limit(answer: _Answer, now: float, tried: int) -> float | None:
    """Seconds that a rate limit asks to wait; None when the answer is about something else."""
    if answer.status not in (403, 429):
        return None
    message = error_message(answer.data).lower()
    after = answer.headers.get("retry-after", "")
    if after.isdigit():
        return float(after)
    if answer.headers.get("x-ratelimit-remaining") == "0" and "rate limit" in message:
        reset = answer.headers.get("x-ratelimit-reset", "")
        return max(0.0, float(reset) - now) + 1 if reset.isdigit() else SECONDARY_WAIT_SECONDS
    if answer.status == 429 or "secondary rate limit" in message or "abuse detection" in message:
        return SECONDARY_WAIT_SECONDS * float(2 ** (tried - 1))
    return None


def _next_page(link: str, page: int) -> int:
    """The next page's number by the header `Link`; 0 when there is none, or enough was read."""
    for part in link.split(","):
        url, _, rest = part.partition(">")
        if 'rel="next"' in rest and page < MAX_PAGES:
            number = parse_qs(urlsplit(url.strip().lstrip("<")).query).get("page", [""])[0]
            return int(number) if number.isdigit() and int(number) > page else 0
    return 0


def _scrubbed(value: Any, scrub: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        # A lone surrogate (JSON can escape one) is no text that a host takes.
        return utf8(scrub(value))
    if isinstance(value, Mapping):
        return {k: _scrubbed(v, scrub) for k, v in value.items()}
    return [_scrubbed(v, scrub) for v in value] if isinstance(value, list | tuple) else value
