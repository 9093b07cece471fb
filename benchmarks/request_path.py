"""The way of one request: ``python -m benchmarks.request_path`` lists the files and functions that a /predict passes.

``--markdown`` prints the list for ARCHITECTURE.md. ``--compare FOLDER`` times /predict of this tree and of another
checkout in alternating processes, and writes ``results/request_path.{json,md}``.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from types import FrameType
from typing import Any

import click
import orjson

from benchmarks import environment
from benchmarks.results import FOLDER
from benchmarks.statistics import figure, ratio, spread
from benchmarks.twins.loading import wanted_version
from benchmarks.workload import make_pool
from benchmarks.wsgi_call import call
from service.app import create_app
from service.records import recorder
from service.settings import Settings

ROOT = Path(__file__).parents[1]
OWN = ("service", "schemas", "inference")
WARM_CALLS, BODIES, LEAST_ROUNDS = 50, 512, 5


@dataclass(frozen=True, slots=True)
class RequestPath:
    """``files``: each own file below the root with its functions, in order of first call; ``changes`` of file."""

    files: Mapping[str, tuple[str, ...]]
    changes: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """Microseconds of CPU time of one /predict by round, in this tree and in ``other`` (a commit)."""

    other: str
    here: list[float]
    there: list[float]

    @property
    def ratios(self) -> list[float]:
        """This tree's time over the other's, by round: below 1 is faster."""
        return [mine / others for mine, others in zip(self.here, self.there, strict=True)]


def profile(work: Callable[[], object], root: Path = ROOT, own: tuple[str, ...] = OWN) -> RequestPath:
    """The functions of own files that ``work`` calls in this thread; ``own`` are folders below ``root``."""
    files: dict[str, dict[str, None]] = {}
    places = tuple(f"{root / folder}{os.sep}" for folder in own)
    last, changes = "", 0

    def observe(frame: FrameType, event: str, _argument: object) -> None:
        nonlocal last, changes
        file = frame.f_code.co_filename
        if event != "call" or not file.startswith(places):
            return
        changes += bool(last) and file != last
        last = file
        functions = files.setdefault(str(Path(file).relative_to(root)), {})
        if not frame.f_code.co_name.startswith("<"):  # comprehensions belong to their function
            functions.setdefault(frame.f_code.co_qualname.replace(".<locals>", ""))

    sys.setprofile(observe)
    try:
        work()
    finally:
        sys.setprofile(None)
    return RequestPath({file: tuple(functions) for file, functions in files.items()}, changes)


def predict_path() -> RequestPath:
    """The path of one warm POST /predict, by the artifact that the settings of this process name."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as var, _log_in(Path(var) / "log"):
        settings = Settings.read({**os.environ, "VAR_DIR": var, "RECORDS": "on"})
        app, (body, *_) = create_app(settings), _bodies(settings, WARM_CALLS)
        for _ in range(WARM_CALLS):
            call(app, body)
        try:
            return profile(lambda: call(app, body))
        finally:
            recorder.close_all()


def listing(path: RequestPath, markdown: bool = False) -> str:
    """Each file with its functions, and a last line with the counts."""
    form = "{}. `{}`: {}" if markdown else "{:>3}  {}\n       {}"
    quoted = "`{}`" if markdown else "{}"
    lines = [
        form.format(number, file, ", ".join(quoted.format(name) for name in functions) or "(module)")
        for number, (file, functions) in enumerate(path.files.items(), 1)
    ]
    return "\n".join([*lines, "", f"{len(path.files)} files, {path.changes} changes of file."])


def compare(other: Path, rounds: int) -> Comparison:
    """Time both trees, each in a new process, in alternating order."""
    bodies = b"\n".join(_bodies(Settings.read(os.environ), BODIES))
    here: list[float] = []
    there: list[float] = []
    for number in range(rounds):
        both = ((ROOT, here), (other, there))
        for tree, times in both if number % 2 == 0 else reversed(both):
            times.append(_timed(tree, bodies))
    commit = subprocess.run(["git", "-C", str(other), "describe", "--always"], capture_output=True, text=True)
    return Comparison(commit.stdout.strip() or other.name, here, there)


def table(found: Comparison) -> str:
    """Markdown: medians, and the ratio with its spread and interval."""
    ratios, interval = found.ratios, ratio(found.here, found.there)
    lines = [
        "| CPU time of one /predict in process, us | median | smallest | largest |",
        "|---|---:|---:|---:|",
        *(
            f"| {title} | {median(times):.1f} | {min(times):.1f} | {max(times):.1f} |"
            for title, times in (("this tree", found.here), (found.other, found.there))
        ),
        "",
        f"Ratio, this tree to {found.other}: median {figure(median(ratios))} of {len(ratios)} rounds, spread "
        f"{spread(ratios):.0%}; mean {interval}. Below 1 is faster.",
    ]
    return "\n".join(lines)


@click.command()
@click.option("--markdown", is_flag=True, help="Print the list for ARCHITECTURE.md.")
@click.option(
    "--compare", "other", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Another checkout."
)
@click.option("--rounds", type=click.IntRange(LEAST_ROUNDS), default=7, help="Of --compare.")
def main(markdown: bool, other: Path | None, rounds: int) -> None:
    """List the files and functions of one /predict, or compare its time with another checkout's."""
    if other is None:
        click.echo(listing(predict_path(), markdown))
        return
    found = compare(other.resolve(), rounds)
    document = {"environment": environment.describe(), **asdict(found), "ratios": found.ratios}
    (FOLDER / "request_path.json").write_text(json.dumps(document, indent=2) + "\n")
    (FOLDER / "request_path.md").write_text(table(found) + "\n")
    click.echo(table(found))


def _bodies(settings: Settings, count: int) -> list[bytes]:
    pool = make_pool(settings.artifacts_dir / wanted_version(settings), count)
    return [orjson.dumps(row) for row in pool.rows]


def _timed(tree: Path, bodies: bytes) -> float:
    settings = Settings.read(os.environ)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as var:  # the shipper may still write to it
        variables = {"PYTHONPATH": str(tree), "VAR_DIR": var, "ARTIFACTS_DIR": str(settings.artifacts_dir.resolve())}
        process = subprocess.Popen(
            [sys.executable, "-P", str(Path(__file__).with_name("wsgi_call.py"))],
            cwd=tree,
            env={**os.environ, **variables, "RECORDS": "on"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            process_group=0,
        )
        text, _ = process.communicate(bodies)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # the shipper, which would write to a folder that is gone
    if process.returncode:
        raise click.ClickException(f"/predict could not be timed in {tree}.")
    return float(text)


@contextlib.contextmanager
def _log_in(file: Path) -> Iterator[Any]:
    """The log, which goes to descriptor 1, is written to ``file`` meanwhile."""
    stdout, log = os.dup(1), os.open(file, os.O_WRONLY | os.O_CREAT)
    os.dup2(log, 1)
    try:
        yield
    finally:
        os.dup2(stdout, 1)
        os.close(stdout)
        os.close(log)


if __name__ == "__main__":
    main()
