import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.history import Step
from skillopt_ci.core.screening import Screening
from skillopt_ci.core.spend import Spend
from skillopt_ci.core.trajectory import Usage
from skillopt_ci.errors import UsageError
from skillopt_ci.report.run_folder import RunFolder
from skillopt_ci.report.run_reader import MAX_BYTES, read_json, read_run, read_spend, read_text
from tests.report.samples import BEST, START, STEPS, training

CONFIG = {"name": "invoices", "path": "skills/invoices/SKILL.md", "run_id": "0"}


def write(path: Path, pull_request: str | None = "# PR\n") -> Path:
    folder = RunFolder(path, str)
    folder.write_config(CONFIG)
    for step in STEPS:
        folder.write_step(step)
    folder.finish(training(), simulated=True, pull_request=pull_request)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "run")


def change(folder: Path, name: str, how: Callable[[Any], object]) -> None:
    value = json.loads((folder / name).read_text(encoding="utf-8"))
    (folder / name).write_text(json.dumps(how(value)), encoding="utf-8")


def test_a_run_is_read_back(folder: Path) -> None:
    run = read_run(folder)
    assert dict(run.config) == CONFIG
    assert (run.start.text, run.best.text) == (START.text, BEST.text)
    assert run.body == "# PR\n"
    assert run.proposal is True
    assert run.test == (0.375, 0.875)
    assert len(run.steps) == len(STEPS)
    for read, step in zip(run.steps, STEPS, strict=True):
        assert _told(read) == _told(step)
    assert [s.candidate.text if s.candidate else None for s in run.steps] == [BEST.text, None, None, None]
    assert run.steps[1].incumbent.text == BEST.text


def _told(step: Step) -> dict[str, object]:
    """What history.json holds of a step, but for what only the run itself knows."""
    value = step.as_json()
    for key in ("candidate", "cost"):
        del value[key]
    return json.loads(json.dumps(value, default=str).encode("utf-8", "backslashreplace"))  # type: ignore[no-any-return]


def test_what_an_edit_did_alone_is_read_back(folder: Path) -> None:
    def tell(steps: list[dict[str, Any]]) -> object:
        steps[0]["edits"][0]["screening"] = {"gain": 0.25, "runs": 8}
        steps[0]["edits"][0]["proposed"] = 3
        for key in ("screening", "proposed"):  # as an older version wrote it
            del steps[0]["edits"][1][key]
        return steps

    change(folder, "history.json", tell)
    first, second = read_run(folder).steps[0].edits[:2]
    assert (first.screening, second.screening) == (Screening(gain=0.25, runs=8), None)
    assert (first.proposed, second.proposed) == (3, 0)


def test_what_trials_of_all_edits_showed_is_read_back(folder: Path) -> None:
    def tell(steps: list[dict[str, Any]]) -> object:
        for edit, together in zip(steps[0]["edits"], (True, "yes"), strict=False):
            edit["screening"] = {"gain": 0.02, "runs": 40, "evidence": 1.5, "together": together}
        return steps

    change(folder, "history.json", tell)
    first, second = (r.screening for r in read_run(folder).steps[0].edits[:2])
    assert first == Screening(gain=0.02, runs=40, evidence=1.5, together=True)
    assert second == Screening(gain=0.02, runs=40, evidence=1.5)


def test_a_run_that_changed_nothing_has_no_body(tmp_path: Path) -> None:
    assert read_run(write(tmp_path / "run", pull_request=None)).body is None


def test_proposal_is_the_runs_own_word(folder: Path) -> None:
    for word, wanted in ((True, True), (False, False), ("yes", False), (1, False), (None, False)):
        change(folder, "report.json", lambda report, word=word: {**report, "proposal": word})
        assert read_run(folder).proposal is wanted


@pytest.mark.parametrize(
    ("skills", "wanted"),
    [
        (5, (None, None)),
        ([], (None, None)),
        (["x"], (None, None)),
        ([{"test": "x"}], (None, None)),
        ([{"test": {"start": 0.5, "best": {}}}], (None, None)),
        ([{"test": {"start": {"mean": "1"}, "best": {"mean": 1.01}}}], (None, None)),
        ([{"test": {"start": {"mean": 0}, "best": {"mean": 1}}}, {"test": None}], (0.0, 1.0)),
    ],
)
def test_closing_scores_are_shares_or_nothing(folder: Path, skills: object, wanted: object) -> None:
    change(folder, "report.json", lambda report: {**report, "skills": skills})
    assert read_run(folder).test == wanted


@pytest.mark.parametrize(
    "name", ["config.json", "report.json", "history.json", "best_skill.md", "skills/skill_v0001.md"]
)
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(UsageError, match="No such file or directory; name the folder of a finished run") as raised:
        read_run(folder)
    assert str(folder / name) in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", ["config.json", "report.json", "history.json"])
