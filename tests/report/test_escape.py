import base64
import json
import re
import unicodedata
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from html.parser import HTMLParser
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from skillopt_ci.report.escape import (
    html_text,
    mask_tokens,
    md_code,
    md_fence,
    md_text,
    one_line,
    scrubber,
    visible,
    xml_safe,
)

NASTY = st.text(
    alphabet=st.one_of(
        st.sampled_from("`*_[](){}<>#@|~!\\$&:/.-+=^\"' \n\r\t\x1b\x00\x9b\u202e\u200b\u2028\ufeff%0123abwGH;"),
        st.characters(),
    ),
    max_size=60,
)
GFM = MarkdownIt("gfm-like", {"html": True, "linkify": False})
ZERO_WIDTH = "\u200b"


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.data: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.data.append(data)


def scrub(text: str, secrets: Sequence[str]) -> str:
    return scrubber(secrets)(text)


def read(markup: str) -> tuple[list[str], str]:
    parser = _Text()
    parser.feed(markup)
    parser.close()
    return parser.tags, "".join(parser.data)


def flat(text: str) -> str:
    return " ".join(visible(text).split())


class TestVisible:
    @given(NASTY)
    def test_nothing_hidden_is_left(self, text: str) -> None:
        left = visible(text)
        assert not [c for c in left if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") and c not in "\n\t"]
        assert visible(left) == left

    @pytest.mark.parametrize(
        ("text", "seen"),
        [
            ("\x1b[31mred\x1b[0m", "red"),
            ("\x1b]0;title\x07x", "x"),
            ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
            ("\x1b]0;never closed", "]0;never closed"),
            ("\x9b2Jx", "x"),
            ("a\r\nb\rc\u2028d\x85e", "a\nb\nc\nd\ne"),
            ("ab\u202ecd\u2066ef\u200bgh\ufeff", "abcdefgh"),
            ("tag\U000e0041\U000e0100", "tag"),
            ("\ud800x", "x"),
            ("emoji 😀 ünï 漢字", "emoji 😀 ünï 漢字"),
        ],
    )
    def test_examples(self, text: str, seen: str) -> None:
        assert visible(text) == seen


class TestOneLine:
    @given(NASTY, st.integers(min_value=1, max_value=80))
    @example(":::::x", 80)
    @example("###[error]", 80)
    @example("\u200b::error::x", 80)
    @example("#\u200b#[x]", 80)
    def test_one_safe_line(self, text: str, limit: int) -> None:
        line = one_line(text, limit)
        assert len(line) <= limit
        assert line.isprintable()
        assert not line.lstrip().startswith("::")
        assert "##[" not in line
        assert one_line(line, limit) == line

    def test_examples(self) -> None:
        assert one_line("a\n::error::b") == "a ::error::b"
        assert one_line("  ::set-output name=x::y") == ": :set-output name=x::y"
        assert one_line("x ##[group]") == "x ## [group]"
        assert one_line("abcdef", 4) == "abc…"


class TestMarkdown:
    @given(NASTY)
    @example("1. item")
    @example("- x")
    @example("+ x")
    @example("# x")
    @example("===")
    @example("https://example.org/x @user #1 owner/repo#2 GH-3 www.example.org")
    @example("&amp; &#64; &lt;script&gt;")
    @example("<!-- x --> <b> ![i](u) [a](b) [^1]")
    @example("\\| \\\\| a|b")
    def test_text_is_read_as_it_is_written(self, text: str) -> None:
        for markup in (MarkdownIt("commonmark").render(md_text(text)), GFM.render(md_text(text))):
            tags, data = read(markup)
            assert tags in ([], ["p"])
            assert data.replace(ZERO_WIDTH, "").strip("\n") == flat(text)

    @given(NASTY)
    @example("a\\")
    @example("\\|")
    def test_a_table_cell_stays_one_cell(self, text: str) -> None:
        table = f"| a | b |\n| --- | --- |\n| x{md_text(text)}x | y |\n"
        tags, data = read(MarkdownIt("commonmark").enable("table").render(table))
        assert tags == ["table", "thead", "tr", "th", "th", "tbody", "tr", "td", "td"]
        assert "x" + flat(text) + "x" in data.replace(ZERO_WIDTH, "")

    @given(NASTY)
    @example("_www.example.org a_www.example.org")
    def test_no_mention_reference_or_link(self, text: str) -> None:
        _, data = read(GFM.render(md_text(text)))
        assert not re.search(r"@\w|#\d|GH-\d|www\.|://", data, re.IGNORECASE | re.ASCII)

    def test_limit(self) -> None:
        assert md_text("x" * 50, 10) == "x" * 9 + "…"

    @given(NASTY)
    @example("`")
    @example("``` ` ``")
    @example("")
    def test_code(self, text: str) -> None:
        tags, data = read(MarkdownIt("commonmark").renderInline(f"see {md_code(text)} end"))
        assert tags == ["code"]
        assert " ".join(data.split()) == " ".join(f"see {flat(text)} end".split())

    @given(NASTY)
    @example("```\n# out\n````")
    @example("~~~\n</code>")
    @example("")
    def test_fence_never_closes_early(self, text: str) -> None:
        source = f"before\n\n{md_fence(text, 'diff')}\n\nafter\n"
        tokens = MarkdownIt("commonmark").parse(source)
        kinds = [t.type for t in tokens]
        assert kinds == ["paragraph_open", "inline", "paragraph_close", "fence", *kinds[:3]]
        fence = tokens[3]
        assert fence.info == "diff"
        assert fence.content.removesuffix("\n") == visible(text).removesuffix("\n")

    def test_fence_language_is_a_word(self) -> None:
        with pytest.raises(ValueError, match="not the name of a language"):
            md_fence("x", "a b`")


class TestOthers:
    @given(NASTY)
    def test_html(self, text: str) -> None:
        tags, data = read(f'<p title="{html_text(text)}">{html_text(text)}</p>')
        assert tags == ["p"]
        assert data == visible(text)

    @given(st.text(max_size=40))
    @example("\ufffe\uffff\x00\ud800")
    def test_xml(self, text: str) -> None:
        root = ET.Element("x")
        root.text = xml_safe(text)
        again = ET.fromstring(ET.tostring(root, encoding="utf-8"))
        assert (again.text or "") == xml_safe(text)


SECRET = 'sk-a"b/c+d_é<f>@x'


class TestScrub:
    @pytest.mark.parametrize("before", ["", "x", "xy", "xyz"])
    @pytest.mark.parametrize("after", ["", "q"])
    def test_base64_at_any_offset(self, before: str, after: str) -> None:
        raw = (before + SECRET + after).encode()
        for coded in (base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()):
            left = scrub(f"Basic {coded}", [SECRET])
            assert "***" in left
            assert len(left) < len("Basic ***") + 9

    @pytest.mark.parametrize(
        "form",
        [
            SECRET,
            quote(SECRET),
            quote(SECRET, safe=""),
            json.dumps(SECRET),
            json.dumps(SECRET).replace("/", "\\/"),
            html_text(SECRET),
            md_text(SECRET),
            SECRET.upper(),
            SECRET.lower(),
            SECRET.encode().hex(),
            SECRET.encode().hex().upper(),
            re.sub("%..", lambda m: m[0].lower(), quote(SECRET, safe="")),
        ],
    )
    def test_forms(self, form: str) -> None:
        assert scrub(f"<<{form}>>", [SECRET]) in ("<<***>>", '<<"***">>')

    @pytest.mark.parametrize("secret", ["-ab_cd*ef", "+ab_cdef", "=ab~cdef", "#ab_cdef", "12)ab_cd", "1234.ab_cd"])
    def test_a_leading_sign_inside_a_text(self, secret: str) -> None:
        for text in (secret, f"x{secret}", f"key {secret} refused"):
            assert scrub(md_text(text), [secret]) == text.replace(secret, "***")

    @pytest.mark.parametrize("hidden", ["\u200b", "\x1b[0m", "\x00", "\u202e", "\ufeff"])
    def test_what_a_page_leaves_out_hides_no_secret(self, hidden: str) -> None:
        text = f"a{hidden}b {SECRET[:6]}{hidden}{SECRET[6:]}"
        assert html_text(scrub(text, [SECRET])) == "ab ***"
        assert scrub(f"a{hidden}b", [SECRET]) == f"a{hidden}b"

    def test_short_and_empty_secrets_are_no_secrets(self) -> None:
        assert scrub("abc test  ", ["abc", "", "  \n "]) == "abc test  "

    def test_the_longest_goes_first(self) -> None:
        assert scrub("password12345", ["password", "password12345"]) == "***"

    @given(st.text(max_size=20), st.text(min_size=6, max_size=20), st.text(max_size=20))
    def test_no_secret_is_left(self, before: str, secret: str, after: str) -> None:
        clean = scrubber([secret])
        if len(secret.strip()) >= 6 and "*" not in secret:
            assert secret.strip() not in clean(before + secret + after)


@pytest.mark.parametrize(
    "token",
    [
        "sk-proj-" + "a1" * 12, "sk-ant-api03-" + "a1" * 12, "ghp_" + "a1" * 18, "ghs_" + "a1.-_" * 8,
        "gho_" + "a1" * 18, "github_pat_" + "a1" * 20, "AKIA" + "A1" * 8, "AIza" + "a" * 35, "xoxb-123456-abcdef",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIabc+/=\n-----END RSA PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----",
    ],
)  # fmt: skip
def test_keys_are_masked_by_their_form(token: str) -> None:
    assert mask_tokens(f"use {token} now") == "use *** now"


@pytest.mark.parametrize("text", ["task-1234567890123456789", "sk-short", "ghp_short", "a -----BEGIN CERTIFICATE-----"])
def test_what_is_no_key_stays(text: str) -> None:
    assert mask_tokens(text) == text
