"""Numbers as people write them: currency, percent, marks between thousands, negative ones in brackets."""

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

import pandas as pd

_MONEY = (
    r"(?:[A-Z]{0,3}[$€£¥₹₽₩₺฿]|(?:USD|EUR|GBP|CHF|JPY|CNY|INR|CAD|AUD|NZD|SEK|NOK|DKK|PLN|CZK|HUF|BRL|ZAR|Rs\.?|kr\.?))"
)
_MINUS = "[-\N{MINUS SIGN}]"
_SPACES = " \N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}\N{THIN SPACE}"


@dataclass(frozen=True, slots=True)
class Numbers:
    """A column's ``values`` (Float64), and how its texts were read, such as ``'$1,200' is read as 1200``."""

    values: "pd.Series[Any]"
    reading: str


@dataclass(frozen=True, slots=True)
class _Number:
    value: float
    unit: str
    marked: bool


def read_numbers(column: "pd.Series[Any]", decimal: str = ".") -> Numbers | None:
    """The numbers of a column of texts which all have one of these forms; None where they do not, or are plain.

    A percentage keeps its number: 51.2% is 51.2. All of a column must have the same unit; money may lack it.
    """
    present = column.dropna()
    if {type(cell) for cell in present} != {str}:
        return None
    texts = present.unique().tolist()
    found: dict[str, _Number] = {}
    for text in texts:
        number = _number(text, decimal)
        if number is None:
            return None
        found[text] = number
    units = {number.unit for number in found.values()}
    if "%" in units or "‰" in units:
        if len(units) > 1:
            return None
    elif len(units - {""}) > 1:
        return None
    shown = next((text for text in texts if found[text].unit or found[text].marked), None)
    if shown is None:
        return None
    values = column.astype(object).map({text: number.value for text, number in found.items()}).astype("Float64")
    return Numbers(values, f"{shown!r} is read as the number {found[shown].value:.15g}, which is what a client sends")


def _number(text: str, decimal: str) -> _Number | None:
    match = _pattern(decimal).fullmatch(text.strip())
    if match is None or (match["open"] is None) != (match["close"] is None):
        return None
    if match["before"] and match["after"]:
        return None
    digits = match["digits"]
    mark = re.sub(rf"[\d{re.escape(decimal)}]", "", digits)
    plain = re.sub(rf"[^\d{re.escape(decimal)}]", "", digits).replace(decimal, ".")
    negative = bool(match["open"] or _is_minus(match["sign"]) or _is_minus(match["inner"]))
    unit = match["before"] or match["after"] or ""
    return _Number(-float(plain) if negative else float(plain), unit, bool(mark or match["open"]))


def _is_minus(sign: str | None) -> bool:
    return sign is not None and sign != "+"


@cache
def _pattern(decimal: str) -> re.Pattern[str]:
    """Of a number with this decimal mark; an apostrophe, a space, or the other mark stands between thousands."""
    point, other = re.escape(decimal), "," if decimal == "." else r"\."
    grouped = "|".join(
        rf"[1-9]\d{{0,2}}(?:{mark}\d{{3}})+" for mark in (other, "['\N{RIGHT SINGLE QUOTATION MARK}]", f"[{_SPACES}]")
    )
    lakh = rf"[1-9]\d?(?:{other}\d\d)+{other}\d{{3}}"
    digits = rf"(?:(?:{grouped}|{lakh}|\d+)(?:{point}\d*)?|{point}\d+)"
    return re.compile(
        rf"(?P<open>\()?(?P<sign>{_MINUS}|\+)?\s?(?P<before>{_MONEY})?\s?(?P<inner>{_MINUS}|\+)?(?P<digits>{digits})"
        rf"\s?(?P<after>{_MONEY}|%|‰)?(?P<close>\))?"
    )


def different_units(column: "pd.Series[Any]", decimal: str = ".") -> tuple[str, str] | None:
    """Two texts of the column that are numbers of different units, such as $5 and €5; None where there are none."""
    seen: dict[str, str] = {}
    for text in column.dropna().unique().tolist():
        number = _number(text, decimal) if isinstance(text, str) else None
        if number is None:
            return None
        seen.setdefault(number.unit, text)
    if len(seen) < 2:
        return None
    first, second = list(seen.values())[:2]
    return first, second
