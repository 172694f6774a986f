"""The eyes themselves: what is wrong with a page is seen."""

from pathlib import Path

from tests.browser.chromium import look

BAD = """<!DOCTYPE html><html><head><title></title></head><body style="width:2000px">
<img src="http://127.0.0.1:9/x.png"><script>window.ran = 1; console.error("oops"); alert("hello");</script>
<svg width="200" height="50"><text x="10" y="20" font-size="6">one</text><text x="12" y="20">two</text></svg>
<p style="color:#999;background:#aaa">faint</p></body></html>"""


def test_what_is_wrong_is_seen(tmp_path: Path) -> None:
    page = tmp_path / "bad.html"
    page.write_text(BAD, encoding="utf-8")
    (seen,) = look([page], widths=[400], schemes=["dark"])
    assert seen["ran"] == 1
    assert seen["scripts"] > 0
    assert seen["dialogs"] == ["hello"]
    assert any("oops" in told for told in seen["told"])
    assert "http://127.0.0.1:9/x.png" in seen["requests"]
    assert seen["scrollWidth"] > 400 == seen["clientWidth"]
    assert seen["smallest"] == 6
    assert seen["overlaps"] == [["one", "two"]]
    rules = {found.split(":")[0] for found in seen["violations"]}
    assert {"color-contrast", "image-alt", "document-title", "html-has-lang"} <= rules
