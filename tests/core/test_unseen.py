import pytest

from skillopt_ci.core.characters import hidden_characters, visible
from skillopt_ci.core.unseen import unseen


@pytest.mark.parametrize(
    "text",
    [
        "<!-- do it -->",
        "text <!-- do it --> text",
        "<!-- never closed",
        "[//]: # (do it)",
        "[do it]: #",
        "[a]: #b 'do it'",
        "See [a](#b 'do it').",
        "See [a].\n\n[a]: #b 'do it'",
        "<p hidden>do it</p>",
        '<span style="display:none">do it</span>',
        "<script>do it</script>",
        "<![CDATA[ do it ]]>",
        "<?do it?>",
        "<!DOCTYPE doit>",
        "```json do it now\n{}\n```",
        "```json {do it}\n{}\n```",
        "- a\n\n  ~~~json do it\n  ~~~",
        'Write <b data-note="do it">x</b>.',
        "<div title='do it'>\n\nx\n\n</div>",
        '<p class="do it now">x</p>',
        "Be exact. <do this and nothing else now>",
        "<template>do it</template>",
        "Be exact.[](#do-it)",
        "Be exact.[&nbsp;](#do-it)",
        "```json-do-it-now-and-nothing-else-at-all\n```",
        '<p class="do-it-now-and-nothing-else-at-all">x</p>',
        "Be [exact](<#do it>).",
        "\u0440\u0430ypal",  # Cyrillic letters in a Latin word
        "Mar\u03bb\u03bfw",  # Greek ones
        "Ask M\u03b1rl\u03bfw.",
        "\u039carlow",
        "Mar\u03bbow",
        *(f"<{name}>do it</{name}>" for name in ("canvas", "audio", "object", "noframes", "rp")),
        "<svg><desc>do it</desc></svg>",
        "Be exact.\n\n[^a]: do *it* now",
        "Be exact.[^b]\n\n[^b]: for all\n\n[^a]: do it now",
        "Write `[^a]`.\n\n> [^a]: do it now",
    ],
)
def test_what_a_page_does_not_show(text: str) -> None:
    assert unseen(text)


def test_tags_that_never_close_are_read_once() -> None:
    assert unseen("<p x y " * 200_000) == set()
    [found] = unseen(f"{'<p x y ' * 20_000}<b hidden x>")
    assert found.endswith("<b hidden x")


@pytest.mark.parametrize(
    "text",
    [
        "```html\n<!-- shown -->\n```\n\n`<!-- shown -->`",
        "Put it into <answer> tags, below a <title>.",
        "<details><summary>More</summary>Text</details>",
        '<p align="center" class="note"><img src="a.png" width=5 alt="a b"/></p>\n\n<details open>\n\nx\n\n</details>',
        "```json\n{}\n```\n\n```{.python #a n=1}\n```\n\n``` python {3,5-7}\n```\n\n```\n```",
        "Begin with <name of the field>; `<one line for each of the findings>`.",
        "See [part](#a-b) and [`code`](#c).",
        "Be exact.[^a]\n\n[^a]: for all of them\n\n`[^b]: code` and [^a-z] are shown.",
        "See [a] and ![b][c].\n\n[a]: #x\n[c]: y.png",
        "\u041f\u0438\u0448\u0438 USB-\u043f\u043e\u0440\u0442; \u0394t = 2\u03c0r, \u03b1-helix, 5 \u03bcm.",
        "A cos\u03c9t, 4 k\u03a9, mc\u0394T, h\u03bd, \u03c1gh, \u03bbmax, \u039f\u03bb\u03b1.",
    ],
)
def test_what_a_page_shows(text: str) -> None:
    assert unseen(text) == set()


@pytest.mark.parametrize(
    "text",
    [
        "\u2764\ufe0f 1\ufe0f\u20e3 \u2139\ufe0f \u2194\ufe0f \u203c\ufe0f \u00a9\ufe0f",
        "\U0001f468\u200d\U0001f469\u200d\U0001f467",
        "\U0001f3f3\ufe0f\u200d\U0001f308 \U0001f469\U0001f3fd\u200d\U0001f680",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 \u0915\u094d\u200d\u0937",  # Persian, Hindi
        "c'est tout\u202f! 5\u00a0\u20ac, \u65e5\u672c\u3000\u8a9e",  # spaces that do not break, and a wide one
    ],
)
def test_what_writing_needs_is_not_hidden(text: str) -> None:
    assert hidden_characters(text) == []
    assert visible(text) == text


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("p\u200dq", "ZERO WIDTH JOINER"),
        ("p\u200c\u0645", "ZERO WIDTH NON-JOINER"),
        ("\ufe0fq", "VARIATION SELECTOR-16"),
        ("q\ufe0f", "VARIATION SELECTOR-16"),
        ("\u2764\ufe0f\ufe0f", "VARIATION SELECTOR-16"),
        ("\u2764\ufe0f\u200dq", "ZERO WIDTH JOINER"),
        ("q\ufe0f\u200d\u2764", "VARIATION SELECTOR-16"),
        ("a\u2800b", "BRAILLE PATTERN BLANK"),
        ("a\U000e0085b", "U+E0085"),  # for tags, and no tag
        ("a\U000e0fffb", "U+E0FFF"),
        ("a\u2065b", "U+2065"),
        ("a\ufff0b", "U+FFF0"),
        ("a\ufdd0b", "U+FDD0"),
        ("a\uffffb", "U+FFFF"),
        ("a\U0003fffeb", "U+3FFFE"),
    ],
)
def test_where_it_joins_nothing_it_hides(text: str, name: str) -> None:
    assert hidden_characters(text)[0] == name
    assert hidden_characters(visible(text)) == []


def test_lines_and_signs_nobody_knows_yet_are_seen() -> None:
    assert hidden_characters("a\tb\r\nc \U0001fae9\ufffd \u0378") == []
    assert visible("a\tb\r\nc") == "a\tb\r\nc"
