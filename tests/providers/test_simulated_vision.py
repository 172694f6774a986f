import zlib

from hypothesis import given
from hypothesis import strategies as st

from skillopt_ci.core.task import Attachment
from skillopt_ci.core.trajectory import Message
from skillopt_ci.providers.base import ProviderOptions, Request
from skillopt_ci.providers.simulated import make
from skillopt_ci.providers.simulated_vision import descriptions, seen

HEAD = b"\x89PNG\r\n\x1a\n"


def chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    return HEAD + b"".join(chunk(*c) for c in ((b"IHDR", bytes(13)), *chunks, (b"IEND", b"")))


def test_descriptions_are_read_in_both_forms_and_nothing_else_is() -> None:
    image = png(
        (b"tEXt", b"Description\0Total: 5 \xa3"),
        (b"tEXt", b"Author\0nobody"),
        (b"iTXt", b"Description\0\0\0en\0Beschreibung\0Gr\xc3\xb6\xc3\x9fe: 3"),
        (b"iTXt", b"Description\0\x01\0\0\0" + zlib.compress(b"packed")),
    )
    assert list(descriptions(image)) == ["Total: 5 £", "Größe: 3"]
    files = [Attachment(name="a.png", data=image), Attachment(name="b.jpg", data=b"\xff\xd8\xff")]
    assert seen(files) == "\n\nTotal: 5 £\n\nGröße: 3"


@given(st.binary(max_size=200))
def test_broken_images_have_none_or_less(data: bytes) -> None:
    assert list(descriptions(data)) == [] or data.startswith(HEAD)
    assert all(isinstance(text, str) for text in descriptions(HEAD + data))


def test_the_simulated_target_answers_from_what_it_sees() -> None:
    image = Attachment(name="a.png", data=png((b"tEXt", b"Description\0Invoice no: 77\nDue date: 2 May 2026")))
    provider = make(ProviderOptions(name="s", type="simulated", noise=0.0))
    system = Message(role="system", content="Answer with only the value.")

    def ask(*files: Attachment) -> str:
        user = Message(role="user", content="What is the due date?", attachments=files)
        return provider.complete(
            Request(
                model="m",
                messages=(system, user),
                max_output_tokens=99,
                temperature=None,
                place="p",
                stream="s",
                label="l",
            )
        ).text

    assert ask(image) == "2 May 2026"
    assert ask() != "2 May 2026"
