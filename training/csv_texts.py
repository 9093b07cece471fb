"""What a CSV file's cells say before they are read as values: digits that begin with 0, and words that mean null."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import IO, Any

import pandas as pd

from training.csv_layout import Dialect, Layout

CHUNK = 100_000
_LEADING_ZERO = re.compile(r"\s*0\d+\s*")
Part = tuple[Layout, Callable[[], IO[str]]]


def look_again(
    frames: Sequence[pd.DataFrame], parts: Sequence[Part], dialect: Dialect
) -> tuple[set[str], dict[str, str]]:
    """The columns that were read as integers but are texts, and notes on columns, by name.

    Digits such as 00005 are a text: a code, whose zeros an integer would lose. A note tells which words of a column of
    texts were read as null.
    """
    names = list(frames[0].columns)
    digits = {name for name in names if any(pd.api.types.is_integer_dtype(frame[name].dtype) for frame in frames)}
    gaps = {name for name in names if any(_is_text_with_nulls(frame[name]) for frame in frames)}
    codes: dict[str, str] = {}
    words: dict[str, Counter[str]] = {name: Counter() for name in gaps}
    for layout, start in parts:
        _scan(layout, start, dialect, digits, gaps, codes, words)
    notes = {name: f"{text!r} begins with 0, so it is a code and no number" for name, text in codes.items()}
    for name, counter in words.items():
        if counter:
            told = ", ".join(f"{text!r} ({count} times)" for text, count in counter.most_common(3))
            notes[name] = f"{told} is read as null; --na '' keeps such words as texts"
    return set(codes), notes


def _is_text_with_nulls(column: "pd.Series[Any]") -> bool:
    return pd.api.types.is_string_dtype(column.dtype) and bool(column.isna().any()) and bool(column.notna().any())


def _scan(
    layout: Layout,
    start: Callable[[], IO[str]],
    dialect: Dialect,
    digits: set[str],
    gaps: set[str],
    codes: dict[str, str],
    words: dict[str, Counter[str]],
) -> None:
    places = [place for name, place in zip(layout.names, layout.places, strict=True) if name in digits | gaps]
    names = [name for name in layout.names if name in digits | gaps]
    if not places:
        return
    with closing(start()) as handle:
        chunks = pd.read_csv(
            handle,
            sep=dialect.delimiter_of(layout.path),
            header=None,
            names=range(layout.width),
            usecols=places,
            index_col=False,
            dtype="str",
            keep_default_na=False,
            chunksize=CHUNK,
        )
        for chunk in chunks:
            chunk.columns = pd.Index(names)
            for name in names:
                if name in gaps:
                    empty = chunk[name].str.strip() == ""
                    null = chunk[name][~empty & _nulls(chunk[name], dialect)]
                    words[name].update(null.tolist())
                elif name not in codes:
                    found = chunk[name][
                        chunk[name].str.startswith("0") & chunk[name].str.fullmatch(_LEADING_ZERO.pattern)
                    ]
                    codes.update({name: found.iloc[0]} if len(found) else {})


def _nulls(column: "pd.Series[Any]", dialect: Dialect) -> "pd.Series[Any]":
    """Which cells mean null."""
    known = set(dialect.missing) | (set(dialect.na) if dialect.na is not None else STANDARD)
    return column.isin(known)


STANDARD = frozenset(
    ("#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA", "NULL",
     "NaN", "None", "n/a", "nan", "null")
)  # fmt: skip
"""Words that pandas reads as null, as its documentation lists them."""
