"""What an edit may bring into a skill, whoever proposed it."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from skillopt_ci.core.description import DescriptionError, description_of, with_description
from skillopt_ci.core.edit import Edit, apply_edits, hand_protected
from skillopt_ci.core.skill import Skill, Trained
from skillopt_ci.core.statements import repeats
from skillopt_ci.core.wellformed import malformed

_URL = re.compile(
    r"\b[a-z][a-z0-9+.-]*://\S*|\b(?:file:/|(?:javascript|vbscript|mailto):\S|data:[a-z]+/)\S*|\bwww\.\S*"
    r"|\]\(\s*<?(?!#)[^)\s]*[./:][^)\s]*|^ {0,3}\[[^\]\n]+\]:\s*\S*[./:]\S*|<[a-z][^>\n]*\b(?:href|src)\s*=[^>\n]*"
    # A host without a scheme: with a path (unless the dot begins a file's ending), or under a domain nobody misreads.
    r"|(?<![\w@./-])(?:[a-z0-9-]+\.)+"
    r"(?:(?!(?:md|json|ya?ml|txt|csv|py|[jt]s|html?|xml|pdf)/)[a-z]{2,24}/\S*|(?:com|org)\b)",
    re.IGNORECASE | re.MULTILINE,
)
_COMMAND = re.compile(
    r"^\s*\$\s+\S|\b(?:curl|wget|npx|uvx|sudo)\s+\S|\brm\s+-[a-z]*[rf]|\b(?:ba|z|da)?sh\s+-[a-z]*c\b"
    r"|\b(?:pip3?|npm|pnpm|yarn|uv|apt|apt-get|brew|cargo)\s+(?:install|exec|run|add)\b"
    r"|\$\([^)\n]+\)|\|\s*(?:ba|z|da)?sh\b|\bInvoke-(?:WebRequest|RestMethod|Expression)\b"
    r"|\b(?:python[\d.]*|node|perl|ruby|php|powershell|pwsh)\s+--?[a-z]|\bchmod\s+(?:-\w+\s+)?(?:[ugoa]*\+[rwxst]|[0-7]{3})"
    r"|!`[^`\n]+`",  # what agents run when they load a skill
    re.IGNORECASE,
)
_FENCE = re.compile(r"\s*(`{3,}|~{3,})\s*(.*)")
_SHELL = re.compile(
    r"\{?\s*\.?(?:(?:ba|z|fi|c|k|da)?sh|shell\w*|console|terminal|powershell|pwsh|ps1|cmd|bat(?:ch)?)\b", re.IGNORECASE
)
# What grants an agent more than it was given: keys of frontmatters and settings, switches of the common agents.
_PERMISSION = re.compile(
    r"\b(?:allowed|disallowed)[-_ ]?tools\b|\bpermission[-_ ]?mode\b|\bbypass[-_ ]?permissions\b|\baccept[-_ ]?edits\b"
    r"|--?(?:dangerously\S*|yolo|full-auto|no-sandbox|auto-approve|allow-all\S*|trust-all\S*)"
    r"|\bsandbox[-_ ]?mode\b|\bapproval[-_ ]?(?:policy|mode)\b"
    r"|^\s*[-*]?\s*[\"']?(?:tools|permissions|mcp[-_]?servers)[\"']?\s*[:=]\s*(?:[\[{*]|[A-Z]\w+\s*[,(]|$)",
    re.IGNORECASE | re.MULTILINE,
)
# The Agent Skills specification: no XML tags in a description, and this many characters.
_TAG = re.compile(r"<\s*[/!?]?\s*[A-Za-z][^<>]*>?")
MAX_DESCRIPTION = 1024
_VISIBLE = {"\u200d", "\ufe0f"}  # zero-width joiner and emoji selector: part of emoji
# Letters and marks that show nothing: fillers, joiners and variation selectors (which can carry a whole message).
_SHOW_NOTHING = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u3164\ufe00-\ufe0e\uffa0\U000e0100-\U000e01ef]"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EditPolicy:
    """Limits: characters per edit, growth of the body over the run's start, tokens of the body."""

    max_edit_chars: int = 1200
    max_growth_chars: int = 4000
    max_skill_tokens: int = 5000
    allow_urls: bool = False
    allow_commands: bool = False
    allow_tools: bool = False


def hidden_characters(text: str) -> list[str]:
    """Names of control, bidirectional, zero-width and tag characters in a text, in order, without repeats."""
    hidden = dict.fromkeys(filter(_is_hidden, text))
    return [unicodedata.name(char, f"U+{ord(char):04X}") for char in hidden]


def visible(text: str) -> str:
    """The text as a person sees it: without hidden characters."""
    return text if text.isascii() and text.isprintable() else "".join(c for c in text if not _is_hidden(c))


