"""What reads as a command: programs by name, in words and in code, and what only a shell understands."""

import re
from collections.abc import Iterator

# Names that are words of no language. In code each of them with something after it is a command.
_PROGRAM = (
    r"(?:git|gh|podman|kubectl|helm|terraform|ansible\S*|systemctl|npm|npx|pnpm|yarn|bunx|pip[x\d.]*|uvx?|apt|apt-get"
    r"|brew|dnf|yum|cargo|conda|mamba|poetry|choco|winget|dotnet|mvn|gradle|psql|mysql|sqlite3|ssh|scp|rsync|curl|wget"
    r"|sudo|doas|chmod|chown|rm|rmdir|mv|cp|dd|mkfs\S*|pkill|killall|crontab|gcloud|gsutil|nslookup|socat|ncat|netcat"
    r"|netstat|lsof|iptables|launchctl|schtasks|useradd|usermod|openssl|gpg|jq|yq|rg)"
)
# Names of products, too: "run docker containers" is advice, "run docker -v" is none.
_PRODUCT = r"(?:docker|aws|python[\d.]*|node|perl|ruby|php|java|bash|zsh|pwsh|powershell)"
_ONLY_IN_CODE = (
    r"(?:ln|ls|tar|sed|awk|xargs|su|sh|shutdown|reboot|nc|ftp|az|bun|deno|gem|mkdir|printenv|nohup|osascript"
    r"|(?:make|kill|touch)(?!\s+(?:an?|the|it|sure)\b)|(?:go|snap)(?=\s+(?:run|get|install|build|test)\b))"
)
_CMDLET = r"(?:Start|Stop|Set|New|Copy|Move|Get|Clear|Install|Enable|Disable)-[A-Z]\w+"
# Words of English: what comes with them says whether they are meant as programs.
_WORD = r"(?:cat|cd|echo|source|export|eval|env|exec|find|grep|head|tail|tee)"
_SWITCH = r"(?:--[a-z]|-[A-Za-z]{1,2}(?!\w))"
_PLACE = (
    r"(?:~|\.{0,2}/|\.{1,2}(?!\S)|-(?:delete|exec\w*)\b|\$[\w{(]"
    r"|>>?\s*[\w./~$]|<\s*[./~$]|<<-?\s*[\"'\\]?\w|-[A-Za-z]{1,2}\d*(?!\w)|--[a-z]|[A-Za-z_]\w*=\S|\|\s*[a-z])"
)
_FILE = r"(?:(?:cat|source|head|tail|tee)\s+[\w./-]*\.\w+|(?:cat|source)\s+[\w.-]+/\S)"
# A document, which skills name by its path, is nothing that a shell would run; in front of a stroke it is a folder.
_RUNS = (
    r"(?![\w./{}*-]*\.(?:mdx?|txt|rst|json[lc5]?|ya?ml|toml|ini|cfg|csv|tsv|xml|html?|s?css|svg|png|jpe?g|gif|pdf)"
    r"(?![\w./|;&<>-]))"
)
_INSTALLS = (
    r"\b(?:pip3?|npm|pnpm|yarn|uv|apt|apt-get|brew|cargo|poetry|conda)\s+(?:install|exec|run|add)\b",
    r"\b(?:gem|choco|winget|scoop|snap|apk|dnf|yum|zypper|mamba|pdm)\s+install\b",
    r"\bp?npm\s+(?:i|ci|x|dlx)(?:\s|$)",
    # What an agent gets for itself, by its own program or by what people type to it.
    r"(?-i:(?:\b(?:claude|codex|gemini|copilot)\s+|(?<![\w./])/)(?:plugins?|mcp|extensions?)\s+(?:install|add|marketplace)\b)",
)
_CHANGES = (
    r"\b(?:git|gh|docker|podman|kubectl|helm|terraform|systemctl)\s+(?:compose\s+)?"
    r"(?:push|pull|fetch|clone|reset|rebase|clean|checkout|restore|switch|stash|rm|rmi|run|exec|kill|stop|start|restart"
    r"|prune|delete|destroy|apply|drop|add|init|up|down)\b(?!\s+req)",
    r"\bgh\s+(?:repo|pr|issue|release|secret|variable|workflow|extension|gist|label|cache|run)\s+"
    r"(?:create|delete|edit|set|remove|rename|merge|close|reopen|install|run|rerun|cancel|upload|archive|fork|sync)\b",
    r"\bgit\s+(?:remote|submodule|worktree)\s+(?:add|rm|remove|set-url|update)\b",
    # "The curl of F is zero."
    r"\b(?:curl|wget|npx|uvx|bunx|sudo)\s+(?!(?:of|is|and|or|operator)[\s.,])\S",
    r"\brm\s+-[a-z]*[rf]",
    r"\b(?-i:rm)\s+[\w./~*]",
    r"\bchmod\s+(?:-\w+\s+)?(?:[ugoa]*\+[rwxst]|[0-7]{3})",
    r"\b(?:ssh|scp|sftp|rsync|telnet)\s+(?:-\w+\s+)*[\w.@-]+[.@:]\w",
    r"\b(?-i:scp|rsync)\s+\S+\s+\S+:\S",
    r"\bdd\s+[io]f=|\bmkfs\b|>\s*/(?:dev|etc|usr|bin)/|\b(?:del|rd|rmdir|erase)\s+/[a-z]\b",
)
_ASKED_FOR = (
    rf"\b(?:run|execute|invoke)\s+(?:the\s+command\s+)?[`\"']?(?-i:{_PROGRAM})\s+[\w./~-]",
    rf"\b(?:run|execute|invoke)\s+(?:the\s+command\s+)?[`\"']?(?-i:{_PRODUCT})\s+(?:-\w|[\w-]*(?:[/=$~]|[.:]\w))",
)
# A script by its name behind what runs it is a command wherever it stands; "run make clean" is, too.
_SCRIPTS = (
    r"(?-i:\b(?:python[\d.]*|node|deno|bun|perl|ruby|php|pwsh|powershell|(?:ba|z|da)?sh)\s+(?:run\s+)?"
    r"[\w./~-]*\w\.(?:py|[cm]?[jt]s|p[lm]|rb|php|ps1|(?:ba|z)?sh)\b)(?!\()",
    r"\b(?:run|execute|invoke)\s+(?:the\s+command\s+)?[`\"']?(?-i:make)\s+(?!sure\b)[\w-]+",
)
_SHELL_SIGNS = (
    r"^[\s>*+-]*\$\s+(?!\d)[\w./~]*[a-z/]",
    r"\$\(\s*[./~]*[a-z][\w./-]+(?:\s[^)\n]{0,400})?\)(?![\^_$])",  # $(ab)^2$ is a formula
    r"\b(?:ba|z|da)?sh\s+-[a-z]*c\b",
    r"\|\s*(?:(?:ba|z|da)?sh|iex)\b(?!\s*\|)",  # between two bars of a row it is a cell
    r"^\s*[^|\s][^|\n]*\|(?:[^|\n]*\|)*\s*(?:(?:ba|z|da)?sh|iex)\b",
    r"\bInvoke-(?:WebRequest|RestMethod|Expression)\b|\bRemove-Item\b",
    r"\b(?:python[\d.]*|node|perl|ruby|php|java|powershell|pwsh|(?-i:nc))\s+--?[a-z]",
    r"!`[^`\n]+`",  # what agents run when they load a skill
    r"(?:^|[\s`\"'\[])--[a-z][\w-]*",  # a long switch is a command's, whatever its name
    r"\bos\.(?:system|popen|exec\w+)\s*\(|\b__import__\s*\(|\bsubprocess\.\w+\s*\(|\bshutil\.rmtree\s*\(",
    r"\bchild_process\b|\bexecSync\s*\(",
)
_COMMAND = re.compile(
    "|".join((*_INSTALLS, *_CHANGES, *_ASKED_FOR, *_SCRIPTS, *_SHELL_SIGNS)), re.IGNORECASE | re.MULTILINE
)
# What stands in code and is called as commands are. A label is none: "node count: 3".
_CALL = re.compile(
    r"\s*+(?:[$>%#]\s+)?(?:[({!]\s*+|(?:then|do|else|time|command|builtin)\s++){0,4}"
    r"(?![\w ]+:(?:\s|$))(?:[A-Za-z_]\w*=\S*\s+)*"
    rf"(?:(?:{_PROGRAM}|{_PRODUCT}|{_ONLY_IN_CODE})\s+[\w./~\"'$*|<>-]|{_CMDLET}\s+\S"
    rf"|{_WORD}\s+(?:[^\s`]+\s+)*?{_PLACE}|{_FILE}|\.\s+[.~/]"
    # Two strokes, or one and a star, begin a comment.
    rf"|(?:(?:\.{{1,2}}|~|[\"']?\$\{{?\w+\}}?)/|/(?=[\w.])){_RUNS}[\w./-]+[\"']? (?![\s#<(=§→—–-])\S|\./{_RUNS}\S"
    # Behind a bracket or a sign of equality it is a formula: "total = -x".
    rf"|(?![A-Z])[\w./-]{{2,}}(?:\s+(?![^\w\s]{{0,2}}=\s)[^\s(-]\S*)*\s+{_SWITCH})"
)
# Behind it a shell's line has its next command; behind a single bar a row has its next cell.
_NEXT = re.compile(r";|&&|\|\||(?<=\s)&(?=\s)")
# A shell takes them away. Those of a value stay: source = "./data".
_QUOTES = re.compile(r"(?<![=:]\s)[\"']|\\(?=\w)")
_SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)")
_INFO = re.compile(r"\w+|!")
_SHELLS = frozenset({"sh", "bash", "zsh", "fish", "csh", "ksh", "dash", "tcsh", "shell", "console", "terminal",
                     "powershell", "pwsh", "ps1", "cmd", "bat", "batch", "doscon", "nu", "nushell",
                     "make", "makefile", "!"})  # fmt: skip
