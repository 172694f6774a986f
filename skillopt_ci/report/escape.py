"""The one place where hostile text is made safe: text of models, tasks, file names and providers is data everywhere."""

import base64
import html
import json
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import quote, quote_plus

from skillopt_ci.core.texts import SECRET_MIN

_ANSI = re.compile(
    "\x1b\\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    "|\x1b[\\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\\\)"  # OSC, DCS, ...: titles, links, with their end
    "|\x9b[0-?]*[ -/]*[@-~]"
    "|\x1b[ -/]*[0-Z\\\\^-~]"
)
# What .NET (the runner of GitHub Actions), terminals and Python take for a line end.
_BREAKS = re.compile("\r\n|[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
# Letters by category, and yet nothing to see: Hangul fillers, Khmer inherent vowels, grapheme joiner, Mongolian ones.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180e\u180f\u3164\uffa0")
# Lines that a workflow runner takes for its own commands, wherever they come from.
_COMMAND = re.compile(r"^([^\S\n]*):(?=:)", re.MULTILINE)
_SPACER = "&#8203;"  # breaks mentions, references and links where GitHub would make them
# Keys by their form: OpenAI and Anthropic, GitHub, AWS, Google, Slack, PEM.
_TOKENS = re.compile(
    r"\bsk-[A-Za-z0-9_-]{16,}|\bgh[pousr]_[A-Za-z0-9._-]{20,}|\bgithub_pat_[A-Za-z0-9_]{20,}"
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bAIza[A-Za-z0-9_-]{35}|\bxox[abprs]-[A-Za-z0-9-]{10,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----(?:[A-Za-z0-9+/=\s:,-]*?-----END [A-Z ]*PRIVATE KEY-----)?"
)
_ESCAPED = re.compile("%[0-9A-F]{2}")


def visible(text: str) -> str:
    """The text without escape sequences and hidden characters (control, bidirectional, zero-width, private, lone
    surrogates); every kind of line end is a newline, tabs stay.
    """
    if text.isascii() and text.replace("\n", "").replace("\t", "").isprintable():
        return text  # most texts: nothing to look for
    text = _BREAKS.sub("\n", _ANSI.sub("", text))
    gone = {ord(c): None for c in set(text) - {"\n", "\t"} if _hidden(c)}  # few characters, however long the text
    return text.translate(gone) if gone else text


def one_line(text: str, limit: int = 200) -> str:
    """One line for terminals and logs, at most `limit` characters, no command of a workflow runner in it."""
    flat = " ".join(visible(text).split()).replace("##[", "## [")
    while flat.startswith("::"):  # `::command::` counts at the start of a line only
        flat = f": {flat[1:]}"
    return flat if len(flat) <= limit else flat[: max(0, limit - 1)].rstrip() + "…"


def log_text(text: str) -> str:
    """Lines for terminals and logs: nothing hidden, no command of a workflow runner in them."""
    return _COMMAND.sub(r"\1: ", visible(text)).replace("##[", "## [")


def log_json(value: object) -> str:
    """A value as JSON that `log_text` leaves as it is: ASCII alone, and the same value to whoever reads it."""
    return json.dumps(value, indent=2).replace("##[", "\\u0023#[")  # `#` is in strings only


def md_text(text: str, limit: int = 1000) -> str:
    """Text inside a Markdown line or table cell, read as it is written: no markup, HTML, mention, reference or link."""
    flat = " ".join(visible(text).split())
    flat = flat if len(flat) <= limit else flat[: limit - 1].rstrip() + "…"
    out = html.escape(flat, quote=False)
    out = re.sub(r"([\\`*_\[\]~!])", r"\\\1", out)
    out = out.replace("|", "&#124;").replace("$", "&#36;")
    out = re.sub(r"^(\d{1,9})([.)])", r"\1\\\2", out)
    out = re.sub(r"^([-+=#])", r"\\\1", out)
    out = out.replace("@", "@" + _SPACER)
    out = re.sub(r"(?<!&)#(?=[0-9A-Za-z])", "#" + _SPACER, out)
    out = re.sub(r"\b(GH-)(?=\d)", r"\1" + _SPACER, out, flags=re.IGNORECASE)
    out = re.sub(r"(www)\.", r"\1" + _SPACER + ".", out, flags=re.IGNORECASE)  # links behind `_`, too
    return out.replace("://", ":" + _SPACER + "//")


def md_code(text: str) -> str:
    """Inline code of at most 1000 characters, never inside a table (a cell takes `md_text`)."""
    flat = " ".join(visible(text).split())[:1000]
    ticks = "`" * (max((len(run) for run in re.findall("`+", flat)), default=0) + 1)
    pad = " " if not flat or flat[0] == "`" or flat[-1] == "`" else ""
    return f"{ticks}{pad}{flat}{pad}{ticks}"


def md_fence(text: str, lang: str = "") -> str:
    """A fenced block that nothing in the text can close, without hidden characters."""
    inner = visible(text)
    ticks = "`" * max(3, max((len(run) for run in re.findall("`+", inner)), default=0) + 1)
    if not re.fullmatch(r"[A-Za-z0-9+-]*", lang):
        raise ValueError(f"not the name of a language: {lang!r}")
    end = "" if not inner or inner.endswith("\n") else "\n"
    return f"{ticks}{lang}\n{inner}{end}{ticks}"


def html_text(text: str) -> str:
    """Text for an HTML element or a quoted attribute."""
    return html.escape(visible(text), quote=True)


def xml_safe(text: str) -> str:
    """Text that XML 1.0 can hold; the XML library escapes markup itself."""
    return visible(text)  # what XML forbids (control characters, surrogates, noncharacters) is hidden too


def scrubber(secrets: Sequence[str]) -> Callable[[str], str]:
    """A function that replaces secrets of at least 6 characters by `***`.

    It knows them as they are, in capitals and in small letters, and as they look in base64, hexadecimal digits, URLs,
    JSON, HTML and Markdown.
    """
    forms = sorted({form for secret in secrets for form in _forms(secret)}, key=lambda form: (-len(form), form))
    if not forms:
        return lambda text: text
    pattern = re.compile("|".join(re.escape(form) for form in forms))

    def clean(text: str) -> str:
        text = pattern.sub("***", text)
        shown = visible(text)  # a page leaves out what hides in the middle of a secret, and shows it whole
        return pattern.sub("***", shown) if pattern.search(shown) else text

    return clean


def scrub_value(value: object, scrub: Callable[[str], str]) -> object:
    """A JSON value with secrets taken out of its strings: on values, so that the JSON stays JSON."""
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, Mapping):
        return {scrub(str(k)): scrub_value(v, scrub) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [scrub_value(v, scrub) for v in value]
    return value


def mask_tokens(text: str) -> str:
    """Replaces by `***` what has the form of a key, wherever it came from."""
    return _TOKENS.sub("***", text)


def _hidden(char: str) -> bool:
    return (
        unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
        or char in _BLANK
        or "\ufe00" <= char <= "\ufe0e"
        or "\U000e0100" <= char <= "\U000e01ef"
    )


def _forms(secret: str) -> set[str]:
    secret = secret.strip()
    if len(secret) < SECRET_MIN:
        return set()
    raw = secret.encode("utf-8", "surrogatepass")
    quoted = {quote(raw, safe=""), quote(raw), quote_plus(raw)}
    forms = {
        *(case for form in (secret, raw.hex()) for case in (form, form.upper(), form.lower())),
        *quoted,
        *(_ESCAPED.sub(lambda m: m[0].lower(), form) for form in quoted),
        json.dumps(secret)[1:-1],
        json.dumps(secret)[1:-1].replace("/", "\\/"),
        json.dumps(secret, ensure_ascii=False)[1:-1],
        html.escape(secret),
        html.escape(secret, quote=False),
        md_text(secret, len(secret)),
        md_text(f"x{secret}", len(secret) + 1)[1:],  # a leading sign or number is escaped at a text's start only
    }
    # In base64 a secret looks different at each of three offsets; only the digits that are its own are kept.
    for offset in range(3):
        digits = base64.b64encode(b"\0" * offset + raw).decode("ascii").rstrip("=")
        own = digits[-(-offset * 8 // 6) : (offset + len(raw)) * 8 // 6]
        forms |= {own, own.replace("+", "-").replace("/", "_")}
    return {form for form in forms if len(form) >= SECRET_MIN}
