"""The tables, for SQLAlchemy. The names in ``predictions`` and ``feedback`` are interface and stay."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    TIMESTAMP,
    Column,
    Dialect,
    Double,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    TypeDecorator,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine, UserDefinedType

from inference.timestamps import isoformat


class _AnyScalar(UserDefinedType[Any]):
    """A column of SQLite without affinity: the text "01" stays a text, a number a number."""

    cache_ok = True

    def get_col_spec(self, **kw: Any) -> str:
        """Its name in DDL: the type that converts nothing."""
        return "BLOB"


class Scalar(TypeDecorator[Any]):
    """A label or a number: jsonb in PostgreSQL, the value itself in SQLite, where true and false are 1 and 0."""

    impl = JSON
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The type of the database at hand."""
        return dialect.type_descriptor(JSONB() if dialect.name == "postgresql" else _AnyScalar())

    def coerce_compared_value(self, op: Any, value: Any) -> TypeEngine[Any]:
        """Bind what it is compared with as a scalar too."""
        return self


class Timestamp(TypeDecorator[datetime]):
    """An aware time in UTC: timestamptz in PostgreSQL, in SQLite text as in the answers (2026-01-31T09:00:00.000Z)."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The type of the database at hand."""
        return dialect.type_descriptor(TIMESTAMP(timezone=True) if dialect.name == "postgresql" else Text())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """To the database."""
        if value is None or dialect.name == "postgresql":
            return value
        return isoformat(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """From the database."""
        return datetime.fromisoformat(value) if isinstance(value, str) else value


metadata = MetaData()

predictions = Table(
    "predictions",
    metadata,
    Column("prediction_id", String(64)),
    Column("row_index", Integer),
    Column("request_id", String(128), nullable=False),
    Column("time", Timestamp, nullable=False),
    Column("model_version", String(128), nullable=False),
    Column("role", String(16)),
    Column("features", JSON, nullable=False),
    Column("prediction", Scalar),
    Column("probability", Double),
    Column("probabilities", JSON),
    Column("latency_ms", Double, nullable=False),
    Column("client", Text, nullable=False),
    PrimaryKeyConstraint("prediction_id", "row_index", "role", name="predictions_key"),
    Index("predictions_time", "time"),
)

feedback = Table(
    "feedback",
    metadata,
    Column("prediction_id", String(64)),
    Column("row_index", Integer),
    Column("outcome", Scalar, nullable=False),
    Column("time", Timestamp, nullable=False),
    Column("client", Text, nullable=False),
    PrimaryKeyConstraint("prediction_id", "row_index", name="feedback_key"),
    Index("feedback_time", "time"),
)

models = Table(
    "models",
    metadata,
    Column("model_version", String(128), primary_key=True),
    Column("contract", JSON, nullable=False),
    Column("classes", JSON, nullable=False),
)
