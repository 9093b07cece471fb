"""What is counted and timed, over all workers of a host."""

from service.settings import Settings


def prepare(settings: Settings) -> None:
    """Make the folder that the workers share, once a master, before anything is counted."""


def open_metrics(settings: Settings) -> None:
    """Take this process's place in it, after the fork."""


def leave(pid: int) -> None:
    """Forget what was true only while worker ``pid`` lived; called in the master."""


def request(route: str, method: str, status: int, seconds: float) -> None:
    """Count one answered request and its time from the first hook to the answer's bytes."""


def prediction(model_version: str, labels: list[object], regression: bool) -> None:
    """Count the rows of one answer by predicted class; a regression's under the empty class."""


def phase(model_version: str, name: str, seconds: float) -> None:
    """Time one phase of a prediction: validate, predict, serialise."""


def invalid(fields: list[str]) -> None:
    """Count the fields that were refused; names outside the contract are already ``unknown``."""


def refused(reason: str) -> None:
    """Count a request refused before it was read: auth, limit or size."""


def redis_away(use: str) -> None:
    """A use of Redis (limits or cache) that went without it, because it is away."""


def cache_looked_up(hit: bool) -> None:
    """The cache of predictions was asked, and had the answer or not."""


def model_loaded(model_version: str, engine: str) -> None:
    """A version was loaded and may answer."""


def model_failed(model_version: str) -> None:
    """A wanted version could not be loaded."""


def records(state: str, rows: int) -> None:
    """Count rows of records by state: spooled, shipped or lost."""


def exposition() -> bytes:
    """Everything, over all workers, in Prometheus text format."""
    return b""
