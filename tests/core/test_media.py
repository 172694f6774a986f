import pytest

from skillopt_ci.core import media
from skillopt_ci.core.task import Attachment
from skillopt_ci.core.trajectory import Message
from skillopt_ci.providers.base import Request

HEADS = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff\xe0": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
    b"RIFF\x10\x00\x00\x00WEBPVP8 ": "image/webp",
    b"%PDF-1.7": "application/pdf",
    b"\xef\xbb\xbf\r\n%PDF-1.4": "application/pdf",
}


@pytest.mark.parametrize(("head", "kind"), HEADS.items())
def test_an_image_is_told_by_its_content_whatever_its_name(head: bytes, kind: str) -> None:
    file = Attachment(name="notes.txt", data=head + b"\x00\xff\x01")
    assert media.media_type(file.data) == kind
    assert media.text_of(file.data) is None
    assert media.cannot_be_sent([file]) is None


@pytest.mark.parametrize("data", [b"", b"A file starts with %PDF-1.7", b"RIFF\x10\x00\x00\x00WAVE", "Grüße".encode()])
def test_what_is_no_image_is_none(data: bytes) -> None:
    assert media.media_type(data) is None


def test_other_bytes_cannot_be_sent() -> None:
    problem = media.cannot_be_sent(
        [Attachment(name="a.txt", data=b"x"), Attachment(name="b.xlsx", data=b"PK\x03\x04\xff")]
    )
    assert problem is not None
    assert problem.startswith("attachment 'b.xlsx' is no UTF-8 text, no image (PNG, JPEG, GIF, WebP) and no PDF")


def test_sizes_are_limited_and_said() -> None:
    png, pdf = b"\x89PNG\r\n\x1a\n", b"%PDF-1.7"
    largest = png + bytes(media.MAX_IMAGE_BYTES - len(png))
    assert media.cannot_be_sent([Attachment(name="a.png", data=largest)]) is None
    said = media.cannot_be_sent([Attachment(name="a.png", data=largest + b"0")])
    assert said == "attachment 'a.png' has 3,932,161 bytes; an image may have 3,932,160: make it smaller"
    many = [Attachment(name=f"{n}.png", data=largest) for n in range(6)]
    assert media.cannot_be_sent(many[:5]) is None
    assert media.cannot_be_sent(many) == (
        "the images and PDFs have 23,592,960 bytes together; 20,971,520 may be sent with one task"
    )
    long = Attachment(name="a.pdf", data=pdf + bytes(media.MAX_IMAGE_BYTES))
    assert media.cannot_be_sent([long]) is None
    assert media.cannot_be_sent([Attachment(name="long.txt", data=b"x" * (media.MAX_TOTAL_BYTES + 1))]) is None


def test_tokens_of_images_and_texts() -> None:
    png, pdf, text = (Attachment(name="f", data=d) for d in (b"\x89PNG\r\n\x1a\n", b"%PDF-1.7", b"12345"))
    assert [media.usual_tokens(f) for f in (png, pdf, text)] == [1600, 1600, 2]
    assert [media.most_tokens(f) for f in (png, pdf)] == [50_000, 8]


def key(*messages: Message) -> dict[str, object]:
    return Request(
        model="m", messages=messages, max_output_tokens=5, temperature=None, place="p", stream="s", label="l"
    ).identity()


def test_the_identity_of_a_request_holds_its_attachments_and_that_of_a_text_alone_is_as_ever() -> None:
    plain = Message(role="user", content="What?")
    assert key(plain)["messages"] == [["user", "What?"]]
    shown = [
        Message(role="user", content="What?", attachments=(Attachment(name=name, data=data),))
        for name, data in (("a", b"1"), ("a", b"2"), ("b", b"1"))
    ]
    keys = [key(m) for m in (plain, *shown)]
    assert all(keys.count(k) == 1 for k in keys)
    assert key(shown[0]) == key(Message(role="user", content="What?", attachments=(Attachment(name="a", data=b"1"),)))
