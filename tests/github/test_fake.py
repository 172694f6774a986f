"""The fake itself: what GitHub would refuse it refuses, and the description judges both sides."""

import json
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.github.oracle import the_oracle
from tests.github.prune_openapi import OPERATIONS
from tests.github.routes import ROUTES
from tests.github.server import FakeGitHub
from tests.github.world import World, world


@pytest.fixture
def here(tmp_path: Path):  # type: ignore[no-untyped-def]
    with world(tmp_path) as made:
        yield made


def raw(hub: FakeGitHub, path: str, **headers: str) -> tuple[int, dict[str, str], Any]:
    request = urllib.request.Request(hub.url + path, headers={"authorization": f"token {hub.token}", **headers})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, dict(answer.headers), json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers), json.loads(error.read() or b"null")


def test_every_route_is_an_operation_of_github() -> None:
    oracle = the_oracle()
    names = {
        found.name
        for path, methods in OPERATIONS.items()
        for method in methods
        if (found := oracle.operation(method, path.replace("{", "").replace("}", "")))
    }
    assert set(ROUTES) <= names


REPO = "/repos/acme/skills"


class TestOracle:
    @pytest.mark.parametrize(
        ("method", "path", "body", "wrong"),
        [
            ("POST", f"{REPO}/pulls", {"title": "t", "head": "h"}, "'base' is a required property"),
            ("POST", f"{REPO}/pulls", {"title": "t" * 257, "head": "h", "base": "b"}, "title is too long"),
            ("POST", f"{REPO}/pulls", {"body": "\U0001f600" * 40_000, "head": "h", "base": "b"}, "body is too long"),
            ("POST", f"{REPO}/pulls", {"head": "h", "base": "b", "labels": []}, "there is no field 'labels'"),
            ("POST", f"{REPO}/statuses/{'a' * 40}", {"state": "neutral"}, "'neutral' is not one of"),
            ("POST", f"{REPO}/statuses/{'a' * 40}", {"state": "success", "description": "x" * 141}, "too long"),
            ("POST", f"{REPO}/statuses/{'a' * 40}", None, "needs a body"),
            ("GET", f"{REPO}/git/commits/x", {"a": 1}, "takes no body"),
            ("POST", f"{REPO}/git/trees", {"tree": [{"mode": "100600"}]}, "'100600' is not one of"),
            ("POST", f"{REPO}/check-runs", {"name": "n", "head_sha": "x", "conclusion": "ok"}, "ok"),
            (
                "POST", f"{REPO}/check-runs",
                {"name": "n", "head_sha": "x", "output": {"title": "t", "summary": "s" * 65_536}}, "maxLength",
            ),
            (
                "POST", f"{REPO}/check-runs",
                {"name": "n", "head_sha": "x", "output": {"title": "t", "summary": "s", "annotations": [
                    {"path": "p", "start_line": 1, "end_line": 1, "annotation_level": "notice", "message": "m"}] * 51}},
                "maxItems",
            ),
        ],
    )  # fmt: skip
    def test_what_is_wrong_is_seen(self, method: str, path: str, body: Any, wrong: str) -> None:
        operation = the_oracle().operation(method, path)
        assert operation
        found = the_oracle().request(operation, {}, body)
        assert any(wrong in line for line in found), found

    def test_questions(self) -> None:
        operation = the_oracle().operation("GET", f"{REPO}/pulls")
        assert operation
        assert the_oracle().request(operation, {"state": ["all"], "per_page": ["100"]}, None) == []
        assert the_oracle().request(operation, {"state": ["merged"]}, None)
        assert the_oracle().request(operation, {"per_page": ["many"]}, None)
        assert the_oracle().request(operation, {"colour": ["red"]}, None) == ["pulls/list: no query parameter 'colour'"]

    def test_answers(self) -> None:
        operation = the_oracle().operation("GET", f"{REPO}/pulls/1")
        assert operation
        assert the_oracle().answer(operation, 200, {"number": 1, "head": {"sha": "x"}}) == []
        assert the_oracle().answer(operation, 200, {"number": "1"})
        assert the_oracle().answer(operation, 200, {"head": {"colour": 1}})
        assert the_oracle().answer(operation, 204, None) == ["pulls/get: no answer 204"]

    def test_unknown_paths(self) -> None:
        assert the_oracle().operation("GET", f"{REPO}/nonsense") is None
        assert the_oracle().operation("DELETE", f"{REPO}/pulls/1") is None


