"""What the simulated target sees of an image: nothing but the description that a PNG carries.

A PNG may hold text beside its pixels (chunks `tEXt` and `iTXt`, PNG specification, 11.3.3). Demos write there what a
person would read off the image, so that tasks about images can be played without a model.
"""

from collections.abc import Iterable, Iterator

from skillopt_ci.core.task import Attachment

_HEAD = 8
_KEYWORD = b"Description"


def seen(files: Iterable[Attachment]) -> str:
    """The descriptions of images, each after a blank line; empty when there is none."""
    return "".join(f"\n\n{text}" for file in files for text in descriptions(file.data))


def descriptions(png: bytes) -> Iterator[str]:
    """The texts of a PNG's uncompressed `Description` chunks, in order; other bytes have none."""
    if not png.startswith(b"\x89PNG\r\n\x1a\n"):
        return
    at = _HEAD
    while at + 12 <= len(png):
        length, kind = int.from_bytes(png[at : at + 4], "big"), png[at + 4 : at + 8]
        keyword, _, rest = png[at + 8 : at + 8 + length].partition(b"\0")
        if keyword == _KEYWORD and kind == b"tEXt":
            yield rest.decode("latin-1")
        elif keyword == _KEYWORD and kind == b"iTXt" and rest[:2] == b"\0\0":
            yield rest[2:].split(b"\0", 2)[-1].decode("utf-8", "replace")
        at += 12 + length
