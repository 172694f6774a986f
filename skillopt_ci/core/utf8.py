"""Text of strangers, made fit to be sent and stored."""


def utf8(text: str) -> str:
    """The text with lone surrogates replaced: JSON can escape them, but no request, file or database can hold them."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
