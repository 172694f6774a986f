"""What an edit may bring into a skill, whoever proposed it."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from skillopt_ci.core.edit import Edit, apply_edits
from skillopt_ci.core.skill import Skill

_URL = re.compile(r"\b(?:https?|ftp|file|data|javascript):|\bwww\.|\]\(\s*[^)\s]+\.[^)\s]+", re.IGNORECASE)
_COMMAND = re.compile(
    r"^\s*(?:```+|~~~+)\s*(?:ba|z|fi|c|k)?sh\b|^\s*(?:```+|~~~+)\s*(?:console|shell|powershell|cmd|bat)\b|^\s*\$\s+\S"
    r"|\b(?:curl|wget)\s+\S|\brm\s+-[a-z]*[rf]|\bsudo\s+\S|\b(?:pip|npm|npx|uvx|apt-get|brew)\s+(?:install|exec|run)\b"
    r"|\$\([^)]+\)|\|\s*(?:ba|z)?sh\b",
    re.IGNORECASE | re.MULTILINE,
)
_VISIBLE_FORMAT = {"\u200d"}  # zero-width joiner: part of emoji


@dataclass(frozen=True, slots=True, kw_only=True)
class EditPolicy:
    """Limits: characters per edit, growth of the body over the run's start, tokens of the body."""

    max_edit_chars: int = 1200
    max_growth_chars: int = 4000
    max_skill_tokens: int = 5000
    allow_urls: bool = False
    allow_commands: bool = False


def hidden_characters(text: str) -> list[str]:
    """Names of control, bidirectional, zero-width and tag characters in a text, in order, without repeats."""
    found: dict[str, None] = {}
    for char in text:
        category = unicodedata.category(char)
        control = category == "Cc" and char not in "\n\t\r"
        invisible = category == "Cf" and char not in _VISIBLE_FORMAT
        if control or invisible or category in ("Cs", "Co", "Zl", "Zp"):
            found[unicodedata.name(char, f"U+{ord(char):04X}")] = None
    return list(found)


def refuse(edit: Edit, skill: Skill, policy: EditPolicy) -> str | None:
    """Why the policy refuses an edit, or None. URLs and commands the body already has are not new."""
    if len(edit.content) > policy.max_edit_chars:
        return f"{len(edit.content)} characters; an edit may have {policy.max_edit_chars}"
    hidden = hidden_characters(edit.content)
    if hidden:
        return f"hidden characters: {', '.join(hidden[:3])}"
    if edit.content.lstrip("\ufeff").startswith("---"):
        return "would read as frontmatter"
    if not policy.allow_urls and any(m.group() not in skill.body for m in _URL.finditer(edit.content)):
        return "brings a URL or a link to a file"
    if not policy.allow_commands and any(m.group() not in skill.body for m in _COMMAND.finditer(edit.content)):
        return "brings a command"
    wanted = edit.content.strip()
    if edit.op == "add" and wanted and wanted in skill.body:
        return "says what the skill says already"
    return None


def fit(edits: Sequence[Edit], skill: Skill, start: Skill, policy: EditPolicy) -> tuple[list[Edit], list[Edit]]:
    """Split ranked edits into (kept, too much): the best-ranked ones that fit the limits on the whole body."""
    kept: list[Edit] = []
    over: list[Edit] = []
    for edit in edits:
        body = apply_edits(skill, [*kept, edit]).skill.body
        grown = len(body) - len(start.body)
        shrinks = len(body) <= len(skill.body)
        too_long = grown > policy.max_growth_chars or -(-len(body) // 4) > policy.max_skill_tokens
        (over if too_long and not shrinks else kept).append(edit)
    return kept, over
