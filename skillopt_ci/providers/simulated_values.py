"""Dates and amounts as the simulated target reads and writes them."""

import re
from dataclasses import dataclass

_MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
           "november", "december")  # fmt: skip
_MONTH = "(" + "|".join(f"{m[:3]}(?:{m[3:]})?" for m in _MONTHS) + r")\.?"
_DAY_FIRST = re.compile(rf"(\d{{1,2}})(?:st|nd|rd|th)?\.? (?:of )?{_MONTH},? (\d{{4}})", re.IGNORECASE)
_MONTH_FIRST = re.compile(rf"{_MONTH} (\d{{1,2}})(?:st|nd|rd|th)?,? (\d{{4}})", re.IGNORECASE)
_ISO = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
_DIGITS = re.compile(r"(\d{1,2})[./](\d{1,2})[./](\d{4})")
_SYMBOLS = {"€": "EUR", "$": "USD", "£": "GBP", "¥": "JPY", "₹": "INR"}
_WORDS = {"euro": "EUR", "euros": "EUR", "dollars": "USD", "us dollars": "USD", "pounds": "GBP", "yen": "JPY"}
_CODES = r"(?:EUR|USD|GBP|CHF|JPY|CNY|INR|SEK|NOK|DKK|PLN|CZK|HUF|CAD|AUD|NZD|ZAR|BRL|MXN)"
_UNIT = rf"[€$£¥₹]|{_CODES}|euros?|(?:US )?dollars|pounds|yen"
_AMOUNT = re.compile(rf"(?P<before>{_UNIT})?\s?(?P<number>-?\d[\d.,' ]*\d|-?\d)\s?(?P<after>{_UNIT})?")
DATE_ANYWHERE = re.compile("|".join(re.sub(r"(?<!\\)\((?!\?)", "(?:", p.pattern) for p in (
    _DAY_FIRST, _MONTH_FIRST, _ISO, _DIGITS)), re.IGNORECASE)  # fmt: skip
NUMBER_ANYWHERE = re.compile(rf"(?:[€$£¥₹]|\b{_CODES} )?\d(?:[\d.,]*\d)?(?: ?(?:€|%|{_CODES}\b))?")


@dataclass(frozen=True, slots=True)
class Format:
    """How values are to be written; an empty date pattern leaves dates as they stand."""

    date: str = ""
    plain: bool = False
    currency: bool = False
    decimals: bool = False
    round: bool = False


def written(value: str, form: Format) -> str:
    """A value in the wanted format; what is no date and no amount stays as it is."""
    day = _date(value)
    if day is not None:
        year, month, number = day
        if not form.date:
            return value
        return form.date.replace("YYYY", f"{year:04d}").replace("MM", f"{month:02d}").replace("DD", f"{number:02d}")
    if form.currency and value in _SYMBOLS:
        return _SYMBOLS[value]
    amount = _AMOUNT.fullmatch(value)
    return value if amount is None else _amount(amount, form)


def _date(value: str) -> tuple[int, int, int] | None:
    """(year, month, day) of a text that is a date and nothing else."""
    if match := _DAY_FIRST.fullmatch(value):
        return int(match[3]), _month(match[2]), int(match[1])
    if match := _MONTH_FIRST.fullmatch(value):
        return int(match[3]), _month(match[1]), int(match[2])
    if match := _ISO.fullmatch(value):
        return int(match[1]), int(match[2]), int(match[3])
    if match := _DIGITS.fullmatch(value):
        first, second = int(match[1]), int(match[2])
        return (int(match[3]), first, second) if second > 12 else (int(match[3]), second, first)
    return None


def _month(name: str) -> int:
    return [m[:3] for m in _MONTHS].index(name.lower()[:3]) + 1


def _amount(match: re.Match[str], form: Format) -> str:
    number = match["number"].replace(" ", "").replace("'", "")
    unit = match["before"] or match["after"] or ""
    if not unit and re.fullmatch(r"\d+", number):
        return match.group()
    whole, mark, part = _parts(number)
    if form.round and part:
        whole, mark, part = str(int(whole) + (int(part[0]) >= 5)), "", ""
    if form.decimals:
        mark, part = ".", (part + "00")[:2]
    if form.plain or form.round or form.decimals:
        number = whole + (mark and "." + part)
    if form.currency and unit:
        return f"{number} {_code(unit)}"
    if form.plain:
        return f"{number} {unit}" if len(unit) == 3 and match["after"] else number
    return match.group().replace(match["number"], number)


def _parts(number: str) -> tuple[str, str, str]:
    """(whole, mark, decimals): the last separator is the decimal one unless three digits stand behind it."""
    match = re.fullmatch(r"(.*)([.,])(\d+)", number)
    if match is None:
        return number, "", ""
    head, mark, tail = match.groups()
    thousands = len(tail) == 3 and not (mark == "." and head == "0")
    if thousands:
        return re.sub(r"[.,]", "", number), "", ""
    return re.sub(r"[.,]", "", head), mark, tail


def _code(unit: str) -> str:
    return _SYMBOLS.get(unit) or _WORDS.get(unit.lower()) or unit
