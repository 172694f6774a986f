"""The client against limits, faults and refusals: what it repeats, how long it waits, what it says."""

from pathlib import Path

import pytest

from skillopt_ci.errors import ForgeError
from skillopt_ci.forge.github import MAX_WAIT_SECONDS, TRIES, ApiError, Connection, GitHub, Waiter
from skillopt_ci.forge.refusal import error_message
from skillopt_ci.forge.repository import Repository
from tests.github.server import PRIMARY, SECONDARY, FakeGitHub, Fault
from tests.github.world import World, client, world

GET = "repos/get"
STATUS = "repos/create-commit-status"


@pytest.fixture
def here(tmp_path: Path):  # type: ignore[no-untyped-def]
    with world(tmp_path) as made:
        yield made


def status(here: World) -> None:
    sha = here.repository.head("main")
    here.repository.api.send("POST", f"{{repo}}/statuses/{sha}", {"state": "success", "context": "c"})


def elsewhere(url: str) -> Repository:
    """A client of another address, which does not sleep."""
    connection = Connection(repository="o/r", token="t" * 40, api_url=url)
    return Repository(GitHub(connection, Waiter(now=lambda: 0.0, sleep=lambda _: None), str), "")


class TestLimits:
    def test_retry_after_is_honoured(self, here: World) -> None:
        here.hub.faults.append(Fault(GET, 403, SECONDARY, {"retry-after": "7"}, times=2))
        assert here.repository.default_branch == "main"
        assert here.slept == [7.0, 7.0]

    def test_the_primary_limit_until_its_reset(self, here: World) -> None:
        reset = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(here.hub.store.clock) + 30)}
        here.hub.faults.append(Fault(GET, 403, PRIMARY, reset))
        assert here.repository.default_branch == "main"
        assert 25 < here.slept[0] < 40

    def test_a_secondary_limit_without_a_time_waits_a_minute(self, here: World) -> None:
        here.hub.faults.append(Fault(STATUS, 429, SECONDARY))
        status(here)
        assert here.slept == [60.0]

    def test_a_limit_that_lasts_is_an_error_at_once(self, here: World) -> None:
        reset = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(here.hub.store.clock) + 3000)}
        here.hub.faults.append(Fault(GET, 403, PRIMARY, reset))
        with pytest.raises(ApiError, match=r"rate limit is used up for .* run this again later"):
            _ = here.repository.facts
        assert here.slept == []

    def test_waiting_is_bounded(self, here: World) -> None:
        here.hub.faults.append(Fault(GET, 403, SECONDARY, times=99))
        with pytest.raises(ApiError):
            _ = here.repository.facts
        assert max(here.slept) <= MAX_WAIT_SECONDS
        assert here.repository.api.requests <= TRIES

    def test_another_403_is_not_repeated(self, here: World) -> None:
        here.hub.bot.permissions.clear()
        with pytest.raises(ApiError, match="the token lacks `statuses: write`: add it to the job's `permissions:`"):
            status(here)
        assert here.slept == []


