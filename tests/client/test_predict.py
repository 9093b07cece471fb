"""Rows and frames to predictions, by a real service."""

import os
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from tabular_client import BodyTooLarge, Client, InvalidInput, NotFound

from tests.client.conftest import ROWS_AT_ONCE

pytestmark = pytest.mark.process


def test_a_row_is_answered_as_the_service_answers_it(client, service, make_frame):
    row = make_frame(1).iloc[0].to_dict() | {"feature_5": 3}
    _, expected = service.ask("/predict", row)
    found = client.predict(row)
    for name in ("prediction", "probability", "model_version"):
        assert found[name] == expected[name]


def test_numpy_values_and_a_series_are_rows_as_well(client, make_frame):
    row = make_frame(1).iloc[0]
    plain = {name: float(value) for name, value in row.items()}
    typed = {**plain, "feature_1": np.float32(plain["feature_1"]), "feature_4": Decimal("0.5"), "feature_5": np.int8(1)}
    answers = [client.predict(given) for given in (plain, row, typed)]
    assert len({(answer["prediction"], answer["probability"]) for answer in answers}) == 1


def test_a_frame_keeps_its_index_and_every_row_its_own_answer(client, make_frame):
    frame = make_frame(2 * ROWS_AT_ONCE + 3).sample(frac=1, random_state=1)
    answers = client.predict(frame)
    assert list(answers.columns) == ["prediction", "probability", "model_version", "prediction_id", "row_index"]
    assert list(answers.index) == list(frame.index)
    one_by_one = [client.predict(row.to_dict()) for _, row in frame.iterrows()]
    assert answers["prediction"].tolist() == [one["prediction"] for one in one_by_one]
    assert answers["probability"].tolist() == [one["probability"] for one in one_by_one]


def test_a_long_frame_is_sent_in_chunks_that_the_service_takes(client, make_frame):
    answers = client.predict(make_frame(2 * ROWS_AT_ONCE + 3))
    assert answers["prediction_id"].nunique() == 3
    assert answers["row_index"].tolist() == [*range(ROWS_AT_ONCE), *range(ROWS_AT_ONCE), 0, 1, 2]


def test_probabilities_are_a_column_for_each_class(client, make_frame):
    frame = make_frame(ROWS_AT_ONCE + 1)
    answers = client.predict(frame, probabilities=True)
    several = answers[[f"probability.{label}" for label in client.info()["classes"]]]
    assert several.sum(axis=1).to_numpy() == pytest.approx(1.0)
    assert (several.max(axis=1) == answers["probability"]).all()
    assert client.predict(frame.iloc[0].to_dict(), probabilities=True)["probabilities"] == several.iloc[0].tolist()


def test_a_frame_without_rows_has_the_answers_columns(client, make_frame):
    expected = client.predict(make_frame(1), probabilities=True).columns
    empty = client.predict(make_frame(0), probabilities=True)
    assert len(empty) == 0
    assert list(empty.columns) == list(expected)


def test_columns_of_every_dtype_give_the_same_answers(client, make_frame):
    frame = make_frame(5).astype({"feature_5": "int64"})
    expected = client.predict(frame)["probability"].tolist()
    for dtype in ("float64", "object", "Float64", "float64[pyarrow]", "category"):
        assert client.predict(frame.astype({"feature_1": dtype}))["probability"].tolist() == expected
    for dtype in ("int8", "Int64", "float64", "uint16", "int32[pyarrow]"):
        assert client.predict(frame.astype({"feature_5": dtype}))["probability"].tolist() == expected


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA, pd.NaT, np.datetime64("NaT"), Decimal("nan")])
def test_every_kind_of_missing_value_is_sent_as_null(client, make_frame, missing):
    frame = make_frame(2).astype(object)
    frame.iloc[1, 2] = missing
    with pytest.raises(InvalidInput) as refused:
        client.predict(frame)
    assert refused.value.fields == {"feature_3": ["Field may not be null."]}
    with pytest.raises(InvalidInput) as refused:
        client.predict(frame.iloc[1].to_dict())
    assert refused.value.fields == {"feature_3": ["Field may not be null."]}


