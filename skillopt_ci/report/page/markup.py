"""HTML that cannot be injected into: every text is escaped, and only this module makes markup.

A child that is a `str` is text; a child that is `Html` was made here. There is no way to put a raw string in, no
attribute that runs anything, and no address but one on the same page.
"""

import html
import re
from collections.abc import Iterable
from dataclasses import dataclass

from skillopt_ci.report.escape import html_text, visible

_NAME = re.compile(r"[a-z][a-z0-9]*(?:[A-Z][a-z]+)*\Z")
_ATTRIBUTE = re.compile(r"[a-zA-Z][a-zA-Z0-9-]*\Z")
_REFUSED = re.compile(r"on|style$|src|srcset$|action$|formaction$|data$|xlink")
_VOID = frozenset({"meta", "br", "hr", "col"})
_ID = re.compile(r"[^A-Za-z0-9]+")


@dataclass(frozen=True, slots=True)
class Html:
    """Markup that is safe as it stands."""

    markup: str


Child = str | Html | None | Iterable["Child"]


def tag(name: str, *children: Child, **attributes: str | int | bool | None) -> Html:
    """An element. `class_` stands for `class` and underscores for hyphens; None and False leave an attribute out.

    Raises:
        ValueError: a name that is none, an attribute that could load or run something, a link to somewhere else.
    """
    if not _NAME.match(name) or name in ("script", "style", "iframe", "object", "embed", "link", "base"):
        raise ValueError(f"not an element of a report: {name!r}")
    opened = [name, *(_attribute(key, value) for key, value in attributes.items() if value not in (None, False))]
    inner = "".join(_flat(children))
    if name in _VOID:
        return Html(f"<{' '.join(opened)}>")
    return Html(f"<{' '.join(opened)}>{inner}</{name}>")


def join(*children: Child) -> Html:
    """Children without an element around them."""
    return Html("".join(_flat(children)))


def clipped(text: str, limit: int) -> str:
    """At most `limit` characters of a text, its hidden ones taken out, and how many more there are."""
    text = visible(text)
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text) - limit:,} more characters)"


def anchor(*parts: object) -> str:
    """An `id` of the parts, whatever they hold."""
    return "-".join(_ID.sub("-", str(part)).strip("-").lower() for part in parts) or "x"


def _flat(children: Iterable[Child]) -> Iterable[str]:
    for child in children:
        if child is None:
            continue
        if isinstance(child, Html):
            yield child.markup
        elif isinstance(child, str):
            yield html_text(child)
        else:
            yield from _flat(child)


def _attribute(key: str, value: str | int | bool | None) -> str:
    key = key.rstrip("_").replace("_", "-")
    if not _ATTRIBUTE.match(key) or _REFUSED.match(key):
        raise ValueError(f"not an attribute of a report: {key!r}")
    if value is True:
        return key
    text = visible(str(value))
    if key == "href" and not text.startswith("#"):
        raise ValueError(f"a report links to itself only, not to {text!r:.80}")
    return f'{key}="{html.escape(text, quote=True)}"'
