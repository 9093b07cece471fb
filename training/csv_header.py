"""Whether the first line of a CSV names its columns, or looks like a row."""

from collections.abc import Sequence
from pathlib import Path

from training.errors import TrainingError


def row_names_error(path: Path, rows: Sequence[Sequence[str]], width: int) -> TrainingError:
    """The refusal of a file whose every row has one field more than its header."""
    names = [row[0] for row in rows]
    numbered = len(set(names)) == len(names)
    way = (
        "if the first one only numbers or names the row (R writes such files), say --index-column, which leaves it "
        "out; else name it in the header"
        if numbered
        else "name the column that the header leaves out, or put texts that hold the delimiter in quotes"
    )
    return TrainingError(
        f"{path} line 2 has {width + 1} fields, where its header names {width} columns, and so has every row: {way}."
    )


def check_header(path: Path, names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Refuse a first line that looks like a row: names that are numbers, or values of their own columns."""
    numbers = [name for name in names if _is_number(name)]
    found = [name for place, name in enumerate(names) if any(row[place] == name for row in rows)]
    in_sequence = numbers and all(name.strip().isdigit() for name in numbers)
    if in_sequence:  # 0, 1, 2 of a saved array, or years
        whole = [int(name) for name in numbers]
        in_sequence = whole == list(range(whole[0], whole[0] + len(whole)))
    suspect = set(found) - set(numbers) if in_sequence else {*numbers, *found}
    likely = sum(name in suspect for name in names)
    if not suspect or (2 * likely < len(names) if suspect & set(numbers) else likely < len(names)):
        return
    raise TrainingError(
        f"{path} seems to have no header: its first line, {_shown(names)}, looks like a row. Say --no-header, which "
        f"names the columns column_1 to column_{len(names)} (and --target one of these), or --header if these are "
        "the names."
    )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text.strip().lower() not in ("nan", "inf", "infinity")


def _shown(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:4])) + (", ..." if len(names) > 4 else "")