def test_errors_name_positions_in_the_whole_frame_and_keep_the_answers_before(client, make_frame):
    frame = make_frame(2 * ROWS_AT_ONCE + 3)
    frame.iloc[ROWS_AT_ONCE + 5, 3] = 1000.0
    with pytest.raises(InvalidInput) as refused:
        client.predict(frame)
    (error,) = refused.value.errors
    assert (error.position, error.label, error.field) == (ROWS_AT_ONCE + 5, f"r{ROWS_AT_ONCE + 5}", "feature_4")
    assert error.messages == ("Must be between 0 and 100.",)
    assert f"row {ROWS_AT_ONCE + 5} (index 'r{ROWS_AT_ONCE + 5}'), feature_4" in str(refused.value)
    assert list(refused.value.partial.index) == list(frame.index[:ROWS_AT_ONCE])


def test_a_column_that_the_model_does_not_have_is_named(client, make_frame):
    with pytest.raises(InvalidInput) as refused:
        client.predict(make_frame(2).assign(surplus=1).drop(columns="feature_2"))
    assert set(refused.value.fields) == {"surplus", "feature_2"}


@pytest.mark.parametrize("value", [np.inf, pd.Timestamp("2026-01-01"), b"text", 1j, [1]])
def test_what_has_no_json_form_is_refused_by_position_before_it_is_sent(client, make_frame, value):
    frame = make_frame(3).astype(object)
    frame.iat[2, 0] = value
    for asked in (frame, frame.iloc[2].to_dict()):
        with pytest.raises(InvalidInput) as refused:
            client.predict(asked)
        assert list(refused.value.fields) == ["feature_1"]
    with pytest.raises(InvalidInput, match=r"row 2 \(index 'r2'\), feature_1"):
        client.predict(frame)


def test_what_is_neither_row_nor_frame_is_refused_with_the_way_out(client, make_frame):
    with pytest.raises(TypeError, match=r"pandas.DataFrame\(rows\)"):
        client.predict(make_frame(2).to_dict("records"))
    with pytest.raises(TypeError, match="several columns named 'feature_1'"):
        client.predict(make_frame(2)[["feature_1", "feature_1"]])


def test_a_version_can_be_asked_for(client, make_frame):
    version = client.info()["model_version"]
    assert client.predict(make_frame(2), model_version=version)["model_version"].tolist() == [version] * 2
    with pytest.raises(NotFound, match="GET /model/info"):
        client.predict(make_frame(2), model_version="other-1")


def test_a_body_that_is_too_large_is_sent_in_smaller_chunks(serve, make_frame):
    client = Client(serve(MAX_BODY_BYTES="700").url)
    answers = client.predict(make_frame(20))
    assert answers["prediction_id"].nunique() > 2
    assert len(answers) == 20
    with pytest.raises(BodyTooLarge, match=r"row 0 \(index 'r0'\)"):
        client.predict(make_frame(3).astype(object).assign(feature_1=["x" * 800, 1.0, 2.0]))


def test_a_proxy_that_takes_less_than_the_service_halves_the_chunk(service, nginx, make_frame):
    port = service.url.rpartition(":")[2]
    proxy = nginx(f"client_max_body_size 400; location / {{ proxy_pass http://127.0.0.1:{port}; }}")
    answers = Client(f"http://127.0.0.1:{proxy.port}").predict(make_frame(12))
    assert list(answers.index) == [f"r{row}" for row in range(12)]
    assert answers["row_index"].max() < ROWS_AT_ONCE - 1


def test_a_forked_process_shares_no_connection_with_its_parent(client, make_frame):
    frames = make_frame(60).iloc[:30], make_frame(60).iloc[30:]
    expected = [client.predict(frame)["probability"].tolist() for frame in frames]
    child = os.fork()
    if child == 0:
        same = all(client.predict(frames[1])["probability"].tolist() == expected[1] for _ in range(5))
        os._exit(0 if same else 1)
    for _ in range(5):
        assert client.predict(frames[0])["probability"].tolist() == expected[0]
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
