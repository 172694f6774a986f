from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.actions.outputs import SUMMARY_BYTES, RunnerFiles
from skillopt_ci.errors import SkilloptError
from tests.runner.protocol import parse_file, read_summary


def files(folder: Path) -> RunnerFiles:
    names = {"GITHUB_OUTPUT": "output", "GITHUB_STEP_SUMMARY": "summary"}
    return RunnerFiles.of({k: str(folder / v) for k, v in names.items()})


def written(folder: Path) -> dict[str, str]:
    return parse_file((folder / "output").read_bytes().decode("utf-8"))


@given(st.text() | st.text("a=<\r\n:#[%", max_size=20))
def test_an_output_is_what_was_set(tmp_path_factory: pytest.TempPathFactory, value: str) -> None:
    folder = tmp_path_factory.mktemp("step")
    runner = files(folder)
    runner.set_output("verdict", value)
    runner.set_output("reason", "last")
    assert written(folder) == {"verdict": value.encode("utf-8", "replace").decode(), "reason": "last"}


def test_a_value_cannot_bring_in_another_output(tmp_path: Path) -> None:
    runner = files(tmp_path)
    runner.set_output("verdict", "pass\nproposal=true\nproposal<<EOF\ntrue\nEOF\nghadelimiter_00000000")
    assert set(written(tmp_path)) == {"verdict"}


@pytest.mark.parametrize("name", ["", "a b", "a\nb", "a=b", "a<<b", "1a"])
def test_a_name_that_is_none(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="not the name"):
        files(tmp_path).set_output(name, "x")


def test_a_summary_is_added_to_what_is_there(tmp_path: Path) -> None:
    runner = files(tmp_path)
    runner.add_summary("# one")
    runner.add_summary("two\n")
    assert read_summary(tmp_path / "summary") == "# one\ntwo\n"


@pytest.mark.parametrize("line", ["é" * 50 + "\n", "x" * 7 + "\n"])
def test_a_large_summary_is_cut_at_a_line_and_still_shown(tmp_path: Path, line: str) -> None:
    runner = files(tmp_path)
    runner.add_summary("# first\n")
    runner.add_summary(line * (2 * SUMMARY_BYTES // len(line.encode())))
    shown = read_summary(tmp_path / "summary")
    assert shown.startswith("# first\n" + line)
    assert shown.endswith("1 MiB._\n")
    assert set(shown.splitlines()[1:-3]) <= {line.strip(), ""}
    assert SUMMARY_BYTES - 200 < len(shown.encode()) <= SUMMARY_BYTES
    runner.add_summary("no room")
    assert read_summary(tmp_path / "summary").endswith(("no room\n", "1 MiB._\n"))


def test_a_fence_that_was_cut_is_closed(tmp_path: Path) -> None:
    runner = files(tmp_path)
    runner.add_summary("```\na\n```\n\n````text\n" + "```\n" * SUMMARY_BYTES)
    shown = read_summary(tmp_path / "summary").splitlines()
    assert shown[-3:] == ["````", "", "_The summary was cut: a step may have 1 MiB._"]
    assert shown[-4] == "```"


def test_a_fence_that_leaves_no_room_for_its_end(tmp_path: Path) -> None:
    runner = files(tmp_path)
    runner.add_summary("a\n" + "`" * (SUMMARY_BYTES - 100) + "\n" + "b\n" * 99)
    shown = read_summary(tmp_path / "summary").splitlines()
    assert (shown[0], shown[-1]) == ("a", "_The summary was cut: a step may have 1 MiB._")
    assert len(shown) == 3


def test_outside_of_a_runner_nothing_is_written() -> None:
    runner = RunnerFiles.of({"GITHUB_OUTPUT": ""})
    runner.set_output("a", "b")
    runner.add_summary("c")
    assert runner == RunnerFiles()


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(SkilloptError, match="cannot be written"):
        RunnerFiles(output=tmp_path / "none" / "output").set_output("a", "b")
