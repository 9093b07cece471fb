"""The formats of a batch: which one a body has, by its Content-Type, and which one an answer gets, by its Accept."""

from functools import lru_cache, partial
from typing import Literal

from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header, parse_options_header

from inference.features import Matrix
from schemas.bodies import ARROW, CSV, MEDIA_TYPES, PARQUET, Kind, is_installed, load, validate
from schemas.errors import BodyTooLarge
from schemas.table_answers import arrow_answer, csv_answer
from service import metrics
from service.models.model import Model
from service.web.context import JSON, is_json
from service.web.parquet_process import PARQUET as PARQUET_PROCESS
from service.web.prediction import Prediction, Read, Serialise, read_batch, serialise_batch

BODIES = (CSV, ARROW, PARQUET)
"""What a batch may come in, beside JSON."""
ANSWERS = (CSV, ARROW)
"""What its answer may be asked for in, beside JSON."""
ADVICE = (
    f"Send JSON (application/json), CSV in UTF-8 with a header line ({CSV}), an Arrow stream ({ARROW}) or Parquet "
    f"({PARQUET}), and say which in Content-Type."
)
PREDICTION_ID = "X-Prediction-ID"
_CONTENT_TYPES = {"csv": f"{CSV}; charset=utf-8", "arrow": ARROW}


@lru_cache(maxsize=256)
def table_kind(content_type: str) -> Kind | None:
    """The kind of table that a Content-Type says, or None for every other one: JSON, or what is not taken."""
    media_type, parameters = parse_options_header(content_type)
    kind = MEDIA_TYPES.get(media_type.lower())
    if kind == "csv":
        utf8 = parameters.get("charset", "utf-8").lower() in ("utf-8", "utf8", "us-ascii")
        return kind if utf8 and parameters.get("header", "present").lower() == "present" else None
    return kind


def is_batch(content_type: str) -> bool:
    """Whether a body of this Content-Type can hold a batch."""
    return is_json(content_type) or table_kind(content_type) is not None


def reader_for(content_type: str, most_bytes: int) -> Read:
    """How to read a body of this Content-Type, which unpacks to at most ``most_bytes``."""
    kind = table_kind(content_type)
    return read_batch if kind is None else partial(_read, kind, most_bytes)


def answer_kind(accept: str) -> Literal["csv", "arrow"] | None:
    """The format that an Accept header prefers; None for JSON, which also answers what cannot be met."""
    kind = _preferred(accept) if accept else None
    return None if kind == "arrow" and not is_installed("arrow") else kind


def serialiser_for(kind: Literal["csv", "arrow"] | None) -> Serialise:
    """How to write the answers in a format."""
    return serialise_batch if kind is None else _serialise_csv if kind == "csv" else _serialise_arrow


def content_type(kind: Literal["csv", "arrow"] | None) -> str:
    """The Content-Type of an answer in a format."""
    return JSON if kind is None else _CONTENT_TYPES[kind]


@lru_cache(maxsize=256)
def _preferred(accept: str) -> Literal["csv", "arrow"] | None:
    best = parse_accept_header(accept, MIMEAccept).best_match([JSON, *ANSWERS], default=JSON)
    return "csv" if best == CSV else "arrow" if best == ARROW else None


def _read(kind: Kind, most_bytes: int, model: Model, body: bytes) -> Matrix:
    try:
        read = PARQUET_PROCESS.read_columns if kind == "parquet" else load(kind)
        return validate(model.reader, read(body, model.reader, most_bytes))
    except BodyTooLarge:
        metrics.refused("size")
        raise


def _serialise_csv(prediction: Prediction) -> bytes:
    record = prediction.record
    return csv_answer(record.answers, record.classes, prediction.all_classes)


def _serialise_arrow(prediction: Prediction) -> bytes:
    record = prediction.record
    return arrow_answer(record.answers, record.classes, prediction.all_classes)
