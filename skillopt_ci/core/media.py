"""Attachments that are sent as they are: what they are, told by their content, and how large they may be."""

from collections.abc import Sequence

from skillopt_ci.core.task import Attachment

PDF = "application/pdf"
# What every provider takes: Anthropic refuses images of over 5 MiB in base64 and requests of over 32 MB.
MAX_IMAGE_BYTES = 5 * 1024 * 1024 * 3 // 4
MAX_TOTAL_BYTES = 20 * 1024 * 1024
# Tokens: what a page costs with today's models, and the most that the dearest of them counts for an image.
USUAL_TOKENS = 1_600
MOST_IMAGE_TOKENS = 50_000
_PDF_START = 1024
_BEFORE_PDF = b"\xef\xbb\xbf \t\r\n\0"  # what may stand before the mark and is no text that speaks of it


def media_type(data: bytes) -> str | None:
    """The type of an image (PNG, JPEG, GIF, WebP) or PDF by its first bytes; None for anything else."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return PDF if data[:_PDF_START].lstrip(_BEFORE_PDF).startswith(b"%PDF-") else None


def text_of(data: bytes) -> str | None:
    """The content as text; None when it is an image, a PDF or no UTF-8."""
    if media_type(data) is not None:
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None


def cannot_be_sent(files: Sequence[Attachment]) -> str | None:
    """Why direct chat cannot send one of these attachments; None when all is well."""
    total = 0
    for file in files:
        kind = media_type(file.data)
        if kind is None and text_of(file.data) is None:
            return (
                f"attachment '{file.name}' is no UTF-8 text, no image (PNG, JPEG, GIF, WebP) and no PDF; "
                "chat sends nothing else"
            )
        if kind is None:
            continue
        size = len(file.data)
        if kind != PDF and size > MAX_IMAGE_BYTES:
            return (
                f"attachment '{file.name}' has {size:,} bytes; an image may have {MAX_IMAGE_BYTES:,}: make it smaller"
            )
        total += size
    if total > MAX_TOTAL_BYTES:
        return f"the images and PDFs have {total:,} bytes together; {MAX_TOTAL_BYTES:,} may be sent with one task"
    return None


def usual_tokens(file: Attachment) -> int:
    """About what an attachment costs in input tokens: for plans."""
    return -(-len(file.data) // 4) if media_type(file.data) is None else USUAL_TOKENS


def most_tokens(file: Attachment) -> int:
    """The most input tokens an image or PDF can be counted as: of a PDF no page count is known without reading it."""
    return len(file.data) if media_type(file.data) == PDF else MOST_IMAGE_TOKENS
