"""The calls of a service."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Union, overload

import urllib3

from tabular_client.exceptions import Forbidden, InvalidInput, NotFound, RowError
from tabular_client.frames import Limits, Rows, empty_frame, is_frame, is_series, predict_frame
from tabular_client.transport import Transport
from tabular_client.values import as_json, row_as_json

if TYPE_CHECKING:
    import pandas as pd

Row = Union[Mapping[str, Any], "pd.Series[Any]"]


class Client:
    """A service at an address such as ``http://127.0.0.1:8000`` or ``https://host/prefix``.

    ``token`` is sent as a bearer token. ``timeout``: seconds to wait for a connection, and for an answer.
    ``retry_seconds``: how long one request may be repeated while the service restarts, is overloaded or refuses by its
    rate limit; 0 is never. ``make_pool`` makes another urllib3 pool, for a proxy or for certificates of your own.

    Raises:
        ValueError: one of them cannot be used.
    """

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        timeout: float = 30.0,
        retry_seconds: float = 60.0,
        make_pool: Callable[[], urllib3.PoolManager] = urllib3.PoolManager,
    ) -> None:
        self._transport = Transport(url, token, timeout, retry_seconds, make_pool)
        self._limits: Limits | None = None

    @overload
    def predict(
        self, rows: pd.DataFrame, *, probabilities: bool = ..., model_version: str | None = ...
    ) -> pd.DataFrame: ...

    @overload
    def predict(self, rows: Row, *, probabilities: bool = ..., model_version: str | None = ...) -> dict[str, Any]: ...

    def predict(self, rows: Any, *, probabilities: bool = False, model_version: str | None = None) -> Any:
        """The answer to one row, as the service gives it, or to each row of a DataFrame.

        A frame's answer has its index and the columns ``prediction``, ``probability`` (not of a regression),
        ``model_version``, ``prediction_id`` and ``row_index``. A frame may have any number of rows: it is sent in
        chunks that the service takes. NaN, None, NA and NaT are sent as null.

        ``probabilities`` adds those of all classes: of a frame a column ``probability.<class>`` each.
        ``model_version`` asks one of the loaded versions.

        Raises:
            InvalidInput: rows that break the contract; fields and positions are named.
            Unreachable, ServiceError: see ``errors``; ``partial`` of a frame's error has the answers before it.
            TypeError: neither a row nor a frame.
        """
        query = {"probabilities": "true"} if probabilities else {}
        if model_version is not None:
            query["model_version"] = model_version
        if is_frame(rows):
            limits = Limits(**vars(self._known_limits()))
            asked = Rows(rows)
            if not len(asked):
                return self._no_answers(asked, probabilities, model_version)
            return predict_frame(asked, limits, lambda body: self._transport.post("/predict/batch", body, query))
        if is_series(rows):
            rows = rows.to_dict()
        if not isinstance(rows, Mapping):
            raise TypeError(
                f"predict takes one row, as a dict, or a pandas DataFrame, not a {type(rows).__name__}; of a list of "
                "dicts make a frame: pandas.DataFrame(rows)."
            )
        row, wrong = row_as_json(rows)
        if wrong:
            errors = [RowError(None, None, name, (told,)) for name, told in wrong.items()]
            raise InvalidInput("The row holds values that have no JSON form.", errors, len(errors))
        return self._transport.post("/predict", _encoded(row), query)

    @overload
    def feedback(self, prediction_id: str, outcome: Any, row: int = ...) -> dict[str, Any]: ...

    @overload
    def feedback(
        self, prediction_id: Sequence[str] | pd.Series[Any], outcome: Any, row: Any = ...
    ) -> dict[str, Any]: ...

    def feedback(self, prediction_id: Any, outcome: Any, row: Any = 0) -> dict[str, Any]:
        """Tell what really happened to a predicted row; telling the same again is no error.

        For many rows at once pass columns of equal length: ``feedback(answers.prediction_id, outcomes,
        answers.row_index)``. They are told in chunks, each of which is recorded whole or not at all; rows whose outcome
        is null are left out, since they are not known yet.

        Returns how many outcomes were told and how many of them were new: ``{"count": 1, "created": 1}``.

        Raises:
            NotFound: no such prediction. Conflict: another outcome is known already.
            Unreachable, ServiceError: see ``errors``.
            ValueError: columns of different lengths.
        """
        if isinstance(prediction_id, str):
            document = {"prediction_id": prediction_id, "row": as_json(row), "outcome": as_json(outcome)}
            found: dict[str, Any] = self._transport.post("/feedback", _encoded(document))
            return found
        ids, outcomes = list(prediction_id), list(outcome)
        rows = [row] * len(ids) if isinstance(row, int) else list(row)
        if not len(ids) == len(outcomes) == len(rows):
            raise ValueError(f"{len(ids)} prediction ids, {len(outcomes)} outcomes and {len(rows)} rows do not match.")
        entries = [
            {"prediction_id": one, "row": as_json(place), "outcome": told}
            for one, place, told in zip(ids, rows, map(as_json, outcomes))
            if told is not None
        ]
        return self._tell(entries)

    def info(self, model_version: str | None = None) -> dict[str, Any]:
        """GET /model/info: the served model, its features and metrics, and the service's ``limits``.

        Raises:
            Unreachable, ServiceError: see ``errors``.
        """
        query = None if model_version is None else {"model_version": model_version}
        found: dict[str, Any] = self._transport.get("/model/info", query)
        return found

    def health(self) -> dict[str, Any]:
        """GET /health: healthy, degraded or unhealthy, with the reason. It asks once and does not wait.

        Raises:
            Unreachable: there is no answer.
        """
        found: dict[str, Any] = self._transport.get("/health", retry=False, accept=503)
        return found

    def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        self._transport.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _known_limits(self) -> Limits:
        if self._limits is None:
            try:
                told = self.info().get("limits", {})
            except (Forbidden, NotFound):  # a token that may only predict
                told = {}
            self._limits = Limits(**{name: told[name] for name in ("rows", "bytes") if name in told})
        return self._limits

    def _no_answers(self, rows: Rows, probabilities: bool, model_version: str | None) -> pd.DataFrame:
        """The answer to a frame without rows: its columns."""
        classes = self.info(model_version)["classes"]
        return empty_frame(rows.index, bool(classes), classes if probabilities else [])

    def _tell(self, entries: list[dict[str, Any]]) -> dict[str, Any]:
        told = {"count": 0, "created": 0}
        size = self._known_limits().rows
        for start in range(0, len(entries), size):
            body = _encoded({"outcomes": entries[start : start + size]})
            answer = self._transport.post("/feedback", body)
            told = {name: told[name] + answer[name] for name in told}
        return told


def _encoded(document: Any) -> bytes:
    return json.dumps(document, allow_nan=False, separators=(",", ":")).encode()
