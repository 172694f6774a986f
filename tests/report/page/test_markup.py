import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.report.escape import visible
from skillopt_ci.report.page.markup import Html, anchor, clipped, join, tag
from tests.report.page.pages import Reader

TEXT = st.text(alphabet=st.one_of(st.sampled_from("<>&\"'/=`\n\x00\u202e;x"), st.characters()), max_size=60)


@given(TEXT, TEXT)
def test_no_text_becomes_markup(text: str, value: str) -> None:
    made = tag("p", text, title=value, aria_label=value)
    read = Reader(made.markup)
    assert [name for name, _ in read.elements] == ["p"]
    assert read.words == visible(text)
    assert read.elements[0][1] == {"title": visible(value), "aria-label": visible(value)}


def test_children_are_flattened_and_nothing_is_left_out() -> None:
    inner = [tag("b", "1"), None, ["2", (tag("i", "3"),)]]
    assert tag("p", inner, "4", class_="c", open=True, id=None, hidden=False).markup == (
        '<p class="c" open><b>1</b>2<i>3</i>4</p>'
    )
    assert join("a<", Html("<br>"), None).markup == "a&lt;<br>"
    assert tag("br").markup == "<br>"
    assert tag("svg", x1="1", viewBox="0 0 1 1").markup == '<svg x1="1" viewBox="0 0 1 1"></svg>'


@pytest.mark.parametrize("name", ["script", "style", "iframe", "base", "link", "a b", "A", "", "p>"])
def test_elements_that_no_report_has(name: str) -> None:
    with pytest.raises(ValueError, match="not an element"):
        tag(name)


@pytest.mark.parametrize(
    "key", ["onclick", "style", "src", "srcdoc", "srcset", "formaction", "action", "a b", "x=y", "data"]
)
def test_attributes_that_no_report_has(key: str) -> None:
    with pytest.raises(ValueError, match="not an attribute"):
        tag("p", **{key: "x"})


@pytest.mark.parametrize("place", ["http://e.org", "//e.org", "javascript:alert(1)", "\x01javascript:x", "", "data:x"])
def test_links_lead_to_the_same_page(place: str) -> None:
    with pytest.raises(ValueError, match="links to itself"):
        tag("a", "x", href=place)
    assert tag("a", "x", href="#there").markup == '<a href="#there">x</a>'


def test_clipping_says_what_is_missing() -> None:
    assert clipped("a\u202eb", 5) == "ab"
    assert clipped("x" * 100_000, 10) == "xxxxxxxxxx… (99,990 more characters)"


@given(TEXT)
def test_anchors_are_names(text: str) -> None:
    assert set(anchor("s1", text)) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert anchor("s1", text).startswith("s1")
