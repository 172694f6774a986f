"""What a text would have an agent reach for: URLs, commands, tools it was not given."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import accumulate

from skillopt_ci.core.blocks import code_blocks, paragraphs
from skillopt_ci.core.permits import listed, permits
from skillopt_ci.core.readings import literal, plain

_URL = re.compile(
    r"\b[a-z][a-z0-9+.-]{0,30}://\S*|\b(?:file:/|(?:javascript|vbscript|mailto):\S|data:[a-z]+/)\S*|\bwww\.\S*"
    r"|\]\(\s*<?(?!#)[^()\s]*[./:][^)\s]*|\]\(\s*<(?!#)[^<>\n]*[./:][^<>\n]*>"
    r"|^ {0,3}\[[^\]\n]+\]:\s*\S*[./:]\S*|<[a-z][^<>]*\b(?:href|src\w*|action|poster|on(?:load|click|error))\s*=[^>\n]*"
    # A host without a scheme: with a path (unless the dot begins a file's ending), or under a domain nobody misreads.
    r"|(?<![\w@./-])(?:[a-z0-9-]+\.)+"
    r"(?:(?!(?:md|json|ya?ml|txt|csv|py|[jt]s|html?|xml|pdf)/)[a-z]{2,24}/\S*|(?!py:)[a-z]{2,24}:\d{4,5}\b|(?:com|org|edu|gov|xyz)\b)"
    r"|\bhttps?:/?\w\S*|!\[[^\]\n]*\]\([^)\n]*"
    r"|(?<![\w:/])//(?:[a-z0-9-]+\.)+[a-z]{2,}\S*"
    r"|\b(?:\d{1,3}\.){3}\d{1,3}[:/]\S+|(?<![\w.@-])[\w.-]+@[\w.-]+:[^\s,;]+",  # an address with a port, a host of ssh
    re.IGNORECASE | re.MULTILINE,
)
# Programs whose names are words of no language, and those that are: the latter count at the beginning of code alone.
_PROGRAM = (
    r"(?:git|gh|docker|podman|kubectl|helm|terraform|ansible\S*|systemctl|npm|npx|pnpm|yarn|pip[x\d.]*|uvx?|apt|apt-get"
    r"|brew|dnf|yum|cargo|dotnet|mvn|gradle|psql|mysql|sqlite3|ssh|scp|rsync|curl|wget|sudo|doas|chmod|chown|rm|rmdir|mv"
    r"|cp|dd|mkfs\S*|pkill|killall|crontab|aws|gcloud|python[\d.]*|node|perl|ruby|php|bash|zsh|pwsh|powershell)"
)
_CODE_PROGRAM = (
    rf"(?:{_PROGRAM}|make|kill|ln|ls|tar|touch|sed|awk|xargs|su|sh|shutdown|reboot|nc|ftp|az|bun|deno"
    r"|(?:Start|Stop|Set|New|Copy|Move|Clear|Install|Enable|Disable)-[A-Z]\w+)"
)
_COMMAND = re.compile(
    r"^[\s>*+-]*\$\s+[\w./~]*[a-z/]|\b(?:curl|wget|npx|uvx|sudo)\s+\S|\brm\s+-[a-z]*[rf]|\b(?:ba|z|da)?sh\s+-[a-z]*c\b"
    r"|\b(?:pip3?|npm|pnpm|yarn|uv|apt|apt-get|brew|cargo)\s+(?:install|exec|run|add)\b"
    r"|\$\(\s*[./~]*[a-z][\w./-]+(?:\s[^)\n]*)?\)|\|\s*(?:(?:ba|z|da)?sh|iex)\b|\bInvoke-(?:WebRequest|RestMethod|Expression)\b|\bRemove-Item\b"
    r"|\b(?:python[\d.]*|node|perl|ruby|php|powershell|pwsh)\s+--?[a-z]|\bchmod\s+(?:-\w+\s+)?(?:[ugoa]*\+[rwxst]|[0-7]{3})"
    r"|!`[^`\n]+`"  # what agents run when they load a skill
    r"|(?:^|[\s`\"'\[])--[a-z][\w-]*"  # a long switch is a command's, whatever its name
    r"|\b(?:git|gh|docker|podman|kubectl|helm|terraform|systemctl)\s+(?:push|pull|fetch|clone|reset|rebase|clean|checkout"
    r"|restore|switch|stash|rm|rmi|run|exec|kill|stop|start|restart|prune|delete|destroy|apply|drop|add|init)\b(?!\s+req)"
    rf"|\b(?:run|execute|invoke|type|enter|issue)\s+(?:the\s+command\s+)?[`\"']?{_PROGRAM}\s+[\w./~-]"
    r"|\b(?:ssh|scp|sftp|rsync|telnet)\s+(?:-\w+\s+)*[\w.@-]+[.@:]\w|\b(?-i:rm)\s+[\w./~*]"
    r"|\bdd\s+[io]f=|\bmkfs\b|>\s*/(?:dev|etc|usr|bin)/|\b(?:del|rd|rmdir|erase)\s+/[a-z]\b"
    r"|\bos\.(?:system|popen)\(|\bsubprocess\.\w+\(|\bshutil\.rmtree\(|\bchild_process\b|\bexecSync\(",
    re.IGNORECASE | re.MULTILINE,
)
# What stands in code and is called as commands are: a program with words after it, a path, a name with a switch.
_CALL = re.compile(
    rf"\s*(?:[$>%#]\s+)?(?:{_CODE_PROGRAM}\s+[\w./~\"'-]|(?:\.{{1,2}}|~)?/[\w./-]+\s+\S|\./\S|[\w./-]+(?:\s+[^\s-]\S*)*\s+-{{1,2}}[a-z])",
    re.IGNORECASE,
)
_SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)")
_SHELL = re.compile(
    r"\{?\s*\.?(?:(?:ba|z|fi|c|k|da)?sh|shell\w*|console|terminal|powershell|pwsh|ps1|cmd|bat(?:ch)?)\b", re.IGNORECASE
)


def _read(text: str) -> dict[str, None]:
    """The readings that every rule is held against: what markup hides from one the other has."""
    return dict.fromkeys("\n".join(read.splitlines()) for read in (plain(text), literal(text)))


@lru_cache(maxsize=64)
def urls(text: str) -> frozenset[str]:
    """Every URL and link target, whole: another path or host is another URL."""
    found = (match.group() for read in _read(text) for match in _URL.finditer(read))
    return frozenset(url.strip().rstrip(".,;:!?)]>\"'`*_") for url in found)


@lru_cache(maxsize=64)
def commands(text: str) -> frozenset[str]:
    """Every line that holds a command or stands in a shell's fence, without the space around it."""
    return frozenset(_key(line) for read in _read(text) for line in _command_lines(read))


