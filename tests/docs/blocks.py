"""The blocks of a page, and whether an output is the one that the page shows.

A ``text`` or ``json`` block is the output of the block before it. A line ``...`` stands for any lines, and what is new
in each run (ids, times, users, seconds) counts as equal.
"""

import re
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
VARIES = (
    (re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}"), "ID"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?Z?"), "TIME"),
    (re.compile(r"\d{4}-\d\d-\d\d"), "DATE"),
    (re.compile(r"[\w.-]+@[\w.-]+"), "USER"),
    (re.compile(r"\b\d+(\.\d+)? s\b"), "SECONDS"),
    (re.compile(r"\"worker\": ?\d+"), "WORKER"),
    (re.compile(r"\s+"), " "),
)


@dataclass
class Block:
    """A fenced block of a page."""

    language: str
    text: str
    line: int

    @property
    def runs(self) -> bool:
        """Whether it is something to type."""
        return self.language in ("bash", "python")

    @property
    def serves(self) -> bool:
        """Whether it starts a server that goes on running."""
        return self.language == "bash" and re.search(r"^(\w+=\S+ )*gunicorn ", self.text, re.MULTILINE) is not None


def blocks_of(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    text = page.read_text()
    return [Block(one[1], one[2], text[: one.start()].count("\n") + 1) for one in FENCE.finditer(text)]


def pattern_of(shown: str) -> re.Pattern[str]:
    """What an output must match in full to be the one that a page shows."""
    lines = ["(.*\n)*" if line == "..." else re.escape(_common(line)) + "\n" for line in shown.splitlines()]
    return re.compile("".join(lines))


def _common(line: str) -> str:
    for varies, name in VARIES:
        line = varies.sub(name, line)
    return line.rstrip()


def matches(shown: str, output: str) -> bool:
    """Whether the output is the one that is shown."""
    return pattern_of(shown).fullmatch("".join(_common(line) + "\n" for line in output.splitlines())) is not None
