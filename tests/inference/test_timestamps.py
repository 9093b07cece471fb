"""One way to write a point in time."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from inference.timestamps import isoformat, isoformat_unix


def test_a_time_of_another_zone_is_written_in_utc_with_milliseconds():
    assert isoformat(datetime(2026, 2, 1, 1, 59, 59, 1999, timezone(timedelta(hours=2)))) == "2026-01-31T23:59:59.001Z"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "1970-01-01T00:00:00.000Z"), (1769903999.001, "2026-01-31T23:59:59.001Z")]
)
def test_unix_time_is_written_the_same_way(seconds, text):
    assert isoformat_unix(seconds) == text


@given(st.floats(0, 2**33))
@example(1769903999.9999998)
@example(1769903999.0009995)
def test_unix_time_and_its_datetime_have_the_same_text(seconds):
    assert isoformat_unix(seconds) == isoformat(datetime.fromtimestamp(seconds, UTC))
