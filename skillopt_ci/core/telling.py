"""What of a text tells where it comes from: runs of words, names, numbers; and what any text may have."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from types import MappingProxyType

RUN = 6  # words in a row that no two authors write alike by chance
SHORT = 3  # words of a short text that are compared as a whole; two tell something when one is a name or a number
_WORD = re.compile(r"[^\W_]+")
_YEAR, _ROUND = re.compile("(?:19|20)[0-9]{2}"), re.compile("[0-9]{1,2}0{2,}")
_TOKEN = re.compile(r"[^\W_]+(?:[-./@_][^\W_]+)*")
_JOINT = re.compile(r"([-./@_])")
_THOUSANDS = re.compile(r"(?<=\d)[,.' ’_٬](?=\d{3}(?!\d))")
_DECIMAL = re.compile(r"(?<![\d.,٫])\d+[.,٫]\d+(?![\d٫]|[.,]\d)")
# A number written in one with its unit or currency: 450kg, EUR1249.50. No ordinal or time is, no word with a digit (as
# 3D has), and no code: KX88213.
_GLUED = re.compile(
    r"(?<![^\W_])(?:\d{2,}|(?<=\d[.,])\d)(?!(?:st|nd|rd|th|am|pm)\b)(?=[^\W\d_]+(?![^\W_]))"
    r"|\b(?:eur|usd|gbp|chf|jpy|cad|aud)(?=\d)",
    re.IGNORECASE,
)
# Dates as English and German write them; those with strokes may be read in two ways.
_MONTHS = MappingProxyType(
    {
        **{name: at for at, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)},  # noqa: SIM905 - words
        **{"mai": 5, "okt": 10, "dez": 12},
    }
)
_MONTH = rf"({'|'.join(_MONTHS)})[a-z]*\.?"
_DATE = re.IGNORECASE | re.ASCII  # else a dotless i would be one of the months' letters
_DAY_FIRST = re.compile(
    rf"\b(\d{{1,2}})(?:(?:st|nd|rd|th|\.)?\s+(?:of\s+)?{_MONTH},?\s+|\.(\d{{2}})\.)(\d{{4}})\b", _DATE
)
_MONTH_FIRST = re.compile(rf"\b{_MONTH}\s+(\d{{1,2}})(?:st|nd|rd|th)?,?\s+(\d{{4}})\b", _DATE)
_MARKS = re.compile("[\u0300-\u036f]")  # accents of Latin, Greek and Cyrillic letters
_OTHER_DIGIT = re.compile(r"[^\D0-9]")
_SIGN = re.compile(r"\w+|[^\w\s]")
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3041-\u30ff\u3400-\u9fff\uf900-\ufaff]")
_STARTS = re.compile(r"(?:^|[.!?]\s|\n)[\s\W]*$")
# Words that look like names and are none of a task's own; answers that any task may have.
_GENERAL = frozenset(
    """a an and any api csv date english eur error false french gbp german html http https i id ids iso italian json jpy
    latin markdown na n no none not null number ok or pdf question answer response section sql spanish title total true
    unavailable undefined unknown url usd utc utf utf-8 xml yaml yes stated found given available applicable mentioned
    specified provided empty missing monday tuesday wednesday thursday friday saturday sunday january february
    march april may june july august september october november december high medium low input output task user
    yyyy mm dd unicode ascii iso-8601 summary sources source note notes""".split()  # noqa: SIM905 - words
)
# Programs that anybody has: no names, though one may be an answer ("Which language is it in?").
_PROGRAMS = frozenset(
    """docker excel git github gitlab java javascript linux macos makefile outlook powerpoint python readme typescript
    unix windows word""".split()  # noqa: SIM905 - words
)
# What files are called that are no task's own: report-2.pdf, docker-compose.yml.
_FILES = _PROGRAMS | frozenset(
    """app base book changelog commit common compose conf config contributing data dev doc dockerfile docs document env
    file image img index init invoice letter license lock log mail main memo message package page photo pre prod project
    report requirements results scan screenshot script settings setup sheet skill table tasks test text util utils
    version workbook""".split()  # noqa: SIM905 - words
)
_FILE = re.compile(r"(.+)\.[a-z]{1,4}\d?")
# The tenth, a time of day, from ten to fifteen: numbers as any text writes them.
_COUNTED = re.compile(r"\d{1,2}(?:st|nd|rd|th|am|pm)|\d{1,2}-\d{1,2}", re.IGNORECASE)
# A number with its fraction, or a date, that is no part of a code.
_AMOUNT = re.compile(r"(?<![^\W_])(?<![^\W_]-)\d+(?:[-./,:٫]\d+)*(?![^\W_]|-[^\W_])")
_UNIT = 2  # words beside a number that are no more than its unit
# German is the one widespread language that writes its nouns like names.
_GERMAN = frozenset({"der", "die", "das", "und", "ist", "nicht", "ein", "eine", "für", "mit", "von", "wird", "sich"})
_GERMAN_SHARE = 0.06


def normal(text: str) -> str:
    """One form of every character, without accents; digits of any script are those of this line: 0 to 9."""
    if text.isascii():
        return text
    bare = unicodedata.normalize("NFC", _MARKS.sub("", unicodedata.normalize("NFKD", text)))
    return _OTHER_DIGIT.sub(lambda m: str(unicodedata.decimal(m[0])), bare)


def words(text: str) -> tuple[str, ...]:
    """Words and numbers in one form: lower case, 2.5 for 2.50.

    Without the ending of "names", as rubrics say what is done and skills what to do.
    """
    numbers = _figures(text).casefold()
    return tuple(map(_base, _WORD.findall(_DECIMAL.sub(lambda m: m[0].rstrip("0"), numbers))))


def _figures(text: str) -> str:
    """The text with its numbers in one form: 450 kg for 450kg, 1250 for 1,250, 2026-04-17 for 17 April 2026."""
    plain = _DAY_FIRST.sub(lambda m: _iso(m[4], m[2] or m[3], m[1]), normal(text))
    plain = _MONTH_FIRST.sub(lambda m: _iso(m[3], m[1], m[2]), plain)
    return _GLUED.sub(r"\g<0> ", _THOUSANDS.sub("", plain))


def _iso(year: str, month: str, day: str) -> str:
    return f"{year}-{int(_MONTHS.get(month.lower(), month)):02}-{int(day):02}"


def _base(word: str) -> str:
    if len(word) <= 3 or not word.endswith("s") or word.endswith("ss"):
        return word
    return word[:-3] + "y" if word.endswith("ies") else word[:-2] if word.endswith("sses") else word[:-1]


def characters(text: str) -> tuple[str, ...]:
    """Characters of scripts that put no space between words."""
    return tuple(_UNSPACED.findall(normal(text)))


def signs(text: str) -> tuple[str, ...]:
    """Words as they are written, and every other sign."""
    return tuple(_SIGN.findall(normal(text)))


def tokens(text: str) -> list[str]:
    """Words, with what is written in one with them: INV-0042, Thread.Abort."""
    return _TOKEN.findall(normal(text))


def parts(token: str) -> Iterable[str]:
    """A token, and up to three words of it as one: Marlow of Marlow-type, KX-88213 of x/KX-88213."""
    split = _JOINT.split(token)  # words and, between them, their signs
    joined = ("".join(split[at : at + size]) for size in (1, 3, 5) for at in range(0, len(split) - size + 1, 2))
    return dict.fromkeys((token, *joined))


def grams(items: tuple[str, ...], size: int) -> Iterator[tuple[str, ...]]:
    """All runs of that size."""
    return (items[at : at + size] for at in range(len(items) - size + 1))


def pieces(items: tuple[str, ...], size: int) -> Iterable[tuple[str, ...]]:
    """All runs of that size; the whole where it is shorter."""
    return [items] if 0 < len(items) <= size else grams(items, size)


def is_german(texts: Iterable[str]) -> bool:
    """Whether capital letters tell nothing in these texts, as nouns have them."""
    said = [w for text in texts for w in _WORD.findall(text.casefold())]
    return sum(w in _GERMAN for w in said) > _GERMAN_SHARE * len(said)


def general(said: tuple[str, ...]) -> bool:
    """What any answer may be: yes, n/a."""
    return all(w in _GENERAL for w in said)


def telling(text: str, *, nouns: bool = False) -> Iterable[tuple[str, ...]]:
    """Word sequences of a hidden text that are no accident; one word keeps its case.

    `nouns` is for languages in which every noun has a capital letter.
    """
    said = words(text)
    if all(w in _GENERAL or w.isdigit() for w in said) and sum(map(str.isdigit, normal(text))) < 4:
        return []
    if len(said) == 1 and _is_plain_number(said[0]):
        return []
    whole = normal(text).strip()
    if len(said) == 1 and not said[0].isdigit():
        return [(whole,)] if is_name(whole, nouns=nouns) else []
    # A code is read with its signs and without them.
    mixed = any(map(str.isalpha, whole)) and any(map(str.isdigit, whole))
    code = [(whole,)] if mixed and is_name(whole) else []
    if len(said) >= SHORT or all(w.isdigit() for w in said):
        return [*code, *pieces(said, RUN)]
    named = [is_name(token, nouns=nouns) for token in _TOKEN.findall(_figures(whole))]
    return [*code, said] if any(named) or _two_names(text) else []


def told_inside(text: str, *, nouns: bool = False) -> set[tuple[str, ...]]:
    """What of a longer answer tells it by itself, as `telling` does: its numbers, codes and names.

    Of an answer that is nothing but names each word is one, also the first.
    """
    said = _TOKEN.findall(normal(text))
    if len(said) < 2:
        return set()
    own = names(text, nouns=nouns) | {token for token in said if _is_code(token)}
    if len(said) <= SHORT and all(is_name(token, nouns=nouns) for token in said):
        own.update(said)
    found = {gram for token in own if not _COUNTED.fullmatch(token) for gram in telling(token, nouns=nouns)}
    return found | {gram for number in _amounts(text) for gram in telling(number)}


def amount(text: str) -> str | None:
    """The number of an answer that is one with its unit: 43 of "43 boats"; None for any other answer."""
    found = _amounts(text)
    others = [word for word in _WORD.findall(_figures(text)) if not word.isdigit()]
    return found[0] if len(found) == 1 and 0 < len(others) <= _UNIT and not any(map(_has_digit, others)) else None


def _amounts(text: str) -> list[str]:
    """The numbers in a text, without what stands between their thousands, and its dates."""
    found = _AMOUNT.findall(_figures(text))
    return [number for number in found if not _COUNTED.fullmatch(number)]


def _is_code(token: str) -> bool:
    return _has_digit(token) and any(map(str.isalpha, token)) and is_name(token)


def _has_digit(word: str) -> bool:
    return any(map(str.isdigit, word))


def _is_plain_number(word: str) -> bool:
    """A year or a round number: any text may have it as a limit, so it leaks as short answers do."""
    return word.isdigit() and (_YEAR.fullmatch(word) is not None or _ROUND.fullmatch(word) is not None)


def is_name(token: str, *, nouns: bool = False) -> bool:
    """A capitalised word, a code of letters and digits, or a long number; not what any text may have."""
    if token.isalpha() and not token[0].isupper():
        return False
    if not _TOKEN.fullmatch(token) or _COUNTED.fullmatch(token) or _is_familiar(token):
        return False
    digits = sum(c.isdigit() for c in token)
    letters = sum(c.isalpha() for c in token)
    if digits:
        return len(token) >= 4 if letters else digits >= 4
    if nouns and token[1:].islower():
        return False
    return letters >= 3 and token[0].isupper() and not (token.isupper() and letters <= 4)


def _is_familiar(token: str) -> bool:
    """A word that is no task's own, or a file of such a name: README.md."""
    file = _FILE.fullmatch(token)
    plain = token.casefold()
    return plain in _GENERAL or plain in _PROGRAMS or (file is not None and file[1].casefold() in _GENERAL | _FILES)


