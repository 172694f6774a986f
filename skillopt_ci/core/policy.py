"""What an edit may bring into a skill, whoever proposed it."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from html import unescape

from skillopt_ci.core.brings import commands, permissions, urls
from skillopt_ci.core.characters import hidden_counts, visible
from skillopt_ci.core.description import MAX_DESCRIPTION, DescriptionError, description_of, with_description
from skillopt_ci.core.edit import SLOW_END, SLOW_START, Edit, apply_edits, hand_protected
from skillopt_ci.core.readings import decoded
from skillopt_ci.core.skill import Skill, Trained
from skillopt_ci.core.statements import repeats
from skillopt_ci.core.texts import lf
from skillopt_ci.core.unseen import unseen
from skillopt_ci.core.wellformed import malformed

# The Agent Skills specification: no XML tags in a description.
_TAG = re.compile(r"<\s*[/!?]?\s*[A-Za-z][^<>]*>?")
_DASHES = re.compile(r"[\ufeff\r\n]*---")
_KEYED = re.compile(r"[\ufeff\r\n]*---[ \t]*[\r\n]\s*[\"']?[\w-]+[\"']?[ \t]*:")
_OURS = {SLOW_START, SLOW_END}  # comments that the trainer makes
_READABLE = 12  # characters of decoded text that are no accident
_QUOTED = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class EditPolicy:
    """Limits: characters per edit, growth of the body over the run's start, tokens of the body."""

    max_edit_chars: int = 1200
    max_growth_chars: int = 4000
    max_skill_tokens: int = 5000
    allow_urls: bool = False
    allow_commands: bool = False
    allow_tools: bool = False


def refuse(edit: Edit, skill: Skill, policy: EditPolicy, kept: Sequence[Edit] = ()) -> str | None:
    """Why the policy refuses an edit, or None. URLs and commands the body already has are not new.

    `kept` are the edits it would be applied with: two harmless halves can make one URL.
    """
    if edit.op == "describe":
        return refuse_description(edit.content, description_of(skill), policy)
    if len(edit.content) > policy.max_edit_chars:
        return f"{len(edit.content)} characters; an edit may have {policy.max_edit_chars}"
    hidden = _hidden(edit.content)
    if hidden:
        return f"hidden characters: {_some(hidden)}"
    # Below a frontmatter a line of dashes divides, unless a key follows: the lines are then made to look like another.
    if (_KEYED if skill.frontmatter else _DASHES).match(edit.content):
        return "would read as frontmatter"
    # The body as it would be, too: a harmless piece can turn a URL or a command that is there into another.
    now = apply_edits(skill, kept).skill.body
    made = apply_edits(skill, [*kept, edit])
    after = made.skill.body
    brought = _brings(edit.content, after, skill.body, policy)
    if brought:
        return brought
    if edit.op != "add" and made.resolutions[-1].status == "applied" and len(edit.target) > policy.max_edit_chars:
        return f"takes out {len(edit.target)} characters; an edit may take out {policy.max_edit_chars}"
    if broken := malformed(lf(now), lf(after)):
        return broken
    return "says what the skill says already" if repeats(lf(now), lf(after)) else None


def refuse_description(text: str, old: str, policy: EditPolicy) -> str | None:
    """Why the policy refuses a description, or None. What the old one has already is not new."""
    if not text.strip():
        return "an empty description"
    if len(text) > MAX_DESCRIPTION:
        return f"{len(text)} characters; a description may have {MAX_DESCRIPTION}"
    if len(text.splitlines()) > 1 or "\t" in text or text != text.strip():
        return "a description is one line, without tabs and space around it"
    hidden = _hidden(text)
    if hidden:
        return f"hidden characters: {_some(hidden)}"
    if _TAG.search(text):
        return "brings an XML tag"
    return "says what the description says already" if text == old else _brings(text, text, old, policy)


def _brings(content: str, after: str, before: str, policy: EditPolicy) -> str | None:
    """What is in a text, or in the body as it would be, and not in the body as it was; None for nothing."""
    for allowed, find, what in (
        (policy.allow_urls, urls, "a URL or a link to a file: {}"),
        (policy.allow_tools, permissions, "a tool permission: {}; say what to do, not what is allowed"),
        (policy.allow_commands, commands, "a command: {}; say it in words (a command that is forbidden counts, too)"),
        (False, _unseen, "text that a page does not show: {}"),
        (False, _encoded, "encoded text: {}"),
    ):
        new = () if allowed else (find(content) | find(after)) - find(before)
        if new:
            return f"brings {what.format(_quoted(min(new)))}"
    return None


def _hidden(text: str) -> Counter[str]:
    """How many of each hidden character, also of those that an entity stands for."""
    return hidden_counts(unescape(text))


def _some(hidden: Counter[str]) -> str:
    return ", ".join([*hidden][:3])


def _unseen(text: str) -> frozenset[str]:
    return unseen(lf(text)) - _OURS


def _encoded(text: str) -> frozenset[str]:
    return frozenset(said for said in decoded(text) if len(said) >= _READABLE)


def _quoted(text: str) -> str:
    shown = " ".join(visible(text).split())
    return f'"{shown if len(shown) <= _QUOTED else shown[:_QUOTED] + " ..."}"'


def refuse_change(best: Skill, start: Skill, policy: EditPolicy, what: Trained = "body") -> str | None:
    """Why the policy refuses a whole change of a skill, whoever made it, or None: checked again before it leaves.

    `what` is the part of the skill that was trained.
    """
    if what == "description":
        return _refuse_described(best, start, policy)
    # One that ended the file without a line end has one as soon as there is a body (`Skill.with_body`).
    if start.frontmatter not in (best.frontmatter, best.frontmatter.rstrip("\r\n")):
        return "changes the frontmatter"
    if hand_protected(best.body) != hand_protected(start.body):
        return "changes a protected region"
    hidden = _hidden(best.body) - _hidden(start.body)  # many of a kind can carry a message, which one does not
    if hidden:
        return f"brings hidden characters: {_some(hidden)}"
    if brought := _brings("", best.body, start.body, policy):
        return brought
    if broken := malformed(lf(start.body), lf(best.body)):
        return broken
    return too_long(best, start, start, policy)


def _refuse_described(best: Skill, start: Skill, policy: EditPolicy) -> str | None:
    if best.body != start.body:
        return "changes the body, and the description was trained"
    described = description_of(best)
    try:
        only = with_description(start, described).frontmatter == best.frontmatter
    except DescriptionError as error:
        return str(error)
    return refuse_description(described, description_of(start), policy) if only else "changes more than the description"


def too_long(candidate: Skill, skill: Skill, start: Skill, policy: EditPolicy) -> str | None:
    """Why a candidate's body is over a limit, or None. What makes the skill shorter is never too long."""
    if len(candidate.body) <= len(skill.body):
        return None
    grown = len(candidate.body) - len(start.body)
    if grown > policy.max_growth_chars:
        return f"the skill would have grown by {grown} characters; at most {policy.max_growth_chars} a run"
    if candidate.tokens > policy.max_skill_tokens:
        return f"the skill would have about {candidate.tokens} tokens; at most {policy.max_skill_tokens}"
    return None
