"""Pages of the sample run, gate and scores, with hostile text everywhere; and a reader of what they hold."""

from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

from skillopt_ci.core.merge_gate import MergeRule
from skillopt_ci.report.page.document import document
from skillopt_ci.report.page.from_results import eval_page, gate_page
from skillopt_ci.report.page.from_run import read_page
from skillopt_ci.report.run_folder import RunFolder
from tests.report.samples import HOSTILE, IDS, STEPS, gate, scored, training, verdict

CONFIG = {
    "name": "invoices",
    "path": "skills/invoices/SKILL.md",
    "run_id": "0123456789abcdef",
    "generation": 1,
    "seed": 42,
    "suite": {"digest": "5" * 64, "tasks": {"train": 4, "val": 4, "test": 4}},
    "gate": {"splits": ["test"], "margin": 0.05, "alpha": 0.05, "max_rounds": 4, "base_runs": 8},
    "config": {"target": {"provider": "p", "model": "<m>"}, "note": HOSTILE},
    "commit": "c" * 40,
}
HISTORY = (
    b'{"v":1,"run":"r0","status":"rejected","op":"add","content":"- z","reason":"a reviewer closed pull request 3"}\n'
    b'{"v":1,"run":"r0","status":"run","start":0.4,"best":0.5,"closed":3}\n'
    b'{"v":1,"run":"r1","status":"accepted","op":"add","content":"- a","reason":"better"}\n'
    b'{"v":1,"run":"r1","status":"run","start":0.4,"best":0.7}\n'
    b'{"v":1,"run":"r1","status":"rejected","op":"add","content":"<script>ran=1</script>","reason":"cannot win"}\n'
    b'{"v":1,"status":"accepted-by-maintainer","commit":"abc","by":"ann","reason":"<b>known</b>"}\n'
    b'not json\n[1]\n{"run":5}\n{"v":1,"run":"0123456789abcdef","status":"rejected"}\n'
)


def write_run(
    folder: Path,
    scrub: Callable[[str], str] = str,
    *,
    show_heldout: bool = False,
    confined: bool = True,
    **changes: object,
) -> Path:
    """A run folder of the sample run."""
    made = RunFolder(folder, scrub, show_heldout=show_heldout, confined=confined)
    made.write_config(CONFIG)
    made.write_history(HISTORY)
    for step in STEPS:
        made.write_step(step)
    made.finish(training(**changes), simulated=True)  # type: ignore[arg-type]
    return folder


def train_page(folder: Path, **changes: object) -> str:
    """The page of a sample run."""
    return document(read_page(write_run(folder, **changes), str))  # type: ignore[arg-type]


def sample_gate() -> str:
    """A gate of two skills, one of which broke a golden task."""
    one = verdict(texts=("a\n" + HOSTILE, "b\n" + HOSTILE), rule=MergeRule(), notes=(HOSTILE,))
    two = verdict(name="other " + HOSTILE, golden_failed=IDS[:2], message=HOSTILE)
    report = gate(one, two, policy_changed=(HOSTILE,), policy_diffs=((HOSTILE, f"+{HOSTILE}"),), message=HOSTILE)
    return document(gate_page(report, {"invoices": HISTORY}, simulated=True))


def sample_scores() -> str:
    """Scores of one skill."""
    return document(eval_page(scored(), title="Skill scores", simulated=False))


class Reader(HTMLParser):
    """What a page holds: elements with their attributes, its words, ids, links."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self._inside: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "br", "hr", "col"):
            self._inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._inside.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data: str) -> None:
        if "style" not in self._inside:
            self.words += data

    @property
    def names(self) -> set[str]:
        """Names of all elements."""
        return {name for name, _ in self.elements}

    def values(self, key: str) -> list[str]:
        """All values of an attribute."""
        return [str(attributes[key]) for _, attributes in self.elements if key in attributes]
