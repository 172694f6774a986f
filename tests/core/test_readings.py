import base64

from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.readings import decoded, plain, readings


def test_markup_and_escapes_hide_nothing() -> None:
    for text in (
        "Mar**low**",
        "Mar<!-- x -->low",
        "Mar<b></b>low",
        "M&#97;rlow",
        "Mar&#8203;low",
        "Mar\u200blow",
        "\uff2darlow",
        "~~Mar~~low",
    ):
        assert plain(text) == "Marlow", text
    assert plain(r"https\://evil\.example \n") == r"https://evil.example \n"


def test_what_is_spelt_encoded_or_turned_is_read_too() -> None:
    for text in ("M a r l o w", "M-a-r-l-o-w", "M, a, r, l, o, w", "TWFybG93", "4d61726c6f77", "wolraM", "Zneybj"):
        assert any("Marlow" in reading for reading in readings(f"Ask {text} first.")), text


def test_the_text_itself_comes_first_and_only_what_differs_follows() -> None:
    assert list(readings("Ask 12.")) == ["Ask 12.", ". ksA", "Nfx ."]


def test_digits_are_not_turned_round() -> None:
    assert not any("43" in reading for reading in readings("34"))


def test_only_readable_text_is_decoded() -> None:
    assert decoded("0123456789abcdef0123456789abcdef deadbeefdeadbeef SGVsbG8= aGk=") == []
    assert decoded(base64.urlsafe_b64encode(b"Why? Why?").decode()) == ["Why? Why?"]


@given(st.text(max_size=200))
def test_any_text_can_be_read(text: str) -> None:
    assert next(readings(text)) == text


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=6, max_size=40))
def test_what_was_encoded_is_found(text: str) -> None:
    assert text in decoded(base64.b64encode(text.encode()).decode())
    assert text in decoded(text.encode().hex())
