"""Any native suite, written and read again, is the same."""

from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.task import Attachment, GraderSpec, Source, Task
from skillopt_ci.suites.native import read
from skillopt_ci.suites.write import to_jsonl
from tests.fakes import MemoryTree

_text = st.text(st.characters(codec="utf-8"), max_size=20)
_filled = _text.filter(lambda t: t.strip() != "")
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _text,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(_text, inner, max_size=2),
    max_leaves=5,
)
_grader = st.builds(
    GraderSpec,
    type=st.sampled_from(["exact", "rules", "judge"]),
    options=st.dictionaries(_text.filter(lambda k: k not in ("type", "hidden")), _json, max_size=2),
    hidden=st.none() | st.booleans(),
)
_files = st.dictionaries(st.sampled_from(["a.txt", "d/a.txt", "d/b.bin"]), st.binary(max_size=4), max_size=3)


@st.composite
def _tasks(draw: st.DrawFn) -> list[Task]:
    made = []
    for number in range(draw(st.integers(0, 3))):
        trigger = draw(st.none() | st.booleans())
        graders = draw(st.none() | st.lists(_grader, min_size=0 if trigger is not None else 1, max_size=2).map(tuple))
        made.append(
            Task(
                id=f"t{number}",
                prompt=draw(_filled),
                source=Source(file="x", line=1),
                expected=draw(st.lists(_filled, max_size=2).map(tuple)),
                context=draw(_text),
                files=tuple(Attachment(name=n, data=d) for n, d in sorted(draw(_files).items())),
                setup=draw(st.lists(_filled, max_size=2).map(tuple)),
                graders=graders,
                split=draw(st.sampled_from([None, "train", "val", "test"])),
                golden=draw(st.booleans()),
                should_trigger=trigger,
                tags=draw(st.lists(_filled, max_size=2).map(tuple)),
                metadata={k: v for k, v in draw(st.dictionaries(_text, _json, max_size=2)).items() if k != "cluster"},
            )
        )
    return made


@given(_tasks())
def test_written_and_read_again_it_is_the_same(tasks: list[Task]) -> None:
    written = to_jsonl(tasks, folder="own_files")
    tree = MemoryTree({f"evals/{name}": data for name, data in written.files.items()})
    result = read(tree, "evals/own.jsonl", written.text.encode())
    assert result.problems == ()
    assert [t.identity() for t in result.tasks] == [t.identity() for t in tasks]
    assert [(t.tags, dict(t.metadata)) for t in result.tasks] == [(t.tags, dict(t.metadata)) for t in tasks]
    assert to_jsonl(result.tasks, folder="own_files") == written
