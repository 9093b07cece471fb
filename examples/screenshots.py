"""Takes the pictures of docs/screenshots.md from the real pages: ``python -m examples.screenshots``.

It trains the model of docs/tutorial.md, serves it on a free port, sends it the rows of ``data/new_customers.csv`` with
their outcomes, and photographs each page. It needs Chromium with its driver, and the packages of ``make test``.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image
from selenium import webdriver

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "images"
PAGES = {
    "home": "/",
    "swagger": "/apidocs/",
    "dashboard": "/dashboard",
    "drift": "/model/drift.html",
    "card": "/model/card",
    "performance": "/model/performance.html",
}
"""The name of each picture, and the page that it shows."""
SHOWN = "127.0.0.1:8000"
"""The address that the pictures show, whatever port was free."""
WIDTH, HEIGHT, COLOURS, SECONDS = 1100, 760, 64, 120
TRAIN = ["-m", "training", "--data", "examples/data/customers.csv", "--target", "churned", "--name", "churn"]


def ask(url: str, document: Any = None) -> Any:
    """A JSON answer of the service, of a POST where there is a document."""
    data = None if document is None else json.dumps(document).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})  # noqa: S310 - on this machine
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - as above
        return json.load(answer)


def wait_for_health(url: str) -> None:
    """Wait until the model is served."""
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            ask(f"{url}/health/ready")
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def send_customers(url: str) -> None:
    """Predict every new customer, and report what has become of each."""
    frame = pd.read_csv(ROOT / "examples" / "data" / "new_customers.csv")
    rows = frame.drop(columns="churned")
    rows = rows.astype(object).where(rows.notna(), None).to_dict("records")
    for row in rows[:100]:
        ask(f"{url}/predict", row)
    told = ask(f"{url}/predict/batch", {"instances": rows})["prediction_id"]
    outcomes = [{"prediction_id": told, "row": row, "outcome": known} for row, known in enumerate(frame["churned"])]
    ask(f"{url}/feedback", {"outcomes": outcomes})


def photograph(address: str, folder: Path) -> None:
    """One picture a page, from its top, in few colours so that it stays small."""
    options = webdriver.ChromeOptions()
    for flag in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars"):
        options.add_argument(flag)
    options.add_argument(f"--host-resolver-rules=MAP {SHOWN} {address}")
    window = {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False}
    if found := shutil.which("chromium"):
        options.binary_location = found
    with webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver"))) as driver:
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", window)
        for name, page in PAGES.items():
            driver.get(f"http://{SHOWN}{page}")
            if name == "home":
                driver.find_element("css selector", "#row button[type=submit]").click()
            time.sleep(3)  # the page draws what it has fetched
            driver.execute_script("scrollTo(0, 0)")  # the click has scrolled to the button
            path = folder / f"{name}.png"
            driver.save_screenshot(str(path))
            with Image.open(path) as picture:
                picture.convert("RGB").quantize(COLOURS).save(path, optimize=True)
            print(f"{path.relative_to(ROOT)}  {path.stat().st_size / 1000:.0f} kB")


def main() -> None:
    """Train, serve, send, photograph, stop."""
    FOLDER.mkdir(exist_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    with tempfile.TemporaryDirectory() as made:
        own = {"ARTIFACTS_DIR": f"{made}/artifacts", "VAR_DIR": f"{made}/var", "BIND": address, "MONITOR_SECONDS": "5"}
        environment = os.environ | own
        subprocess.run([sys.executable, *TRAIN], cwd=ROOT, env=environment, check=True)  # noqa: S603 - our own
        server = subprocess.Popen([sys.executable, "-m", "gunicorn", "wsgi:app"], cwd=ROOT, env=environment)
        try:
            wait_for_health(f"http://{address}")
            send_customers(f"http://{address}")
            time.sleep(15)  # the monitor looks at drift and accuracy
            photograph(address, FOLDER)
        finally:
            server.terminate()
            server.wait(SECONDS)


if __name__ == "__main__":
    main()
