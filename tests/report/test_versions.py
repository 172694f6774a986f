import json
from dataclasses import replace
from pathlib import Path

from skillopt_ci.core.edit import Edit
from skillopt_ci.core.history import EditRecord
from skillopt_ci.core.skill import Skill
from skillopt_ci.report.escape import scrubber
from skillopt_ci.report.page.document import document
from skillopt_ci.report.versions import (
    Version,
    compare_versions,
    compared_json,
    compared_page,
    kept_edits,
    run_version,
    scrubbed,
)
from tests.report.page.pages import Reader, write_run
from tests.report.samples import BETTER, STEPS, decision, result, step


def version(body: str, **changes: object) -> Version:
    made = Version(label=body, skill=Skill(name="x", frontmatter="", body=body), runs={})
    return replace(made, **changes)  # type: ignore[arg-type]


def record(content: str, status: str = "kept") -> EditRecord:
    return EditRecord(edit=Edit(op="add", target="", content=content), status=status)  # type: ignore[arg-type]


def test_two_runs(tmp_path: Path) -> None:
    other = replace(BETTER, best=replace(BETTER.best, values=((1.0, 1.0), (0.0, 0.0), (1.0, 1.0), (None, None))))
    a = run_version(write_run(tmp_path / "a"), str)
    b = run_version(write_run(tmp_path / "b", result=result(confirmation=other, steps=STEPS[1:], versions=())), str)
    found = compare_versions(a, b)
    value = json.loads(json.dumps(compared_json(found)))
    assert value["moved"] == {"won": 1, "lost": 1, "same": 1, "not measured": 1}
    assert {t["id"]: t["outcome"] for t in value["tasks"]} == {
        "t1": "same", "t2|<b>": "lost", "t3": "won", "t4": "not measured",
    }  # fmt: skip
    assert value["effect"]["mean"] == round((0 - 1 + 0.5) / 3, 6)
    assert value["tasks"][3]["b"] is None
    assert (len(value["edits"]["only_a"]), value["edits"]["only_b"], value["edits"]["both"]) == (2, [], [])
    assert value["same"] is True
    assert value["simulated"] is True
    words = Reader(document(compared_page(found))).words
    assert "kept edits: 2 only in A, 0 only in B, 0 in both" in words
    assert "B minus A, by the runs that are known; no test" in words


def test_two_texts_of_which_nothing_is_known() -> None:
    value = compared_json(compare_versions(version("a\nb\n"), version("a\nc\n")))
    assert (value["effect"], value["moved"], value["tasks"], value["edits"]) == (None, None, [], None)
    assert value["notes"] == ["not measured: no held-out runs of both versions are known"]
    assert value["diff"] == "--- a\nb\n\n+++ a\nc\n\n@@ -1,2 +1,2 @@\n a\n-b\n+c"
    page = compared_page(compare_versions(version("a"), version("a")))
    assert (page.word, page.subjects[0].texts) == ("SAME", None)


def test_what_makes_a_comparison_shaky_is_said() -> None:
    runs = {"t1": (1.0,), "t2": (0.0,)}
    a = version("a", runs=runs, suite="s1", target="p/m")
    b = version("b", runs={"t1": (0.0,)}, suite="s2", target="p/n")
    assert compare_versions(a, b).notes == (
        "only the 1 tasks that both were measured on are compared",
        "the suites differ: a task of the same id may be another task",
        "the targets differ: p/m and p/n",
    )
    with_file = replace(a, skill=replace(a.skill, resources={"x.py": "1", "y": "2"}))
    other = replace(a, skill=replace(a.skill, resources={"x.py": "3", "y": "2"}))
    assert compare_versions(with_file, other).notes == ("bundled files that differ: x.py",)
    of_a_run = version("b", runs=runs, edits=())  # holds no bundled files: which differ is not known
    assert compare_versions(with_file, of_a_run).notes == compare_versions(of_a_run, with_file).notes == ()


def test_tasks_of_one_cluster_are_one_in_every_interval(tmp_path: Path) -> None:
    names = [f"t{i}" for i in range(40)]
    together = {name: f"c{i // 10}" for i, name in enumerate(names)}
    a = version("a", runs={name: (float(i % 2),) for i, name in enumerate(names)})
    b = version("b", runs={name: (float(i % 4 > 0),) for i, name in enumerate(names)})
    apart, one = (compared_json(compare_versions(a, replace(b, clusters=c))) for c in ({}, together))
    for value in (apart, one):  # the clusters are alike in size: the means are the same
        assert (value["effect"]["mean"], value["a"]["mean"]) == (0.25, 0.5)  # type: ignore[index]
    for place in ("effect", "a", "b"):
        wide, narrow = (v[place]["high"] - v[place]["low"] for v in (one, apart))  # type: ignore[index]
        assert wide > 1.5 * narrow

    start = replace(BETTER.start, clusters=("c", "c", None, None))
    folder = write_run(tmp_path / "run", result=result(confirmation=replace(BETTER, start=start)))
    assert set(run_version(folder, str).clusters.values()) == {"c"}
    assert len(run_version(folder, str).clusters) == 2


def test_edits_that_were_taken_out_again_do_not_count() -> None:
    accepted = step(1, "accept", decision(0.75), (record("a"), record("b"), record("c", "rejected")))
    pruning = replace(step(2, "accept", decision(0.75), (record("b", "pruned"), record("a"))), kind="prune")
    lost = step(3, "reject", decision(None), (record("d"),))
    assert [r.edit.content for r in kept_edits([accepted, pruning, lost])] == ["a"]


def test_secrets_are_taken_out() -> None:
    assert scrubbed(version("the secret word"), scrubber(["secret word"])).skill.body == "the ***"
