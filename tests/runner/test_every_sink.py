"""The same hostile texts through what leaves by other ways than the runner's: comment, status, body, commits, pages."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from markdown_it import MarkdownIt

from skillopt_ci.cli.console import Console
from skillopt_ci.core.history import EditRecord, Step
from skillopt_ci.forge.proposal import Training, propose
from skillopt_ci.report.gate_result import Accepted, comment_text, read_gate_result, status_words
from skillopt_ci.report.markdown import gate_summary
from skillopt_ci.report.page.document import document
from skillopt_ci.report.page.from_results import gate_page
from skillopt_ci.report.pull_request import Provenance, pull_request_body
from skillopt_ci.report.training import train_summary
from tests.report.samples import START, STEPS, gate, result, training, verdict
from tests.runner.hostile import CORPUS
from tests.runner.protocol import lines_of, parse

SHA = "a" * 40
OURS = {"<details><summary>Models and hashes</summary>", "</details>"}


def fired(text: str) -> list[str]:
    return [line for line in lines_of(text) if parse(line)]


def loose(markdown: str) -> list[str]:
    """What in a page of Markdown is more than text: links, images, HTML, mentions and references."""
    tokens = MarkdownIt("commonmark").enable("table").parse(markdown)
    every = [inner for token in tokens for inner in (token, *(token.children or ()))]
    marks = [t.type for t in every if t.type in ("link_open", "image", "html_inline")]
    marks += [t.content for t in every if t.type == "html_block" and t.content.strip() not in OURS]
    told = " ".join(t.content for t in every if t.type == "text")
    return marks + re.findall(r"(?<![\w/])@\w+|(?<!\w)#\d+|GH-\d+|(?:https?://|www\.)[\w.]+", told)


def steps(text: str) -> tuple[Step, ...]:
    def hostile(record: EditRecord) -> EditRecord:
        edit = replace(record.edit, target=text, content=text, rationale=text, evidence=(text,))
        return replace(record, edit=edit, reason=text)

    return tuple(replace(s, reason=text, edits=tuple(map(hostile, s.edits))) for s in STEPS)


@pytest.mark.parametrize("text", CORPUS)
def test_comment_and_status_of_a_gate(text: str) -> None:
    text = text[-400:]  # a longer one is no gate's result, and refused as a whole
    side = {"mean": 0.5, "low": None, "high": None, "tokens": 10}
    one = {
        "name": text, "target": text, "verdict": "regression", "reason": text, "base": side, "head": side,
        "effect": {"mean": -0.1, "low": -0.2, "high": 0.0}, "n_tasks": 50, "golden_failed": [text],
        "tasks": [{"id": text, "base": 1.0, "head": 0.0, "outcome": "regressed"}],
    }  # fmt: skip
    value = {
        "schema": "skillopt-ci/gate/1", "verdict": "regression", "reason": "loss-shown", "exit_code": 1,
        "message": text,
        "base": {"ref": text, "sha": SHA, "policy_sha": SHA}, "head": {"ref": text, "sha": SHA},
        "policy_changed": [text],
        "skills": [one], "spend": {"paid": {"calls": 1, "usd": "0.42"}},
    }  # fmt: skip
    told = read_gate_result(json.dumps(value).encode(), "gate.json")
    accepted = Accepted(by=text, reason=text)
    for said in (None, accepted):
        comment = comment_text(told, "", said)
        assert loose(comment) == []
        status = status_words(told, said)
        assert len(status) <= 140
        assert fired(status) == []
        assert status.isprintable()
        (comment + status).encode()


@pytest.mark.parametrize("text", CORPUS)
def test_summaries_and_the_body_of_a_pull_request(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    entry = training(result(steps=steps(text), stopped=text), name=text, target=text, message=text)
    made_by = Provenance(target=text, optimizer=text, judge=text, seed=1, suite=text, commit="c" * 40, method=text)
    one = verdict(name=text, target=text, message=text, notes=(text,), suspects=(text,), golden_failed=(text,))
    for page in (
        pull_request_body(entry, made_by, simulated=False),
        train_summary([entry], simulated=False, charts=True),
        gate_summary(gate(one, policy_changed=(text,), policy_diffs=((text, text),), message=text), simulated=False),
    ):
        assert loose(page) == []
        page.encode()
        Console().result(page)  # as a command does: its standard output is a log that a runner reads
    assert fired("".join(capsys.readouterr())) == []


@pytest.mark.parametrize("text", CORPUS)
def test_branch_title_and_commits(text: str) -> None:
    made = propose(
        Training(
            name=text, path="skills/x/SKILL.md", start=START, best=STEPS[0].candidate or START, steps=steps(text),
            run_id="run1", base_sha=SHA, policy_sha=SHA,
        ),
        [],
    )  # fmt: skip
    assert re.fullmatch(r"skillopt/[a-z0-9]+(-[a-z0-9]+)*-[0-9a-f]{8}", made.branch)
    for said in (made.title, *(c.message for c in made.commits)):
        assert re.fullmatch(r"[A-Za-z0-9_ .,:;()+\n-]+", said)
        assert not re.search(r"GH-\d", said, re.IGNORECASE)
        assert fired(said) == []
    for files in (c.files for c in made.commits):
        assert all(
            re.fullmatch(r"skills/x/SKILL\.md|\.skillopt/history/[A-Za-z0-9._-]+\.jsonl", path) for path in files
        )


class Danger(HTMLParser):
    """Elements and attributes of a page that could run something or ask for something."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "iframe", "object", "embed", "base", "form", "img", "link"):
            self.found.append(tag)
        for name, value in attrs:
            asks = name in ("src", "srcset", "data", "action") or (name == "href" and not (value or "").startswith("#"))
            if asks or name.startswith("on"):
                self.found.append(f"{tag} {name}")


@pytest.mark.parametrize("text", CORPUS)
def test_the_page_of_a_gate(text: str) -> None:
    one = verdict(
        texts=(f"a\n{text}", f"b\n{text}"), name=text, target=text, message=text, notes=(text,), suspects=(text,)
    )
    report = gate(one, policy_changed=(text,), policy_diffs=((text, text),), message=text)
    line = json.dumps({"v": 1, "run": text, "status": "rejected", "content": text, "reason": text}).encode() + b"\n"
    page = document(gate_page(report, {text: line}, simulated=False))
    reader = Danger()
    reader.feed(page)
    assert reader.found == []
    assert not re.search("[\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f\x00\x1b]", page)
    page.encode()
