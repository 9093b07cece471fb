"""Hooks of schemathesis: bodies of the default model in the formats that a JSON Schema cannot describe."""

import io

import pyarrow as pa
import schemathesis
from hypothesis import strategies as st
from pyarrow import parquet

TABLE = pa.table({"feature_1": [0.5], "feature_2": [1.2], "feature_3": [-0.3], "feature_4": [75.5], "feature_5": [5]})


def _arrow():
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, TABLE.schema) as writer:
        writer.write_table(TABLE)
    return sink.getvalue()


def _parquet():
    sink = io.BytesIO()
    parquet.write_table(TABLE, sink)
    return sink.getvalue()


CSV = ",".join(TABLE.column_names) + "\n0.5,1.2,-0.3,75.5,5\n"
schemathesis.openapi.media_type("text/csv", st.just(CSV.encode()))
schemathesis.openapi.media_type("application/vnd.apache.arrow.stream", st.just(_arrow()))
schemathesis.openapi.media_type("application/vnd.apache.parquet", st.just(_parquet()))
