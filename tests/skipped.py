"""The end of `make test`: which tests were skipped and why, and the command that installs what they need.

A skip reason names what is missing as ``(Debian package NAME)``, ``(Python package NAME)`` or ``(npm package NAME)``.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

INSTALLERS = {
    "Debian": "apt-get install -y",
    "Python": ".venv/bin/pip install",
    "npm": "npm install -g",
}
PACKAGE = re.compile(rf"\(({'|'.join(INSTALLERS)}) package ([\w.-]+)\)")


def summary(skipped: Iterable[tuple[str, str]]) -> Iterator[str]:
    """The lines to print, for pairs of a test's node id and the reason why it was skipped."""
    files: dict[str, Counter[str]] = defaultdict(Counter)
    for node, reason in skipped:
        files[reason.removeprefix("Skipped: ")][node.partition("::")[0]] += 1
    for reason, counts in sorted(files.items()):
        yield f"{reason}: {', '.join(f'{number} in {path}' for path, number in sorted(counts.items()))}"
    if command := _install(files):
        yield f"To run them: {command}"


def _install(reasons: Iterable[str]) -> str:
    """One shell command for every package that the reasons name; empty where they name none."""
    wanted: dict[str, set[str]] = defaultdict(set)
    for reason in reasons:
        for kind, package in PACKAGE.findall(reason):
            wanted[kind].add(package)
    return " && ".join(f"{how} {' '.join(sorted(wanted[kind]))}" for kind, how in INSTALLERS.items() if wanted[kind])
