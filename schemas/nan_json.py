"""JSON as Python's own writer writes it: the literal NaN, which no JSON has, is read as null.

Clients of MLflow and Triton send it for a missing number. Everything else is as strict as ``schemas.reader.parse``.
"""

import re
from typing import Any

from schemas.errors import MalformedBody
from schemas.reader import parse, parse_exactly

_NAN = re.compile(rb'"(?:[^"\\]|\\.?)*+"?|\bNaN\b', re.DOTALL)
"""A string, which is passed over, closed or not; or NaN. It never goes back, so it is linear."""


def parse_with_nan(body: bytes) -> Any:
    """The document, with exact integers.

    Raises:
        MalformedBody: it is not valid JSON, NaN aside.
    """
    try:
        parsed = parse(body)
    except MalformedBody:
        if b"NaN" not in body:
            raise
        body = _NAN.sub(lambda found: b"null" if found[0] == b"NaN" else found[0], body)
        parsed = parse(body)
    return parse_exactly(body, parsed)
