"""What a million requests leave behind: ``python -m benchmarks.uptime [REQUESTS]`` writes results/uptime.{json,md}.

One worker on the first core under a closed loop of one-row requests; the proportional set size and the rate are taken
in ten equal parts.
"""

import dataclasses
import json
import os
import shutil
import sys

import click
from tqdm import tqdm

from benchmarks import environment
from benchmarks.goals import OURS, load
from benchmarks.lab import Lab
from benchmarks.results import FOLDER
from benchmarks.twins.loading import wanted_version
from benchmarks.workload import make_pool
from service.settings import Settings

PARTS, SECONDS = 10, 4.0


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    """After so many ``requests`` in all: memory in MiB, and requests a second since the part before."""

    requests: int
    pss_mib: float
    rate: float


@click.command()
@click.argument("requests", type=click.IntRange(1000), default=1_000_000)
def main(requests: int) -> None:
    """Answer that many REQUESTS and measure what grows."""
    settings = Settings.read(os.environ)
    folder = (settings.artifacts_dir / wanted_version(settings)).resolve()
    lab = Lab(folder, make_pool(folder, 20_000), SECONDS, 1, 60.0, _say)
    try:
        parts = _answer(lab, requests)
    finally:
        shutil.rmtree(lab.work, ignore_errors=True)
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "uptime.json").write_text(
        json.dumps({"environment": environment.describe(), "parts": list(map(dataclasses.asdict, parts))}, indent=2)
        + "\n"
    )
    lines = ["| requests so far | memory, MiB | requests/s |", "|---:|---:|---:|"]
    lines += [f"| {part.requests:,} | {part.pss_mib:.1f} | {part.rate:,.0f} |" for part in parts]
    (FOLDER / "uptime.md").write_text("\n".join(lines) + "\n")
    click.echo("\n".join(lines))


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def _answer(lab: Lab, requests: int) -> list[Part]:
    parts: list[Part] = []
    with lab.running([OURS]) as (server,), tqdm(total=requests, file=sys.stderr) as bar:
        done = 0.0
        for mark in (requests * part // PARTS for part in range(1, PARTS + 1)):
            spent, at = 0.0, done
            while done < mark or not spent:
                answered = load(lab, server, SECONDS)
                done, spent = done + answered, spent + SECONDS
                bar.update(int(answered))
            pss = server.pss_bytes() / 2**20
            parts.append(Part(int(done), pss, (done - at) / spent))
    return parts


if __name__ == "__main__":
    main()
