import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.actions import context
from skillopt_ci.actions.context import EventContext, read_context
from skillopt_ci.errors import UsageError

A, B = "a" * 40, "b" * 40


def read(folder: Path, event: str, payload: Any, **env: str) -> EventContext:
    place = folder / "event.json"
    place.write_bytes(payload if isinstance(payload, bytes) else json.dumps(payload).encode())
    return read_context(
        {"GITHUB_EVENT_NAME": event, "GITHUB_EVENT_PATH": str(place), "GITHUB_REPOSITORY": "o/r", **env}
    )


def pull(**changes: Any) -> dict[str, Any]:
    value = {
        "head": {"sha": A, "repo": {"full_name": "O/R"}},
        "base": {"sha": B, "ref": "release/1"},
        "user": {"login": "somebody"},
        **changes,
    }
    return {"number": 7, "pull_request": value, "repository": {"default_branch": "trunk"}}


def test_a_pull_request_of_the_repository(tmp_path: Path) -> None:
    found = read(tmp_path, "pull_request", pull(), GITHUB_ACTOR="somebody", GITHUB_RUN_ID="5")
    assert found == EventContext(
        event="pull_request",
        kind="pull-request",
        repository="o/r",
        default_branch="trunk",
        actor="somebody",
        base_ref="release/1",
        base_sha=B,
        head_sha=A,
        pr_number=7,
        run_url="https://github.com/o/r/actions/runs/5",
    )


@pytest.mark.parametrize("repo", [{"full_name": "stranger/r"}, None, "o/r", {"full_name": 1}])
def test_a_pull_request_of_a_fork_or_of_nobody_knows_whom_is_restricted(tmp_path: Path, repo: object) -> None:
    found = read(tmp_path, "pull_request_target", pull(head={"sha": A, "repo": repo}))
    assert (found.kind, found.restricted) == ("pull-request", True)


def test_a_pull_request_of_dependabot_gets_no_secrets(tmp_path: Path) -> None:
    found = read(tmp_path, "pull_request", pull(user={"login": "dependabot[bot]"}))
    assert found.restricted
    assert read(tmp_path, "pull_request", pull(), GITHUB_ACTOR="dependabot[bot]").restricted


def test_a_merge_group(tmp_path: Path) -> None:
    group = {"head_sha": A, "base_sha": B, "base_ref": "refs/heads/main"}
    found = read(tmp_path, "merge_group", {"merge_group": group})
    assert (found.kind, found.head_sha, found.base_sha, found.base_ref) == ("merge-group", A, B, "main")


def test_a_schedule_and_a_push_have_no_change_to_judge(tmp_path: Path) -> None:
    for event in ("schedule", "push"):
        found = read(tmp_path, event, {"repository": {"default_branch": "main"}, "head_sha": A})
        assert (found.kind, found.head_sha, found.default_branch) == (event, None, "main")


def test_a_schedule_tells_the_default_branch_by_where_it_runs(tmp_path: Path) -> None:
    assert read(tmp_path, "schedule", {"schedule": "0 0 * * *"}, GITHUB_REF_NAME="trunk").default_branch == "trunk"
    assert read(tmp_path, "push", {}, GITHUB_REF_NAME="trunk").default_branch == ""


@pytest.mark.parametrize("pr", ["12", 12])
def test_a_dispatch_names_a_pull_request_and_its_reviewed_head(tmp_path: Path, pr: object) -> None:
    payload = {"inputs": {"pr": pr, "head_sha": A}, "repository": {"default_branch": "main"}}
    found = read(tmp_path, "workflow_dispatch", payload)
    assert (found.kind, found.pr_number, found.head_sha, found.base_ref) == ("dispatch", 12, A, "main")


@pytest.mark.parametrize(
    ("ref", "name", "rules"),
    [
        ("refs/heads/release/1", "release/1", "release/1"),
        ("refs/tags/v1", "v1", "main"),
        ("refs/heads/x y", "x y", "main"),
    ],
)
def test_a_dispatch_takes_the_rules_of_the_branch_that_it_was_started_on(
    tmp_path: Path, ref: str, name: str, rules: str
) -> None:
    payload = {"inputs": {"pr": "12", "head_sha": A}, "repository": {"default_branch": "main"}}
    assert read(tmp_path, "workflow_dispatch", payload, GITHUB_REF=ref, GITHUB_REF_NAME=name).base_ref == rules


@pytest.mark.parametrize("inputs", [{}, None, {"pr": "", "head_sha": ""}, {"other": "1"}])
def test_a_dispatch_without_a_pull_request(tmp_path: Path, inputs: object) -> None:
    found = read(tmp_path, "workflow_dispatch", {"inputs": inputs})
    assert (found.kind, found.pr_number, found.head_sha) == ("dispatch", None, None)