class TestFaults:
    def test_5xx_is_repeated(self, here: World) -> None:
        here.hub.faults.append(Fault(GET, 502, b"<html>Bad gateway</html>", times=2))
        assert here.repository.default_branch == "main"
        assert here.slept == [1.0, 2.0]

    def test_not_for_ever(self, here: World) -> None:
        here.hub.faults.append(Fault(GET, 503, {"message": "Service unavailable"}, times=99))
        with pytest.raises(ApiError, match=r"\(503\): Service unavailable; GitHub has a problem"):
            _ = here.repository.facts
        assert here.repository.api.requests == TRIES

    def test_a_dropped_connection_is_repeated(self, here: World) -> None:
        here.hub.faults.append(Fault(GET, 0, drop=True, times=2))
        assert here.repository.default_branch == "main"

    def test_no_answer_at_all(self, here: World) -> None:
        here.hub.faults.append(Fault(GET, 0, drop=True, times=99))
        with pytest.raises(ForgeError, match=r"no answer from .* in 4 tries: the connection failed$"):
            _ = here.repository.facts

    def test_what_speaks_no_tls_is_said(self, here: World) -> None:
        why = "no TLS, or a certificate that is not accepted"
        with pytest.raises(ForgeError, match=rf"no answer from https://.* in 4 tries: {why} \(REQUESTS_CA_BUNDLE "):
            _ = elsewhere(here.hub.url.replace("http:", "https:")).facts

    @pytest.mark.parametrize("aim", ["http://api.example.invalid", "https://api.example.invalid"])
    def test_a_proxy_is_named_without_its_password(self, aim: str, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
            monkeypatch.setenv(name, "http://somebody:open-sesame@127.0.0.1:9")
        with pytest.raises(ForgeError, match=r"in 4 tries: the proxy of the environment \(HTTPS_PROXY") as caught:
            _ = elsewhere(aim).facts
        assert "sesame" not in str(caught.value)

    def test_what_must_not_be_sent_twice_is_not(self, here: World) -> None:
        here.hub.faults.append(Fault("issues/create-comment", 502, times=9))
        with pytest.raises(ApiError):
            here.repository.create_comment(1, "hello")
        assert len(here.hub.writes) == 1

    def test_a_page_of_a_proxy_is_no_answer(self, here: World) -> None:
        here.hub.faults.append(Fault(GET, 200, b"<html>Sign in</html>", times=99))
        with pytest.raises(ApiError, match="502"):
            _ = here.repository.facts

    def test_what_is_not_everywhere_yet_is_tried_again(self, here: World) -> None:
        late = {"message": "Validation Failed", "errors": ["Could not resolve to a node with the global id of 'PR_x'."]}
        here.hub.faults.append(Fault(STATUS, 422, late))
        status(here)
        assert here.slept == [1.0]


class TestRefusals:
    def test_a_bad_token(self, here: World) -> None:
        other = client(here.hub, [], token="nobody")
        with pytest.raises(ApiError, match=r"\(401\): Bad credentials; the token is not valid"):
            _ = other.facts
        other.api.close()

    def test_a_repository_that_cannot_be_seen(self, here: World) -> None:
        other = client(here.hub, [], repository="acme/elsewhere")
        with pytest.raises(ApiError, match=r"404.*Not Found; it does not exist, or the token may not see it"):
            _ = other.facts
        other.api.close()

    def test_the_token_is_in_no_text(self, here: World) -> None:
        connection = here.repository.api.connection
        assert connection.token not in repr(connection)
        other = client(here.hub, [], token="secret-secret")
        with pytest.raises(ApiError) as caught:
            _ = other.facts
        other.api.close()
        assert "secret-secret" not in str(caught.value) + repr(caught.value)

    @pytest.mark.parametrize("url", ["api.github.com", "file:///etc/passwd", ""])
    def test_an_address_that_is_none(self, url: str) -> None:
        connection = Connection(repository="a/b", token="t", api_url=url)
        with pytest.raises(ForgeError, match=r"GITHUB_API_URL .* is no address"):
            GitHub(connection, Waiter(now=float, sleep=lambda _: None), str)

    def test_a_redirection_to_another_host(self, here: World) -> None:
        here.hub.faults.append(Fault(GET, 301, {}, {"location": "https://evil.example/api/v3/x"}))
        with pytest.raises(ForgeError, match="is this the address of the API"):
            _ = here.repository.facts

    @pytest.mark.parametrize(
        ("status", "said", "hint"),
        [
            (403, "Resource protected by organization SAML enforcement.", "single sign-on"),
            (409, "Git Repository is empty.", "push a first commit"),
            (403, "GitHub Actions is not permitted to create or approve pull requests.", "Settings > Actions"),
        ],
    )
    def test_hints(self, here: World, status: int, said: str, hint: str) -> None:
        here.hub.faults.append(Fault(GET, status, {"message": said}))
        with pytest.raises(ApiError, match=hint):
            _ = here.repository.facts

    @pytest.mark.parametrize(
        ("data", "told"),
        [
            (None, ""),
            ([], ""),
            ({"message": "a\nb", "errors": "x"}, "a b"),
            ({"message": "No", "errors": [{"message": "why"}, "text", {"resource": "R", "field": "f", "code": "c"}]},
             "No; why; text; R f c"),
            ({"message": "x" * 900}, "x" * 500),
        ],
    )  # fmt: skip
    def test_messages(self, data: object, told: str) -> None:
        assert error_message(data) == told


class TestPages:
    def test_every_page_is_read(self, here: World) -> None:
        for number in range(250):
            here.hub.store.comments.append(
                {
                    "id": number,
                    "body": str(number),
                    "user": here.hub.bot.user(),
                    "created_at": "2026-11-01T00:00:00Z",
                    "on": 1,
                }
            )
        before = here.repository.api.requests
        assert [c.id for c in here.repository.comments(1)] == list(range(250))
        assert here.repository.api.requests - before == 3

    def test_only_as_many_as_are_wanted(self, here: World) -> None:
        for number in range(250):
            here.hub.store.comments.append(
                {"id": number, "body": "", "user": here.hub.bot.user(), "created_at": "2026-11-01T00:00:00Z", "on": 1}
            )
        before = here.repository.api.requests
        assert next(here.repository.comments(1)).id == 0
        assert here.repository.api.requests - before == 1

    def test_not_endlessly(self, here: World) -> None:
        for number in range(1100):
            here.hub.store.comments.append(
                {"id": number, "body": "", "user": here.hub.bot.user(), "created_at": "2026-11-01T00:00:00Z", "on": 1}
            )
        assert len(list(here.repository.comments(1))) == 1000


class TestWhoWeAre:
    def test_a_job_s_own_token(self, here: World) -> None:
        assert here.repository.login == "github-actions[bot]"
        assert here.repository.api.requests == 0

    def test_an_installation_token_of_another_form(self, here: World) -> None:
        here.hub.store.accounts["v2.form"] = here.hub.bot
        other = client(here.hub, [], token="v2.form")
        assert other.login == "github-actions[bot]"
        other.api.close()

    def test_a_person(self, here: World) -> None:
        here.hub.account("ghp_person", "octo")
        other = client(here.hub, [], token="ghp_person")
        assert other.login == "octo"
        other.api.close()

    def test_an_app_that_says_so(self, here: World) -> None:
        other = client(here.hub, [], login="my-app[bot]")
        assert other.login == "my-app[bot]"
        other.api.close()

    def test_a_dead_token(self, here: World) -> None:
        other = client(here.hub, [], token="dead")
        with pytest.raises(ApiError, match="401"):
            _ = other.login
        other.api.close()


class TestWhatIsSent:
    def test_secrets_and_lone_surrogates_are_taken_out(self, here: World) -> None:
        clean = client(here.hub, [], scrub=lambda text: text.replace("hunter2", "***"))
        sha = clean.head("main")
        sent = {"state": "success", "description": "hunter2 \ud800", "context": "c"}
        clean.api.send("POST", f"{{repo}}/statuses/{sha}", sent)
        clean.api.close()
        assert here.hub.store.statuses[-1]["description"] == "*** ?"

    def test_a_blob_that_was_altered_on_its_way_is_noticed(self, here: World) -> None:
        clean = client(here.hub, [], scrub=lambda text: text.replace("c2VjcmV0", "AAAAAAAA"))
        with pytest.raises(ForgeError, match="is there a secret in the skill"):
            clean.create_blob(b"secret")
        clean.api.close()

    def test_the_fake_notices_what_github_would_refuse(self, tmp_path: Path) -> None:
        hub = FakeGitHub(tmp_path)
        other = client(hub, [])
        with pytest.raises(ApiError):
            other.api.get("{repo}/nonsense")
        other.api.close()
        assert hub.offences == ["GET /repos/acme/skills/nonsense: GitHub has no such operation"]
        with pytest.raises(AssertionError):
            hub.__exit__(None, None, None)


def test_a_huge_tree_is_walked(here: World) -> None:
    tip = here.repository.head("main")
    assert tip
    tree = here.repository.tree_of(tip)
    paths = ("skills/invoices/SKILL.md", "README.md", "no/such/file", "skills/none", "README.md/x")
    whole = here.repository.entries(tree, paths)
    here.hub.store.rules.truncated_trees = True
    assert here.repository.entries(tree, paths) == whole
    assert sorted(whole) == ["README.md", "skills/invoices/SKILL.md"]


def test_a_repository_is_the_same_by_its_facts(here: World) -> None:
    assert isinstance(here.repository, Repository)
    assert here.repository.facts is here.repository.facts
    assert here.repository.api.requests == 1