@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"1" * 10_000])
def test_damaged_json_is_named(folder: Path, name: str, data: bytes) -> None:
    (folder / name).write_bytes(data)
    with pytest.raises(UsageError, match=r"damaged|not the configuration|not what a run writes") as raised:
        read_run(folder)
    assert name in str(raised.value)


@pytest.mark.parametrize("config", [[], {}, {"name": "x"}, {"name": 5, "path": "p"}, {"name": "x", "path": None}])
def test_a_configuration_of_something_else(folder: Path, config: object) -> None:
    change(folder, "config.json", lambda _: config)
    with pytest.raises(UsageError, match="not the configuration of a run"):
        read_run(folder)


def test_a_skill_that_is_none(folder: Path) -> None:
    (folder / "best_skill.md").write_bytes(b"---\nname: x\n")
    with pytest.raises(UsageError, match="never closed"):
        read_run(folder)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("step", "one"),
        ("step", None),
        ("step", float("inf")),
        ("epoch", []),
        ("kind", "magic"),
        ("action", "hope"),
        ("action", ["accept"]),
        ("val_mean", "0.5"),
        ("val_mean", float("nan")),
        ("val_mean", 10**400),
        ("val_upper_bound", {}),
        ("incumbent_val_mean", None),
        ("effect", {"mean": 0.1}),
        ("effect", {"mean": "x", "low": 0, "high": 1}),
        ("effect", 5),
        ("edits", None),
        ("edits", "abc"),
        ("edits", [{"op": "add"}]),
        ("edit_budget", float("-inf")),
        ("failures", 5),
        ("failures", [{"stage": "reflect"}]),
    ],
)
def test_a_damaged_step_is_named(folder: Path, key: str, value: object) -> None:
    change(folder, "history.json", lambda steps: [steps[0], {**steps[1], key: value}, *steps[2:]])
    with pytest.raises(UsageError, match=r"history\.json: step 2 is damaged"):
        read_run(folder)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("op", "run"),
        ("status", "fine"),
        ("evidence", 5),
        ("support", "x"),
        ("support", float("inf")),
        ("screening", "x"),
        ("screening", []),
    ],
)
def test_a_damaged_edit_is_named(folder: Path, key: str, value: object) -> None:
    def spoil(steps: list[dict[str, Any]]) -> object:
        steps[0]["edits"][0][key] = value
        return steps

    change(folder, "history.json", spoil)
    with pytest.raises(UsageError, match="step 1 is damaged"):
        read_run(folder)


@given(st.recursive(st.none() | st.integers() | st.floats() | st.text(max_size=5), lambda x: st.lists(x, max_size=3)))
def test_steps_of_strangers_never_give_a_traceback(tmp_path_factory: pytest.TempPathFactory, value: object) -> None:
    folder = _shared(tmp_path_factory)
    step = dict.fromkeys(
        ("step", "epoch", "kind", "action", "reason", "candidate", "val_mean", "effect", "edits"), value
    )
    (folder / "history.json").write_text(json.dumps([step]), encoding="utf-8")
    with pytest.raises(UsageError):
        read_run(folder)


def _shared(factory: pytest.TempPathFactory) -> Path:
    path = factory.getbasetemp() / "strangers"
    return path if path.exists() else write(path)


def test_links_and_huge_files_are_refused(folder: Path) -> None:
    secret = folder / "secret"
    secret.write_text("secret", encoding="utf-8")
    (folder / "pull_request.md").unlink()
    (folder / "pull_request.md").symlink_to(secret)
    with pytest.raises(UsageError, match="a link, or larger"):
        read_run(folder)
    with (folder / "big.json").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(UsageError, match=r"big\.json: a link, or larger"):
        read_json(folder, "big.json")


def test_texts_are_read_whatever_they_hold(folder: Path) -> None:
    (folder / "report.md").write_bytes(b"a\xffb")
    assert read_text(folder, "report.md") == "a\ufffdb"
    with pytest.raises(UsageError, match="Is a directory"):
        read_text(folder, "skills")


@pytest.mark.parametrize("calls", [10**400, float("nan"), "x"])
def test_a_spend_with_a_count_that_is_none(calls: object) -> None:
    with pytest.raises(ValueError, match="is no number"):
        read_spend({"calls": calls})


def test_a_price_that_cannot_be_read_is_unknown() -> None:
    assert read_spend(None) == read_spend({"usd": "x"}) == Spend(usd=None)
    assert read_spend({"usd": "0.25", "input_tokens": 3}) == Spend(usd=Decimal("0.25"), usage=Usage(input_tokens=3))
    for usd, known in (("999999999999", True), ("1e12", False), ("NaN", False), ("Infinity", False), (5, False)):
        assert (read_spend({"usd": usd}).usd is not None) is known