_NO_LANGUAGE = frozenset({"text", "txt", "plain", "plaintext", "none", "log", "output", "md", "markdown", "mdx", "rst",
                          "yaml", "yml", "toml", "ini", "csv"})  # fmt: skip
# What no line of a program begins with: a program, its switches, and a path written in one with its stroke.
_PATH_CALL = re.compile(
    rf"[\s>$%!+*-]*(?:{_PROGRAM}|{_PRODUCT}|{_ONLY_IN_CODE}|{_WORD})\s+(?:-[\w-]+\s+)*(?:~/|\.{{0,2}}/\w)"
)
_MARK = re.compile(r"^\s*[-+*>]\s+(?=\S+\s+\S)")  # of a list or a quotation; a path alone in a list is data
# Elements that show code. One that is never closed goes on to the end of the paragraph.
_ELEMENT = re.compile(
    r"<(code|pre|kbd|samp|tt)\b[^<>]{0,200}>(.{0,2000}?)(?:</\1\s*>|\n[ \t]*\n|\Z)", re.IGNORECASE | re.DOTALL
)
_TAG = re.compile(r"<[^<>]*>")
_DASHED = frozenset({"sql", "lua", "haskell", "hs", "elm", "ada", "vhdl"})  # "--" begins a comment
_STYLES = frozenset({"css", "scss", "sass", "less", "postcss", "html", "vue", "svelte"})  # it begins a property's name
_PROPERTY = re.compile(r"(?<![\w-])--[\w-]+(?=\s*:)")