def name(token: str) -> str:
    """One form of a name: KX-88213 is kx88213, MARLOW is Marlow; plain words keep their case."""
    if any(c.isdigit() for c in token) and any(c.isalpha() for c in token):
        return re.sub(r"[^\w]|_", "", token).casefold()
    return token.capitalize() if token.isupper() and len(token) > 3 else token


def names(text: str, *, nouns: bool = False) -> set[str]:
    """Names in a text, those aside that only begin a sentence."""
    plain = normal(text)
    return {
        m.group()
        for m in _TOKEN.finditer(plain)
        if is_name(m.group(), nouns=nouns) and not m.group().isdigit() and not _starts_sentence(plain, m.start())
    }


def file_names(text: str) -> set[str]:
    """Names of files that few others would have, with and without their endings: lantern_q3.csv, no report-2.pdf."""
    files = filter(None, (_FILE.fullmatch(token.rpartition("/")[2]) for token in tokens(text)))
    return {said for file in files if _is_own(file[1]) for said in (file[0], file[1])}


def _is_own(stem: str) -> bool:
    parts = re.findall(r"[^\W\d_]+|\d+", stem)
    known = all(part.isdigit() or part.casefold() in _GENERAL | _FILES for part in parts)
    return not known and (len(parts) > 1 or is_name(stem))


def full_names(text: str) -> set[tuple[str, ...]]:
    """Two capitalised words in a row, not at the beginning of a sentence: where nouns have capitals, too, a name."""
    plain = normal(text)
    found = re.finditer(r"\b[^\W\d_]+(?= ([^\W\d_]+))", plain)
    pairs = ((m.start(), f"{m.group()} {m.group(1)}") for m in found)
    return {words(pair) for at, pair in pairs if _two_names(pair) and not _starts_sentence(plain, at)}


def _two_names(text: str) -> bool:
    both = text.split()
    return len(both) == 2 and all(is_name(token) for token in both)


def _starts_sentence(text: str, at: int) -> bool:
    return _STARTS.search(text[max(0, at - 12) : at]) is not None if at else True