def _command_lines(text: str) -> Iterator[str]:
    yield from _lines(text, _commands)
    for language, code in code_blocks(text):
        for line in code.split("\n"):
            if line.strip() and (_SHELL.match(language) if language.strip() else _CALL.match(line)):
                yield line


def _key(line: str) -> str:
    """What a line is known by: emphasis makes no other line of it."""
    return line.replace("*", "").strip()


@lru_cache(maxsize=4096)
def _commands(line: str) -> tuple[tuple[int, int], ...]:
    """Where a line holds a command, or code among its words is one."""
    called = (span.span() for span in _SPAN.finditer(line) if _CALL.match(span.group(2)))
    return (*(match.span() for match in _COMMAND.finditer(line)), *called)


@lru_cache(maxsize=64)
def permissions(text: str) -> frozenset[str]:
    """Every line that speaks of tool permissions, without the space around it."""
    return frozenset(_key(line) for read in _read(text) for line in (*_lines(read, _permits), *listed(read)))


@lru_cache(maxsize=4096)  # a body is read again with every edit, and an edit touches a line or two
def _permits(line: str) -> tuple[tuple[int, int], ...]:
    return tuple(permits(line))


def _lines(text: str, spans: Callable[[str], Sequence[tuple[int, int]]]) -> Iterator[str]:
    """The lines in which something is found; of a paragraph also what is found across the end of a line."""
    yield from (line for line in text.split("\n") if spans(line))
    for paragraph in paragraphs(text):
        lines = [line.strip() for line in paragraph.split("\n")]
        ends = list(accumulate(len(line) + 1 for line in lines))
        for start, end in spans(" ".join(lines)) if len(lines) > 1 else ():
            first, last = bisect_right(ends, start), bisect_left(ends, end)
            if first < last:
                yield " ".join(lines[first : last + 1])
