"""Makes the stored copies: ``python tests/last_release/make.py CHECKOUT``, CHECKOUT being the release before.

It trains two models there, serves them, and leaves artifacts, routing.json, a database with records and feedback, and a
spool with lines that no database has taken.
"""

import csv
import json
import os
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

HERE = Path(__file__).parent
ROWS, SHIPPED, UNSENT = 120, 40, 15
DEADLINE = 120


def main() -> None:
    """Make the copies from the checkout that is named."""
    checkout = Path(sys.argv[1]).resolve()
    for name in ("artifacts", "var"):
        shutil.rmtree(HERE / name, ignore_errors=True)
    rows = write_table(HERE / "table.csv")
    environment = os.environ | {"ARTIFACTS_DIR": str(HERE / "artifacts"), "VAR_DIR": str(HERE / "var")}
    for model in ("random_forest", "logistic_regression"):
        command = ("-m", "training", "--data", str(HERE / "table.csv"), "--target", "bought", "--model", model)
        subprocess.run([sys.executable, *command, "--no-card"], cwd=checkout, env=environment, check=True)
    canary = ("-m", "flask", "models", "promote", "logistic_regression-1", "--canary", "0.25")
    subprocess.run([sys.executable, *canary], cwd=checkout, env=environment, check=True)
    predict(checkout, environment, rows[:SHIPPED], feedback=True)
    away = environment | {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing"}
    predict(checkout, away, rows[SHIPPED : SHIPPED + UNSENT], feedback=False)
    keep_var()


def write_table(path: Path) -> list[dict[str, object]]:
    """A learnable table with a number, an integer, a boolean and a category, some cells empty; its rows as JSON."""
    draw = random.Random(12)
    rows: list[dict[str, object]] = []
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["amount", "visits", "member", "city", "bought"])
        for _ in range(ROWS):
            amount = None if draw.random() < 0.1 else round(draw.uniform(1, 90), 1)
            visits, member = draw.randrange(9), draw.random() < 0.5
            city = None if draw.random() < 0.1 else draw.choice(["Bonn", "Köln", "Rome"])
            bought = "yes" if (amount or 40) / 10 + visits + 2 * member > 9 else "no"
            writer.writerow(["" if cell is None else cell for cell in (amount, visits, member, city, bought)])
            rows.append({"amount": amount, "visits": visits, "member": member, "city": city, "bought": bought})
    return rows


def predict(checkout: Path, environment: dict[str, str], rows: list[dict[str, object]], *, feedback: bool) -> None:
    """Serve, ask for the rows one by one, say what really happened; end when the database has everything it can get."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    given = environment | {"BIND": f"127.0.0.1:{port}", "WEB_CONCURRENCY": "1", "RATE_LIMIT": ""}
    command = [sys.executable, str(Path(sys.executable).with_name("gunicorn")), "wsgi:app"]
    server = subprocess.Popen(command, cwd=checkout, env=given)
    try:
        until(lambda: ask(f"{url}/health")["status"] == "healthy")
        told = []
        for row in rows:
            answer = ask(f"{url}/predict", {name: value for name, value in row.items() if name != "bought"})
            told.append({"prediction_id": answer["prediction_id"], "outcome": row["bought"]})
        if feedback:
            until(lambda: count(HERE / "var" / "predictions.db", "predictions") == len(rows))
            for one in told:
                ask(f"{url}/feedback", one)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(DEADLINE)


def ask(url: str, document: object = None) -> dict[str, str]:
    """GET, or POST of a document."""
    data = None if document is None else json.dumps(document).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data, {"Content-Type": "application/json"})) as answer:
        found: dict[str, str] = json.load(answer)
        return found


def count(database: Path, table: str) -> int:
    """The rows of a table."""
    with closing(sqlite3.connect(database)) as connection:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def until(holds: Callable[[], object]) -> None:
    """Wait until the condition holds."""
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline:
        try:
            if holds():
                return
        except (OSError, sqlite3.Error):
            pass
        time.sleep(0.1)
    raise SystemExit("the server did not get there")


def keep_var() -> None:
    """Keep the database, with its journal in it, and the spool; no locks and no copies of the model."""
    with closing(sqlite3.connect(HERE / "var" / "predictions.db")) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
    for path in [path for path in (HERE / "var").rglob("*") if path.is_file()]:
        if path.suffix not in (".db", ".jsonl") and path.name != "counts":
            path.unlink()


if __name__ == "__main__":
    main()