def command_in(line: str) -> Iterator[tuple[int, int]]:
    """Where a line holds a command, or code among its words is one."""
    yield from (match.span() for match in _COMMAND.finditer(line))
    yield from (span.span() for span in _SPAN.finditer(line) if _calls(span.group(2)))


def _calls(code: str) -> bool:
    """Whether a line of code is a command, or one of several is."""
    read = dict.fromkeys((code, _QUOTES.sub("", code)))
    return any(_CALL.match(call) for line in read for call in (line, *_NEXT.split(line)))


def commands_of(language: str, code: str) -> Iterator[str]:
    """The lines of a code block that are commands for where they stand: all of a shell's, calls where nobody says."""
    words = _INFO.findall(_first(language))
    code = code.replace("\\\n", " ")  # the line goes on
    if any(word in _SHELLS or word.startswith("shell") for word in words):
        yield from filter(str.strip, code.split("\n"))
    elif not words or words[0] in _NO_LANGUAGE:
        yield from (line for line in code.split("\n") if _calls(_MARK.sub("", line, count=1)) or _calls(line))
    else:
        yield from filter(_PATH_CALL.match, code.split("\n"))


def elements_of(text: str) -> Iterator[str]:
    """The lines of code elements of HTML that are commands, as those of a fence without a language are."""
    for element in _ELEMENT.finditer(text):
        yield from commands_of("", _TAG.sub("", element.group(2)))


def comments_of(language: str, code: str) -> Iterator[str]:
    """The lines of a code block that would be commands for their dashes alone, and are comments or properties there."""
    if _first(language) in _STYLES:
        yield from (line for line in code.split("\n") if not any(command_in(_PROPERTY.sub("", line))))
    if _first(language) in _DASHED:
        dashed = (line for line in code.split("\n") if line.lstrip().startswith("--"))
        yield from (line for line in dashed if not any(command_in(line.lstrip(" \t-"))))


def _first(language: str) -> str:
    """The word that names a language, or all attributes: `{#example .bash}`."""
    info = language.strip().lower()
    return info if info.startswith("{") else info.partition(" ")[0]
