"""Load-test the service with Locust.

    pip install locust
    locust -f examples/locustfile.py --headless -u 8 -r 8 -t 30s -H http://127.0.0.1:8000

Rows are drawn from what the served model takes (GET /model/info), so it works for any model. TOKEN is a bearer token.
"""

import os
import random
from typing import Any

from locust import FastHttpUser, task

BATCH = 100


def value(feature: dict[str, Any]) -> Any:
    """A value that the feature takes."""
    if feature["choices"]:
        return random.choice(feature["choices"])
    if feature["type"] == "boolean":
        return random.random() < 0.5
    if feature["type"] == "text":
        return feature["example"]
    seen = feature["observed"]
    low = seen.get("minimum", 0) if feature["minimum"] is None else feature["minimum"]
    high = seen.get("maximum", 1) if feature["maximum"] is None else feature["maximum"]
    return random.randint(int(low), int(high)) if feature["type"] == "integer" else random.uniform(low, high)


class Caller(FastHttpUser):
    """A client that sends one request after the other: mostly single rows, sometimes a batch."""

    def on_start(self) -> None:
        """Learn what the model takes."""
        token = os.environ.get("TOKEN")
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.features = self.client.get("/model/info", headers=self.headers).json()["features"]

    def row(self) -> dict[str, Any]:
        """A new row."""
        return {feature["name"]: value(feature) for feature in self.features}

    @task(10)
    def predict(self) -> None:
        """One row."""
        self.client.post("/predict", json=self.row(), headers=self.headers)

    @task(1)
    def predict_batch(self) -> None:
        """Many rows."""
        rows = [self.row() for _ in range(BATCH)]
        self.client.post("/predict/batch", json={"instances": rows}, headers=self.headers)
