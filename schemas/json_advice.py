"""What to send instead of a body that is no JSON: the mistakes that clients make, each told by what stands there."""

import codecs
import re
from typing import Final

import orjson

_NO_JSON_NUMBER: Final = re.compile(r"-?(nan|inf(inity)?)\b", re.IGNORECASE)
_PYTHON_WORD: Final = re.compile(r"(True|False|None)\b")
_OTHER_UNICODE: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)
_NULLS: Final = "send null instead (of a pandas frame: df.astype(object).where(df.notna(), None).to_dict('records'))"


def advice(body: bytes, error: orjson.JSONDecodeError) -> str:
    """The end of a sentence about ``body``: a colon and what to do, or nothing where nothing better is known."""
    if body.startswith(codecs.BOM_UTF8):
        return ": it begins with a byte order mark; send UTF-8 without one"
    if body.startswith(_OTHER_UNICODE) or b"\0" in body[:4]:
        return ": it is UTF-16 or UTF-32; send UTF-8"
    if not _is_utf8(body):
        return ": it is not UTF-8"
    text, place = error.doc, error.pos
    # orjson may point behind a sign
    if found := _NO_JSON_NUMBER.match(text, place) or _NO_JSON_NUMBER.match(text, max(0, place - 1)):
        return f": {'NaN' if 'nan' in found[0].lower() else 'Infinity'} is no JSON value, {_NULLS}"
    if text.startswith("'", place):
        return ": strings and names stand in double quotes (json.dumps of Python writes them)"
    if _PYTHON_WORD.match(text, place):
        return ": JSON has true, false and null (json.dumps of Python writes them)"
    if "infinity" in error.msg:
        return ": the number is too large for a double"
    if "trailing comma" in error.msg:
        return ": nothing follows this comma"
    return ""


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True
