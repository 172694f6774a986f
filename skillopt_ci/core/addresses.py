"""What leads out of a text: addresses with a scheme, hosts without one, links and images to files."""

import re
from collections.abc import Iterator
from urllib.parse import unquote

from skillopt_ci.core.page import page

_URL = re.compile(
    "|".join(
        (
            r"\b[a-z][a-z0-9+.-]{0,30}://\S*",
            r"\b(?:file:/|(?:javascript|vbscript|mailto):[^\s*`]|data:[a-z]+/)\S*",  # "**JavaScript:** is a language"
            r"\bwww\.\S*",
            r"\bhttps?:[/\\]*\w\S*",  # browsers take a backslash for a stroke
            r"(?<![\w:/])//(?:[\w-]+\.)+\w{2,}\S*",
            r"\b(?:\d{1,3}\.){3}\d{1,3}[:/]\S+",
            r"\blocalhost:\d{2,5}\b\S*",
            r"(?<![\w.@-])[\w.-]+@[\w.-]+:[^\s,;]+",  # a host of ssh
            r"(?<![\w\\])\\{1,2}[\w-]+(?:\.[\w-]+)+\\\w\S*",  # a share of Windows; an escape may have lost a backslash
        )
    ),
    re.IGNORECASE,
)
# A share whose host has no dot. With an escape lost it could be a formula: \\alpha\\beta.
_SHARE = re.compile(r"(?<![^\s`\"'(\[<])\\\\[a-z][\w$-]+\\[\w$]\S*", re.IGNORECASE)
# A host without a scheme, with what is behind it.
_HOST = re.compile(
    r"(?<![\w@./-])(?P<names>(?:[\w-]+\.)+)(?P<ending>xn--[\w-]+|[^\W\d_]{2,24})"
    r"(?P<rest>/\S*|:\d{4,5}\b|\?\w+=\S*|\#\w\S*|\b)",
)
_WIDE_DOT = re.compile(r"(?<=[A-Za-z0-9])\u3002(?=[A-Za-z])")  # browsers read it as a dot; elsewhere it ends a sentence
# Domains that nobody misreads, with nothing behind them; and those that no name in a program has.
_BARE = frozenset({"com", "org", "edu", "gov", "xyz"})
_COMMON = _BARE | {"net", "io", "dev", "app", "ai", "co", "me", "info", "biz", "sh", "ru", "cn", "de", "uk", "eu", "us",
                   "onion", "example"}  # fmt: skip
# With other letters these alone: elsewhere a dot stands between words that are cut short.
_OWN_LETTERS = frozenset({"рф", "рус", "укр", "бел", "мкд", "срб", "бг", "қаз", "ею", "онлайн", "сайт", "москва",
                          "дети", "中国", "中國", "公司", "网络", "在线", "香港", "台灣", "한국", "भारत", "ไทย",
                          "みんな"})  # fmt: skip
_FILES = frozenset({"md", "json", "yaml", "yml", "txt", "csv", "tsv", "py", "js", "ts", "jsx", "tsx", "htm", "html",
                    "css", "xml", "pdf", "png", "jpg", "jpeg", "gif", "svg", "toml", "ini", "cfg", "log", "sql", "doc",
                    "docx", "xls", "xlsx", "ppt", "pptx", "java", "cpp", "ipynb"})  # fmt: skip
_SCRIPTS = frozenset({"sh", "bash", "ps1", "bat", "exe", "zip", "gz", "php"})
_FRAMEWORKS = frozenset({"asp.net", "ado.net", "vb.net", "ml.net"})
_LOADS = re.compile(
    r"(?<=[\s\"'/])(?:href|src\w*|action|formaction|poster|data|cite|background|on[a-z]+)\s*=\s*[^>\n]*", re.IGNORECASE
)


def addresses(text: str) -> Iterator[str]:
    """What a reading of a text leads to by its words alone."""
    yield from (match.group() for match in _URL.finditer(text))
    yield from (match.group() for match in _HOST.finditer(_WIDE_DOT.sub(".", text)) if _is_host(match))


def shares(text: str) -> Iterator[str]:
    """Shares of Windows in a text as it is written."""
    yield from (match.group() for match in _SHARE.finditer(text))


def linked(text: str) -> Iterator[str]:
    """What a page of a text links to or loads. Code shows links and has none."""
    shown = page(text)
    yield from (
        link.target for link in shown.links if link.image or (_leads(link.target) and not _footnote(link.label))
    )
    yield from (target for name, target in shown.definitions.items() if _leads(target) and not _footnote(name))
    yield from (match.group() for html in shown.html for match in _LOADS.finditer(html))


def _leads(target: str) -> bool:
    """Whether a target is a file or a host: one without a sign of either is a name in brackets, `array[0](x)`."""
    return not target.startswith("#") and re.search(r"[./:]", unquote(target)) is not None


def _footnote(label: str) -> bool:
    return label.startswith("^")


def _is_host(match: re.Match[str]) -> bool:
    """Whether names with dots between them are a host: `order.total/order.count` are fields, `app.ts:12` a place."""
    names, ending, rest = match["names"].lower(), match["ending"].lower(), match["rest"]
    if not ending.isascii():
        return bool(rest) and ending in _OWN_LETTERS
    if ending in _FILES or f"{names}{ending}" in _FRAMEWORKS:
        return False
    if not rest:
        return ending in _BARE
    if rest.startswith("#"):
        return ending in _COMMON
    alike = rest.lower().startswith(f"/{names}") and rest.rpartition(".")[2].lower() not in _FILES | _SCRIPTS
    return ending in _COMMON or not alike
