"""Images and PDFs over the real SDKs: what stands on the wire."""

from base64 import b64encode

import pytest

from skillopt_ci.core.task import Attachment
from skillopt_ci.core.trajectory import Message
from skillopt_ci.errors import CallFailedError
from tests.loopback import Loopback, chat_reply, error_reply, messages_reply, responses_reply, scripted
from tests.wire.helpers import connected, request

PNG = Attachment(name="scans/page.png", data=b"\x89PNG\r\n\x1a\n\x00\xff")
JPEG = Attachment(name="photo.bin", data=b"\xff\xd8\xff\xe0\x00")
PDF = Attachment(name="papers/report.pdf", data=b"%PDF-1.7\n\xe2\xe3")
MESSAGES = (
    Message(role="system", content="Be brief."),
    Message(role="user", content="What is the total?\ud800", attachments=(PNG, JPEG, PDF)),
)


def base64(file: Attachment) -> str:
    return b64encode(file.data).decode()


def test_chat_completions_take_image_urls_and_files() -> None:
    with Loopback(scripted(chat_reply("4"))) as server, connected(server) as provider:
        assert provider.complete(request(messages=MESSAGES)).text == "4"
        body = server.calls[0].body
    assert body["messages"] == [
        {"role": "system", "content": "Be brief."},
        {
            "role": "user",
            "content": [
                {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{base64(PNG)}"}},
                {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{base64(JPEG)}"}},
                {
                    "type": "file",
                    "file": {"filename": "report.pdf", "file_data": f"data:application/pdf;base64,{base64(PDF)}"},
                },
                {"type": "text", "text": "What is the total??"},
            ],
        },
    ]


def test_responses_take_input_images_and_input_files() -> None:
    with Loopback(scripted(responses_reply("4"))) as server, connected(server, api="responses") as provider:
        assert provider.complete(request(messages=MESSAGES)).text == "4"
        body = server.calls[0].body
    assert body["instructions"] == "Be brief."
    assert body["input"] == [
        {
            "role": "user",
            "content": [
                {"type": "input_image", "image_url": f"data:image/png;base64,{base64(PNG)}", "detail": "auto"},
                {"type": "input_image", "image_url": f"data:image/jpeg;base64,{base64(JPEG)}", "detail": "auto"},
                {
                    "type": "input_file",
                    "filename": "report.pdf",
                    "file_data": f"data:application/pdf;base64,{base64(PDF)}",
                },
                {"type": "input_text", "text": "What is the total??"},
            ],
        }
    ]


def test_messages_take_image_and_document_blocks() -> None:
    with Loopback(scripted(messages_reply("4"))) as server, connected(server, "anthropic") as provider:
        assert provider.complete(request(messages=MESSAGES)).text == "4"
        body = server.calls[0].body
    sources = [
        {"type": "base64", "media_type": kind, "data": base64(file)}
        for kind, file in (("image/png", PNG), ("image/jpeg", JPEG), ("application/pdf", PDF))
    ]
    assert body["messages"] == [
        {
            "role": "user",
            "content": [
                {"type": "image", "source": sources[0]},
                {"type": "image", "source": sources[1]},
                {"type": "document", "source": sources[2]},
                {"type": "text", "text": "What is the total??"},
            ],
        }
    ]


@pytest.mark.parametrize("kind", ["openai", "anthropic"])
def test_a_model_that_sees_no_images_is_one_failed_call_with_its_own_words(kind: str) -> None:
    refused = error_reply(400, "this model does not support image input")
    with (
        Loopback(scripted(refused)) as server,
        connected(server, kind) as provider,
        pytest.raises(CallFailedError, match="does not support image input") as raised,
    ):
        provider.complete(request(messages=MESSAGES))
    assert raised.value.kind == "request"
