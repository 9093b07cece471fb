"""A run on disk: everything that was measured, as JSON. Every report is made from such a file."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.measurement import Measurement
from benchmarks.statistics import Ratio, ratio

FORMAT = 2
FOLDER = Path(__file__).parent / "results"
GRID = (*(p / 100 for p in range(100)), 0.995, 0.999, 1.0)
"""Shares at which the latencies of an open loop are recorded."""


@dataclass(slots=True)
class Run:
    """One run. ``measurements`` are one cell of one round each; ``facts`` are the figures of hypotheses and goals."""

    environment: dict[str, Any]
    plan: dict[str, Any]
    targets: dict[str, dict[str, Any]]
    scenarios: dict[str, dict[str, Any]]
    measurements: list[Measurement] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)

    def values(self, scenario: str, target: str, name: str = "rate") -> list[float]:
        """One figure of a cell, by round."""
        return [float(getattr(m, name)) for m in self.cell(scenario, target)]

    def cell(self, scenario: str, target: str) -> list[Measurement]:
        """The measurements of a cell, by round."""
        found = [m for m in self.measurements if (m.scenario, m.target) == (scenario, target)]
        return sorted(found, key=lambda m: m.round)

    def median(self, scenario: str, target: str, name: str = "rate") -> float | None:
        """Of a cell's rounds; None where it was not measured."""
        values = self.values(scenario, target, name)
        return median(values) if values else None

    def latency(self, scenario: str, target: str, share: float) -> list[float]:
        """A percentile of a cell's latencies in ms, by round; 0.99 is the 99th."""
        place = {0.995: 100, 0.999: 101, 1.0: 102}.get(share, round(share * 100))
        return [m.latency[min(place, len(m.latency) - 1)] for m in self.cell(scenario, target)]

    def ratio(self, scenario: str, a: str, b: str, other: str | None = None) -> Ratio | None:
        """How many times the rate of ``b`` (in scenario ``other``, else the same) the rate of ``a`` is."""
        return _paired(self._rates(scenario, a), self._rates(other or scenario, b))

    def share_of_engine(self, scenario: str) -> Ratio | None:
        """Which share of the engine's own rate on ready-made arrays our service reaches, paired by round."""
        alone = {int(number): rate for number, rate in self.facts.get("engine_alone", {}).get(scenario, {}).items()}
        return _paired(self._rates(scenario, "ours"), alone)

    def _rates(self, scenario: str, target: str) -> dict[int, float]:
        return {m.round: m.rate for m in self.cell(scenario, target)}

    def targets_of(self, scenario: str) -> list[str]:
        """The targets measured in a scenario, in the table's order."""
        seen = {m.target for m in self.measurements if m.scenario == scenario}
        return [target for target in self.targets if target in seen]

    def bad(self, scenario: str, target: str) -> int:
        """Requests that failed, were answered wrongly or lost their connection, over all rounds."""
        return sum(m.bad for m in self.cell(scenario, target))

    def save(self, path: Path) -> None:
        """Write it, small numbers rounded to what was measured."""
        path.parent.mkdir(parents=True, exist_ok=True)
        document = {"format": FORMAT, **{name: getattr(self, name) for name in self.__slots__}}
        document["measurements"] = [m.to_json() for m in self.measurements]
        path.write_text(json.dumps(_rounded(document), separators=(",", ":")) + "\n")

    @classmethod
    def read(cls, path: Path) -> "Run":
        """Read a result file.

        Raises:
            ValueError: it is no result file, or has another format; the sentence names the file.
        """
        try:
            document = json.loads(path.read_bytes())
        except OSError as exc:
            raise ValueError(f"{path} cannot be read: {exc.strerror}.") from None
        except ValueError:
            raise ValueError(f"{path} is not JSON.") from None
        if not isinstance(document, dict) or document.pop("format", None) != FORMAT:
            raise ValueError(f"{path} is no result of this load lab (format {FORMAT}).")
        measurements = [Measurement.from_json(m) for m in document.pop("measurements")]
        return cls(**document, measurements=measurements)


def _paired(a: dict[int, float], b: dict[int, float]) -> Ratio | None:
    both = sorted(a.keys() & b.keys())
    return ratio([a[number] for number in both], [b[number] for number in both])


def newest() -> Path | None:
    """The result file written last."""
    return max(
        (*FOLDER.glob("run-*.json"), *FOLDER.glob("quick-*.json")), key=lambda path: path.stat().st_mtime, default=None
    )


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, dict):
        return {name: _rounded(inner) for name, inner in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [_rounded(inner) for inner in value]
    return value
