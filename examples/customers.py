"""Writes the tables of docs/tutorial.md: ``python -m examples.customers``.

``data/customers.csv`` has last year's customers, and whether each has left. ``data/new_customers.csv`` has those of the
month after a price rise: a higher fee and more calls to support, so that drift has something to find. All are invented.
"""

import csv
import math
import random
from pathlib import Path

DATA = Path(__file__).parent / "data"
HEADER = ("plan", "age", "tenure_months", "monthly_fee", "support_calls", "paperless", "days_since_login", "churned")
PLANS = {"basic": 19.0, "family": 39.0, "business": 59.0}
FILES = {"customers.csv": (2000, 1.0), "new_customers.csv": (400, 1.3)}
"""The rows of each file, and by how much the fee and the calls have risen."""


def _customer(draw: random.Random, rise: float) -> list[str]:
    """One line: an empty cell is a value that nobody knows; every ninth age and every seventh login is one."""
    plan = draw.choices(list(PLANS), [5, 3, 2])[0]
    tenure = min(int(draw.expovariate(1 / 24)), 120)
    fee = PLANS[plan] * rise * draw.uniform(0.8, 1.2)
    calls = min(int(draw.expovariate(1 / (1.5 * rise))), 12)
    paperless = draw.random() < 0.6
    idle = min(int(draw.expovariate(1 / 15)), 90)
    risk = -2.2 + 0.6 * calls + 0.05 * idle - 0.05 * tenure + 0.02 * fee - 0.7 * paperless + (plan == "business")
    churned = draw.random() < 1 / (1 + math.exp(-1.6 * risk))
    age = "" if draw.random() < 1 / 9 else str(draw.randint(18, 85))
    login = "" if draw.random() < 1 / 7 else str(idle)
    flag, outcome = "true" if paperless else "false", "yes" if churned else "no"
    return [plan, age, str(tenure), f"{fee:.2f}", str(calls), flag, login, outcome]


def write(folder: Path = DATA) -> None:
    """Write both tables; the same bytes each time."""
    folder.mkdir(exist_ok=True)
    for name, (rows, rise) in FILES.items():
        draw = random.Random(name)
        with (folder / name).open("w", newline="") as file:
            lines = csv.writer(file, lineterminator="\n")
            lines.writerow(HEADER)
            lines.writerows(_customer(draw, rise) for _ in range(rows))


if __name__ == "__main__":
    write()
