"""A maintainer's word against the gate is told by the skill's history."""

import json
from pathlib import Path

import pytest

from skillopt_ci.forge.accepted import accepted_lines
from skillopt_ci.forge.status import accept_label
from tests.github.world import PATH, World, world


@pytest.fixture
def here(tmp_path: Path):  # type: ignore[no-untyped-def]
    with world(tmp_path) as made:
        made.hub.account("ghp_person", "octo")
        made.hub.account("ghp_reader", "reader", role="read")
        yield made


def change(here: World, path: str = PATH, *, who: str = "octo", reason: str = "shorter is worth it") -> str:
    """A person's merged pull request with a label that accepts its head."""
    store = here.hub.store
    number = max(store.pulls, default=0) + 1
    store.git("branch", "-f", f"topic-{number}", "main")
    sha = store.put(f"topic-{number}", {path: f"text {number}\n"})
    here.hub.answer(
        "POST", "/api/v3/repos/acme/skills/pulls", {"authorization": "token ghp_person"},
        {"title": "t", "body": "", "head": f"topic-{number}", "base": "main"},
    )  # fmt: skip
    store.refresh()
    store.label(number, accept_label(sha), who, reason)
    store.merge(number)
    return sha


def told(here: World, history: bytes = b"") -> list[dict[str, object]]:
    return [json.loads(line) for line in accepted_lines(here.repository, "main", PATH, history)]


def test_a_word_becomes_one_line(here: World) -> None:
    sha = change(here)
    expected = {
        "v": 1, "status": "accepted-by-maintainer", "pull": 1, "commit": sha, "by": "octo",
        "reason": "shorter is worth it",
    }  # fmt: skip
    assert told(here) == [expected]
    assert told(here, json.dumps(expected).encode() + b"\nno json\n") == []


def test_only_of_this_skill_by_writers_for_this_head(here: World) -> None:
    change(here, "README.md")
    change(here, who="reader")
    change(here, reason="")
    here.hub.store.labels.clear()
    last = change(here)
    here.hub.store.pulls[4].labels[:] = [accept_label("0" * 40)]
    assert last
    assert told(here) == []


@pytest.mark.parametrize("other", [{"path": "README.md"}, {"who": "reader"}, {"reason": ""}])
def test_a_word_without_weight_for_this_skill_is_passed_over(here: World, other: dict[str, str]) -> None:
    change(here, **other)
    change(here)
    assert [line["pull"] for line in told(here)] == [2]


def test_only_lines_of_this_kind_make_a_pull_request_known(here: World) -> None:
    change(here)
    lines = [{"status": "rejected", "pull": 1}, {"status": "accepted-by-maintainer", "pull": True}]
    assert [line["pull"] for line in told(here, "\n".join(map(json.dumps, lines)).encode())] == [1]


def test_an_open_one_does_not_count_and_requests_are_few(here: World) -> None:
    for _ in range(5):
        change(here)
    here.hub.store.pulls[5].merged_at = None
    here.hub.forget()
    assert [line["pull"] for line in told(here)] == [2, 3, 4]
    assert len(here.hub.sent) <= 10