class TestTheFake:
    def test_etags(self, here: World) -> None:
        status, told, value = raw(here.hub, REPO)
        assert (status, value["full_name"]) == (200, "acme/skills")
        assert raw(here.hub, REPO, **{"if-none-match": told["etag"]})[0] == 304

    def test_pages(self, here: World) -> None:
        for number in range(3):
            here.hub.store.put(f"b{number}", {"x": str(number)})
            here.hub.store.git("update-ref", f"refs/heads/b{number}", here.hub.store.put("main", {"y": str(number)}))
            here.hub.store.put(f"b{number}", {"x": str(number)})
            fields = {"title": "t", "body": "", "head": f"b{number}", "base": "main", "draft": False}
            here.repository.create_pull(fields)
        _, told, value = raw(here.hub, f"{REPO}/pulls?per_page=2")
        assert [p["number"] for p in value] == [3, 2]
        assert 'rel="next"' in told["link"]
        assert "/repositories/1/pulls?" in told["link"]
        _, told, value = raw(here.hub, f"{REPO}/pulls?per_page=2&page=2")
        assert ([p["number"] for p in value], "link" in told) == ([1], False)

    def test_git_over_http(self, here: World, tmp_path: Path) -> None:
        place = tmp_path / "clone"
        git = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run([*git, "clone", "-q", here.hub.clone_url, str(place)], check=True)
        (place / "README.md").write_text("pushed\n")
        subprocess.run([*git, "commit", "-qam", "x"], cwd=place, check=True)
        refused = subprocess.run(
            [*git, "push", "-q"],
            cwd=place,
            check=False,
            capture_output=True,
            env={"PATH": "/usr/bin:/bin", "GIT_TERMINAL_PROMPT": "0"},
        )
        assert refused.returncode
        key = f"http.{here.hub.root}/.extraheader=Authorization: basic eDp5"
        subprocess.run([*git, "-c", key, "push", "-q"], cwd=place, check=True)
        assert here.hub.store.read("main", "README.md") == b"pushed\n"

    @pytest.mark.parametrize(
        ("verb", "path", "body", "status"),
        [
            ("POST", "/pulls", {"title": "t", "head": "nope", "base": "main"}, 422),
            ("POST", "/pulls", {"title": "t", "head": "main", "base": "main"}, 422),
            ("POST", "/git/refs", {"ref": "refs/heads/main", "sha": "0" * 40}, 422),
            ("PATCH", "/git/refs/heads/nope", {"sha": "0" * 40}, 422),
            ("PATCH", "/git/refs/heads/main", {"sha": "0" * 40}, 422),
            ("DELETE", "/git/refs/heads/nope", None, 422),
            ("GET", "/git/commits/0000", None, 404),
            ("GET", "/git/trees/0000", None, 404),
            ("GET", "/git/blobs/0000", None, 404),
            ("POST", "/git/commits", {"message": "m", "tree": "0" * 40}, 422),
            ("POST", "/git/trees", {"base_tree": "0" * 40, "tree": []}, 422),
            ("POST", "/git/trees", {"tree": [{"path": "../x", "mode": "100644", "sha": "0" * 40}]}, 422),
            ("GET", "/compare/main...nope", None, 404),
            ("GET", "/contents/nope", None, 404),
            ("GET", "/contents/x?ref=nope", None, 404),
            ("GET", "/branches/nope", None, 404),
            ("GET", "/pulls/9", None, 404),
            ("POST", f"/statuses/{'0' * 40}", {"state": "success"}, 422),
            ("PATCH", "/issues/comments/9", {"body": "x"}, 404),
            ("GET", "/actions/permissions/workflow", None, 403),
        ],
    )  # fmt: skip
    def test_refusals(self, here: World, verb: str, path: str, body: Any, status: int) -> None:
        answer = here.hub.answer(verb, f"/api/v3{REPO}{path}", {"authorization": f"token {here.hub.token}"}, body)
        assert answer
        assert answer[0] == status

    def test_refs_move_forward_only_without_force(self, here: World) -> None:
        old = here.repository.head("main")
        here.hub.store.put("main", {"x": "y"})
        for force, wanted in ((False, 422), (True, 200)):
            answer = here.hub.answer(
                "PATCH", f"/api/v3{REPO}/git/refs/heads/main", {"authorization": f"token {here.hub.token}"},
                {"sha": old, "force": force},
            )  # fmt: skip
            assert answer
            assert answer[0] == wanted

    def test_check_runs(self, here: World) -> None:
        here.hub.bot.permissions["checks"] = "write"
        sha = here.repository.head("main")
        made = here.repository.api.send("POST", "{repo}/check-runs", {"name": "n", "head_sha": sha})
        done = {"status": "completed", "conclusion": "success"}
        here.repository.api.send("PATCH", f"{{repo}}/check-runs/{made['id']}", done)
        found = here.repository.api.get(f"{{repo}}/commits/{sha}/check-runs")
        assert [(c["name"], c["conclusion"]) for c in found["check_runs"]] == [("n", "success")]

    def test_commits_of_a_bot_are_signed_and_others_are_not(self, here: World) -> None:
        sha = here.repository.head("main") or ""
        tree = here.repository.tree_of(sha)
        made = here.repository.api.send("POST", "{repo}/git/commits", {"message": "m", "tree": tree, "parents": [sha]})
        assert made["verification"]["verified"]
        author = {"name": "a", "email": "a@example.org"}
        named = {"message": "m", "tree": tree, "parents": [sha], "author": author}
        assert not here.repository.api.send("POST", "{repo}/git/commits", named)["verification"]["verified"]
