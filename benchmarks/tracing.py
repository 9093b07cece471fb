"""What traces cost: ``python -m benchmarks.tracing`` writes results/tracing.json and tracing.md.

CPU time of one /predict call, the exporter's thread included, in alternating processes: without
OTEL_EXPORTER_OTLP_ENDPOINT, with every request traced, and with one in a hundred. A collector that throws away what it
gets runs in this process.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median

import orjson

from benchmarks.environment import describe
from benchmarks.results import FOLDER
from benchmarks.statistics import ratio
from benchmarks.twins.loading import wanted_version
from benchmarks.workload import make_pool
from benchmarks.wsgi_call import call
from service.settings import Settings

ROUNDS, CALLS, DISTINCT = 5, 5000, 512
SAMPLED = {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.01"}


class _Collector(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""


def main() -> None:
    """Measure, write, print."""
    if sys.argv[1:] == ["one"]:
        print(_one())
        return
    collector = ThreadingHTTPServer(("127.0.0.1", 0), _Collector)
    threading.Thread(target=collector.serve_forever, daemon=True).start()
    on = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.server_port}"}
    ways = {"off": {}, "one request in a hundred": on | SAMPLED, "every request": on}
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, environment in ways.items():
            taken[name].append(_in_a_process(environment))
    (FOLDER / "tracing.json").write_text(
        json.dumps({"environment": describe(), "cpu_us_a_call": taken}, indent=2) + "\n"
    )
    text = table(taken)
    (FOLDER / "tracing.md").write_text(text)
    print(text, end="")


def table(taken: dict[str, list[float]]) -> str:
    """The figures as Markdown; the ratio is that of the CPU time, paired by round."""
    lines = ["| traces | us of CPU a /predict call | times off |", "|---|---:|---:|"]
    for name, found in taken.items():
        times = "" if name == "off" else str(ratio(found, taken["off"]))
        lines.append(f"| {name} | {median(found):.1f} | {times} |")
    return "\n".join(lines) + "\n"


def _in_a_process(environment: dict[str, str]) -> float:
    command = [sys.executable, "-m", "benchmarks.tracing", "one"]
    run = subprocess.run(command, env=os.environ | environment, stdout=subprocess.PIPE, text=True, check=True)
    return float(run.stdout.splitlines()[-1])


def _one() -> float:
    """Microseconds of this process's CPU for a call, spans sent in the meantime included."""
    from service.app import create_app  # here: the parent serves nothing

    with tempfile.TemporaryDirectory() as var:
        settings = Settings.read({**os.environ, "VAR_DIR": var, "RECORDS": "off"})
        pool = make_pool(settings.artifacts_dir / wanted_version(settings), DISTINCT)
        bodies = [orjson.dumps(row) for row in pool.rows]
        stdout, out = os.dup(1), os.open(Path(var) / "log", os.O_WRONLY | os.O_CREAT)
        os.dup2(out, 1)  # the log goes to a file, as in service
        app = create_app(settings)
        for number in range(CALLS // 5):
            call(app, bodies[number % len(bodies)])
        began = time.process_time()
        for number in range(CALLS):
            call(app, bodies[number % len(bodies)])
        taken = (time.process_time() - began) / CALLS * 1e6
        os.dup2(stdout, 1)
    return taken


if __name__ == "__main__":
    main()
