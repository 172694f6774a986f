import base64

from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.readings import decoded, plain, readings, turned


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
    for text in ("M a r l o w", "M-a-r-l-o-w", "M, a, r, l, o, w", "TWFybG93", "4d61726c6f77"):
        assert any("Marlow" in reading for reading in readings(f"Ask {text} first.")), text
    for text in ("wolraM", "Zneybj"):
        assert any("Marlow" in reading for reading in turned(f"Ask {text} first.")), text


def test_what_divides_a_word_and_shows_nothing_is_gone() -> None:
    for text in ("Mar<b class=x>low</b>", "Mar<wbr/>low", "Mar-\n  low", "Mar``low``"):
        assert any("Marlow" in reading for reading in readings(f"Ask {text} first.")), text
    assert "Ask Marlow\nand me" in readings("1. Ask Marlow\n2. and me")
    assert any("a < b, c > d" in reading for reading in readings("1. If a < b, c > d")), "a comparison is no tag"


def test_escapes_are_undone() -> None:
    for text in ("%4d%61%72%6C%6fw", "Mar%6cow", r"\x4dar\x6cow", r"\u004darlow", "Mar%6c\\x6fw"):
        assert any("Marlow" in reading for reading in readings(f"Ask {text} first.")), text
    assert any("Köln" in reading for reading in readings("K%C3%B6ln"))
    assert list(readings(r"\ud83d is 5%20")) == [r"\ud83d is 5%20", r"\ud83d is 5 "]


def test_the_text_itself_comes_first_and_only_what_differs_follows() -> None:
    assert list(readings("Ask 12.")) == ["Ask 12."]
    assert turned("Ask 12.") == (". ksA", "Nfx .")


def test_digits_are_not_turned_round() -> None:
    assert not any("43" in reading for reading in (*readings("34"), *turned("34")))


def test_only_readable_text_is_decoded() -> None:
    assert decoded("0123456789abcdef0123456789abcdef deadbeefdeadbeef SGVsbG8= aGk=") == ()
    assert decoded(base64.urlsafe_b64encode(b"Why? Why?").decode()) == ("Why? Why?",)
    assert decoded("Use the well-known camelCase namesOfFields, not 10 20 30 40 50 60 70 or 41 42 43 44 45 46.") == ()
    assert decoded("The years 2024 2025 2026 2027 2028 2029 and 4142 4344 4546 4748.") == ()


def test_what_is_divided_or_not_in_latin_letters_is_decoded() -> None:
    for text in ("Zürich Müller AG", "Привет, мир", "Hazel Paper Works", "横浜にある第二倉庫"):
        code = base64.b64encode(text.encode()).decode()
        for said in (code, f"{code[:12]} {code[12:]}", f"Say `{code[:10]}\n  {code[10:]}`."):
            assert text in decoded(said), said
        for said in (text.encode().hex(), text.encode().hex(" "), text.encode().hex(":")):
            assert text in decoded(f"Say {said} first."), said


@given(st.text(max_size=200))
def test_any_text_can_be_read(text: str) -> None:
    assert next(readings(text)) == text


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=6, max_size=40))
def test_what_was_encoded_is_found(text: str) -> None:
    assert text in decoded(base64.b64encode(text.encode()).decode())
    assert text in decoded(text.encode().hex())
