"""Small things that are done to text in many places."""

SECRET_MIN = 6
"""Characters of the shortest secret that is taken out of texts: a shorter one is a dummy, and a part of many words."""


def utf8(text: str) -> str:
    """The text with lone surrogates replaced: JSON can escape them, but no request, file or database can hold them."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def lf(text: str) -> str:
    """The text with line feeds alone as line ends."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def folded(text: str) -> str:
    """The text as it is compared where neither case nor spaces count."""
    return " ".join(text.casefold().split())


def plural(number: int, noun: str) -> str:
    """`1 run`, `1,200 runs`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
