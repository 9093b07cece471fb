"""A moment as answers, records and manifests write it: UTC, ISO 8601, milliseconds, ``Z``. Sorts as text."""

from datetime import UTC, datetime


def isoformat(moment: datetime) -> str:
    """An aware moment, such as ``2026-01-31T23:59:59.001Z``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
