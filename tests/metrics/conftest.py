"""Settings by keyword, and Prometheus text as numbers."""

from collections.abc import Callable

import pytest

from service.settings import Settings


@pytest.fixture
def make_settings() -> Callable[..., Settings]:
    """Settings from keyword arguments named like the attributes."""
    return lambda **values: Settings.read({name.upper(): str(value) for name, value in values.items()})


@pytest.fixture
def samples() -> Callable[[bytes | str], dict[str, float]]:
    """Prometheus text without bucket rows as ``name{label="value"}`` to value."""

    def read(text: bytes | str) -> dict[str, float]:
        lines = (text.decode() if isinstance(text, bytes) else text).splitlines()
        pairs = (line.rsplit(" ", 1) for line in lines if line and line[0] != "#" and "_bucket" not in line)
        return {name: float(value) for name, value in pairs}

    return read