def _is_hidden(char: str) -> bool:
    category = unicodedata.category(char)
    control = category == "Cc" and char not in "\n\t\r"
    invisible = category == "Cf" or _SHOW_NOTHING.match(char) is not None
    return control or (invisible and char not in _VISIBLE) or category in ("Cs", "Co", "Zl", "Zp")


def refuse(edit: Edit, skill: Skill, policy: EditPolicy, kept: Sequence[Edit] = ()) -> str | None:
    """Why the policy refuses an edit, or None. URLs and commands the body already has are not new.

    `kept` are the edits it would be applied with: two harmless halves can make one URL.
    """
    if edit.op == "describe":
        return refuse_description(edit.content, description_of(skill), policy)
    if len(edit.content) > policy.max_edit_chars:
        return f"{len(edit.content)} characters; an edit may have {policy.max_edit_chars}"
    hidden = hidden_characters(edit.content)
    if hidden:
        return f"hidden characters: {', '.join(hidden[:3])}"
    if edit.content.lstrip("\ufeff\r\n").startswith("---"):
        return "would read as frontmatter"
    # The body as it would be, too: a harmless piece can turn a URL or a command that is there into another.
    now = apply_edits(skill, kept).skill.body
    after = apply_edits(skill, [*kept, edit]).skill.body
    brought = _brings(edit.content, after, skill.body, policy)
    if brought:
        return brought
    if broken := malformed(_lf(now), _lf(after)):
        return broken
    return "says what the skill says already" if repeats(_lf(now), _lf(after)) else None


def refuse_description(text: str, old: str, policy: EditPolicy) -> str | None:
    """Why the policy refuses a description, or None. What the old one has already is not new."""
    if not text.strip():
        return "an empty description"
    if len(text) > MAX_DESCRIPTION:
        return f"{len(text)} characters; a description may have {MAX_DESCRIPTION}"
    if len(text.splitlines()) > 1 or "\t" in text or text != text.strip():
        return "a description is one line, without tabs and space around it"
    hidden = hidden_characters(text)
    if hidden:
        return f"hidden characters: {', '.join(hidden[:3])}"
    if _TAG.search(text):
        return "brings an XML tag"
    return "says what the description says already" if text == old else _brings(text, text, old, policy)


def _brings(content: str, after: str, before: str, policy: EditPolicy) -> str | None:
    """What is in a text, or in the body as it would be, and not in the body as it was; None for nothing."""
    for allowed, find, what in (
        (policy.allow_urls, _urls, "a URL or a link to a file"),
        (policy.allow_commands, _commands, "a command"),
        (policy.allow_tools, _permissions, "a tool permission"),
    ):
        if not allowed and (find(content) | find(after)) - find(before):
            return f"brings {what}"
    return None


def refuse_change(best: Skill, start: Skill, policy: EditPolicy, what: Trained = "body") -> str | None:
    """Why the policy refuses a whole change of a skill, whoever made it, or None: checked again before it leaves.

    `what` is the part of the skill that was trained.
    """
    if what == "description":
        return _refuse_described(best, start, policy)
    if best.frontmatter != start.frontmatter:
        return "changes the frontmatter"
    if hand_protected(best.body) != hand_protected(start.body):
        return "changes a protected region"
    hidden = [name for name in hidden_characters(best.body) if name not in hidden_characters(start.body)]
    if hidden:
        return f"brings hidden characters: {', '.join(hidden[:3])}"
    if brought := _brings("", best.body, start.body, policy):
        return brought
    if broken := malformed(_lf(start.body), _lf(best.body)):
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


def _urls(text: str) -> set[str]:
    """Every URL and link target, whole: another path or host is another URL."""
    plain = unicodedata.normalize("NFKC", text)
    return {match.group().strip().rstrip(".,;:!?)]>\"'`*_") for match in _URL.finditer(plain)}


def _commands(text: str) -> set[str]:
    """Every line that holds a command or stands in a shell's fence, without the space around it."""
    found = set()
    fence = ""
    shell = False
    for line in unicodedata.normalize("NFKC", text).splitlines():
        marker = _FENCE.match(line)
        if marker and not fence:
            fence, shell = marker.group(1), bool(_SHELL.match(marker.group(2)))
        elif marker and marker.group(1).startswith(fence) and not marker.group(2):
            fence, shell = "", False
        elif (shell and line.strip()) or _COMMAND.search(line):
            found.add(line.strip())
    return found


def _permissions(text: str) -> set[str]:
    """Every line that speaks of tool permissions, without the space around it."""
    plain = unicodedata.normalize("NFKC", text)
    return {line.strip() for line in plain.splitlines() if _PERMISSION.search(line)}


def _lf(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


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
