"""Images and PDFs in the forms that the SDKs take."""

from base64 import b64encode
from collections.abc import Callable

from skillopt_ci.core.media import PDF, media_type
from skillopt_ci.core.task import Attachment
from skillopt_ci.core.texts import utf8
from skillopt_ci.core.trajectory import Message

Part = dict[str, object]


def chat_content(message: Message) -> str | list[Part]:
    """A message's content for OpenAI's chat completions: plain text without attachments."""
    return _content(message, _chat_part, "text")


def _chat_part(file: Attachment) -> Part:
    if media_type(file.data) == PDF:
        return {"type": "file", "file": {"filename": _name(file), "file_data": _data_url(file)}}
    return {"type": "image_url", "image_url": {"url": _data_url(file)}}


def responses_content(message: Message) -> str | list[Part]:
    """A message's content for OpenAI's responses: plain text without attachments."""
    return _content(message, _responses_part, "input_text")


def _responses_part(file: Attachment) -> Part:
    if media_type(file.data) == PDF:
        return {"type": "input_file", "filename": _name(file), "file_data": _data_url(file)}
    return {"type": "input_image", "image_url": _data_url(file), "detail": "auto"}


def anthropic_content(message: Message) -> str | list[Part]:
    """A message's content for Anthropic's messages: plain text without attachments."""
    return _content(message, _block, "text")


def _block(file: Attachment) -> Part:
    kind = media_type(file.data)
    source = {"type": "base64", "media_type": kind, "data": b64encode(file.data).decode("ascii")}
    return {"type": "document" if kind == PDF else "image", "source": source}


def _content(message: Message, part: Callable[[Attachment], Part], kind: str) -> str | list[Part]:
    text = utf8(message.content)
    return [*map(part, message.attachments), {"type": kind, "text": text}] if message.attachments else text


def _name(file: Attachment) -> str:
    return utf8(file.name.rpartition("/")[2])


def _data_url(file: Attachment) -> str:
    return f"data:{media_type(file.data)};base64,{b64encode(file.data).decode('ascii')}"
