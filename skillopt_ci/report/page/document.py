"""A report's model as one self-contained page: no script, no request, its own style and nothing else."""

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from skillopt_ci import __version__
from skillopt_ci.report.escape import html_text
from skillopt_ci.report.page.details import configuration, cost, history, policy, power
from skillopt_ci.report.page.markup import Child, Html, tag
from skillopt_ci.report.page.model import Report, Subject
from skillopt_ci.report.page.outcome import badge, claim, masthead, overview, targets
from skillopt_ci.report.page.tasks import matrix, talks
from skillopt_ci.report.page.training import changes, dropped, progress

Sections = list[tuple[str, str, Sequence[Child]]]


def document(report: Report) -> str:
    """The page."""
    style = _style()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode("ascii")
    rules = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    found = _sections(report)
    body = tag(
        "body",
        tag("a", "Skip to the report", href="#report", class_="skip"),
        masthead(report),
        _contents(report, found),
        tag("main", overview(report), [_section(*one) for one in found], id="report"),
        tag("footer", tag("p", f"skillopt-ci {__version__}. Scores are points: 100 × the mean of 0 to 1.")),
    )
    head = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{rules}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<meta name="referrer" content="no-referrer">\n'
    )
    return f"{head}<title>{html_text(report.title)}</title>\n<style>{style}</style>\n</head>\n{body.markup}\n</html>\n"


@cache
def _style() -> str:
    return files("skillopt_ci.report.page").joinpath("style.css").read_text(encoding="utf-8")


def _sections(report: Report) -> Sections:
    """(id, heading, content) of everything there is something to say about."""
    made: Sections = []
    many = len(report.subjects) > 1
    for at, subject in enumerate(report.subjects, 1):
        made += _subject(subject, f"s{at}", many=many)
    whole = (
        ("policy", "Rules that would change: not in force", policy(report)),
        ("cost", "Cost", cost(report)),
        ("configuration", "Configuration and hashes", configuration(report)),
    )
    return [*made, *(one for one in whole if one[2])]


def _subject(subject: Subject, prefix: str, *, many: bool) -> Sections:
    said, known = talks(subject, prefix)
    top: list[Child] = []
    if many:
        top.append(tag("p", badge(subject.tone, subject.word), " ", subject.sentence))
    top += [claim(subject), targets(subject), *(tag("p", note) for note in subject.notes)]
    name = f"{subject.name} on {subject.target}" if subject.target else subject.name
    parts: Sections = [
        ("changes", "What changed", changes(subject, prefix, known)),
        ("steps", "Score over steps", progress(subject)),
        ("dropped", "Edits that were not kept", dropped(subject)),
        ("tasks", "Tasks", matrix(subject)),
        ("power", "What the gate can show", power(subject.power)),
        ("history", "History of the skill", history(subject)),
        ("talks", "Trajectories", said),
    ]
    ending = f": {name}" if many else ""
    first = (prefix, name if many else "Effect", top)
    return [first, *((f"{prefix}-{key}", title + ending, content) for key, title, content in parts if content)]


def _section(key: str, title: str, content: Sequence[Child]) -> Html:
    heading = f"{key}-heading"
    return tag("section", tag("h2", title, id=heading), content, id=key, aria_labelledby=heading)


def _contents(report: Report, found: Sections) -> Html:
    links = [(key, title) for key, title, _ in found]
    if len(report.subjects) > 1:  # of many skills each one's own place is enough
        links = [(key, title) for key, title in links if "-" not in key]
    return tag("nav", tag("ul", [tag("li", tag("a", t, href=f"#{k}")) for k, t in links]), aria_label="Sections")


def error_page(title: str, message: str) -> str:
    """The page of a command that ended without a result."""
    report = Report(title=title, tone="bad", word="NO RESULT", sentence=message, simulated=False, subjects=())
    return document(report)