@pytest.mark.parametrize(
    "inputs",
    [
        {"pr": "7"},
        {"head_sha": A},
        {"pr": "7", "head_sha": A[:12]},
        {"pr": "0", "head_sha": A},
        {"pr": "7\n8", "head_sha": A},
        {"pr": "-1", "head_sha": A},
        {"pr": True, "head_sha": A},
        {"pr": "7", "head_sha": "main"},
        {"pr": "7", "head_sha": A.upper()},
    ],
)
def test_a_dispatch_that_does_not_bind_to_a_commit_is_refused(tmp_path: Path, inputs: object) -> None:
    with pytest.raises(UsageError, match="input 'head_sha'"):
        read(tmp_path, "workflow_dispatch", {"inputs": inputs})


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        ("pull_request", {}),
        ("pull_request", {**pull(), "number": "7"}),
        ("pull_request", pull(head={"sha": "HEAD"})),
        ("pull_request", pull(base={"ref": "-x"})),
        ("merge_group", {"merge_group": {"head_sha": A}}),
        ("merge_group", {"merge_group": []}),
    ],
)
def test_an_event_without_what_it_must_have(tmp_path: Path, event: str, payload: object) -> None:
    with pytest.raises(UsageError, match=f"the payload of the event '{event}' lacks"):
        read(tmp_path, event, payload)


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b"\xff", b"[" * 200_000])
def test_a_payload_that_cannot_be_read(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(UsageError, match="GITHUB_EVENT_PATH"):
        read(tmp_path, "push", data)


def test_a_payload_that_is_missing_or_too_large(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_context({"GITHUB_EVENT_PATH": str(tmp_path / "none")})
    place = tmp_path / "large"
    with place.open("wb") as file:
        file.truncate(context.MAX_PAYLOAD_BYTES + 1)
    with pytest.raises(UsageError, match="more than"):
        read_context({"GITHUB_EVENT_PATH": str(place)})


def test_outside_of_a_runner_nothing_is_known() -> None:
    assert read_context({}) == EventContext()


@pytest.mark.parametrize(
    "branch",
    ["-x", "a..b", "a b", "a~1", "a^", "a:b", "a?", "a*", "a[", "a\\b", "/a", "a/", "a//b", ".a", "a/.b", "a.lock",
     "a.lock/b", "a@{0}", "@", "a\n", "a\x7f", "a\u202eb", "a.", "x" * 256, "", 5, None],
)  # fmt: skip
def test_a_branch_that_git_would_not_have_is_none(tmp_path: Path, branch: object) -> None:
    assert read(tmp_path, "push", {"repository": {"default_branch": branch}}).default_branch == ""


@pytest.mark.parametrize("branch", ["main", 'x";curl${IFS}a', "a/b.c", "$(id)", "ünï", "a@b", "::error::x"[2:7]])
def test_a_legal_branch_is_taken_as_it_is(tmp_path: Path, branch: str) -> None:
    assert read(tmp_path, "push", {"repository": {"default_branch": branch}}).default_branch == branch


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GITHUB_REPOSITORY", "o/r/x"),
        ("GITHUB_REPOSITORY", "o/r\n"),
        ("GITHUB_SERVER_URL", "file:///etc"),
        ("GITHUB_API_URL", "https://a b"),
        ("GITHUB_ACTOR", "a b"),
        ("GITHUB_RUN_ID", "1/../2"),
    ],
)
def test_a_variable_of_another_form_is_not_taken(tmp_path: Path, name: str, value: str) -> None:
    found = read(tmp_path, "push", {}, **{name: value})
    assert value not in str(found)


def test_addresses_of_a_server_of_ones_own(tmp_path: Path) -> None:
    env = {"GITHUB_SERVER_URL": "https://git.example:8443", "GITHUB_API_URL": "https://git.example:8443/api/v3/"}
    found = read(tmp_path, "push", {}, **env)
    assert (found.server_url, found.api_url) == ("https://git.example:8443", "https://git.example:8443/api/v3")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=10,
)


@given(
    st.sampled_from(["pull_request", "merge_group", "workflow_dispatch", "push"]),
    st.fixed_dictionaries(
        {
            "pull_request": json_values, "merge_group": json_values, "inputs": json_values, "number": json_values,
            "repository": json_values,
        }
    ),
)  # fmt: skip
def test_no_payload_makes_a_traceback(tmp_path_factory: pytest.TempPathFactory, event: str, payload: object) -> None:
    try:
        found = read(tmp_path_factory.mktemp("event"), event, payload)
    except UsageError as error:
        said = str(error)
    else:
        said = found.event
    assert said
    assert "\n" not in said
