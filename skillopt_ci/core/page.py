"""What a page makes of a Markdown text: links, markup, words and what it leaves out."""

from dataclasses import dataclass
from functools import cache, lru_cache

from markdown_it import MarkdownIt
from markdown_it.token import Token


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A link or an image.

    Attributes:
        target: where it leads.
        title: what a page shows of it only to who points at it.
        label: the name of the definition it uses; empty where it says its target itself.
        image: whether it is one.
        empty: whether a page shows nothing to follow it by.
    """

    target: str
    title: str = ""
    label: str = ""
    image: bool = False
    empty: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The parts of a page.

    Attributes:
        links: in order, also those of a definition.
        html: every piece of markup, whole blocks or single tags.
        words: text and code among it.
        prose: the text alone.
        infos: what stands behind the opening marks of fences.
        definitions: what links may refer to, by name.
    """

    links: tuple[Link, ...]
    html: tuple[str, ...]
    words: tuple[str, ...]
    prose: tuple[str, ...]
    infos: tuple[str, ...]
    definitions: dict[str, str]


class _Parser(MarkdownIt):
    """Takes every link for one, also what leads to a script, and leaves its target as it is written."""

    def validateLink(self, url: str) -> bool:  # noqa: ARG002, N802
        return True

    def normalizeLink(self, url: str) -> str:  # noqa: N802
        return url


@cache
def _parser() -> _Parser:
    parser = _Parser("commonmark", {"store_labels": True})
    parser.enable("table")
    parser.parse("x")  # the first text compiles its rules: not while another thread reads with them
    return parser


@lru_cache(maxsize=16)
def page(text: str) -> Page:
    """The parts of a text as a page (LF line ends)."""
    env: dict[str, dict[str, dict[str, str]]] = {}
    tokens = _parser().parse(text, env)
    inline = [token for outer in tokens for token in outer.children or ()]
    followed = zip(inline, (*inline[1:], *inline[:1]), strict=True)
    return Page(
        links=tuple(_link(token, after) for token, after in followed if _links(token)),
        html=tuple(token.content for token in (*tokens, *inline) if token.type in ("html_block", "html_inline")),
        words=tuple(token.content for token in inline if token.type in ("text", "code_inline")),
        prose=tuple(token.content for token in inline if token.type == "text"),
        infos=tuple(token.info for token in tokens if token.type == "fence"),
        definitions={name: found["href"] for name, found in env.get("references", {}).items()},
    )


def _links(token: Token) -> bool:
    return token.type in ("link_open", "image")


def _link(token: Token, after: Token) -> Link:
    image = token.type == "image"
    return Link(
        target=str(token.attrs["src" if image else "href"]),
        title=str(token.attrs.get("title", "")),
        label=str(token.meta.get("label", "")),
        image=image,
        empty=not image and (after.type == "link_close" or (after.type == "text" and not after.content.strip())),
    )
