"""Clients of others, as they come, against the real server. Each is skipped with the reason where it is missing."""

import asyncio
import json
import os
import subprocess
import sys
import urllib.request

import numpy as np
import pytest

from service import __version__
from tests.conftest import ROOT, gunicorns

pytestmark = pytest.mark.process

ROWS = np.array([[0.5, 1.2, -0.3, 75.5, 5], [-1.1, 0.4, 2.0, 12.0, 9], [0.1, 0.2, 0.3, 40.0, 1]])
NAMES = [f"feature_{number}" for number in range(1, 6)]


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """The service with a model of a category and a boolean, trained by the real command."""
    folder = tmp_path_factory.mktemp("people")
    draw = np.random.default_rng(7)
    lines = [
        f"{draw.uniform(1, 80):.1f},{draw.choice(['first', 'second', 'third'])},{draw.choice(['True', 'False'])},"
        for _ in range(400)
    ]
    rows = [line + ("yes" if "first" in line or draw.uniform() < 0.2 else "no") for line in lines]
    (folder / "people.csv").write_text("\n".join(["age,class,alone,survived", *rows, ""]))
    command = [
        sys.executable,
        "-m",
        "training",
        "--data",
        "people.csv",
        "--target",
        "survived",
        "--model",
        "logistic_regression",
    ]
    environment = os.environ | {"ARTIFACTS_DIR": str(folder / "artifacts"), "PYTHONPATH": str(ROOT)}
    made = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    with gunicorns(folder / "artifacts", folder) as start:
        yield ready(start)


@pytest.fixture(scope="module")
def server(trained, tmp_path_factory):
    """The service with the default model."""
    with gunicorns(trained, tmp_path_factory.mktemp("server")) as start:
        yield ready(start)


def ready(start):
    started = start()
    started.until_serving(1)
    return started


def expected(server):
    """What /predict/batch says of ROWS: the labels, and the probabilities."""
    instances = [dict(zip(NAMES, [*row[:4], int(row[4])], strict=True)) for row in ROWS.tolist()]
    answer = server.ask("/predict/batch?probabilities=true", {"instances": instances})[1]
    rows = answer["predictions"]
    return [row["prediction"] for row in rows], [row["probabilities"] for row in rows]


@pytest.fixture
def triton():
    """tritonclient over HTTP."""
    return pytest.importorskip(
        "tritonclient.http", reason="tritonclient[http] is not installed (Python package tritonclient)"
    )


def triton_client(triton, server):
    return triton.InferenceServerClient(server.url.removeprefix("http://"))


def columns(triton, binary, rows=ROWS, shape=(3,)):
    found = []
    for place, name in enumerate(NAMES):
        whole = name == "feature_5"
        tensor = triton.InferInput(name, list(shape), "INT64" if whole else "FP64")
        values = rows[:, place].astype(np.int64 if whole else np.float64).reshape(shape)
        found.append(tensor.set_data_from_numpy(values, binary_data=binary))
    return found


def test_tritonclient_reads_health_and_metadata(server, triton):
    with triton_client(triton, server) as client:
        assert client.is_server_live() and client.is_server_ready()
        assert client.is_model_ready("model") and client.is_model_ready("model", "random_forest-1")
        assert not client.is_model_ready("model", "other-1") and not client.is_model_ready("other")
        assert client.get_server_metadata()["extensions"] == ["binary_tensor_data"]
        metadata = client.get_model_metadata("model")
        assert [one["name"] for one in metadata["inputs"]] == NAMES
        assert metadata == client.get_model_metadata("model", "random_forest-1")


@pytest.mark.parametrize("shape", [(3,), (3, 1)])
@pytest.mark.parametrize("binary", [True, False])
def test_tritonclient_infers_with_a_tensor_for_each_feature(server, triton, binary, shape):
    labels, probabilities = expected(server)
    with triton_client(triton, server) as client:
        inputs = columns(triton, binary, shape=shape)
        plain = client.infer("model", inputs)
        assert plain.as_numpy("predict").tolist() == labels
        for asked in ({}, {"binary_data": True}, {"binary_data": False}):
            outputs = [triton.InferRequestedOutput(name, **asked) for name in ("predict_proba", "predict")]
            found = client.infer("model", inputs, outputs=outputs, request_id="mine", model_version="random_forest-1")
            assert found.as_numpy("predict").tolist() == labels
            assert found.as_numpy("predict_proba").tolist() == probabilities
            assert found.get_response()["id"] == "mine"


@pytest.mark.parametrize("dtype", ["FP64", "FP32"])
@pytest.mark.parametrize("binary", [True, False])
def test_tritonclient_infers_with_one_tensor_of_all_features(server, triton, binary, dtype):
    numbers = ROWS.astype({"FP64": np.float64, "FP32": np.float32}[dtype])
    with triton_client(triton, server) as client:
        tensor = triton.InferInput("input-0", list(numbers.shape), dtype).set_data_from_numpy(
            numbers, binary_data=binary
        )
        found = client.infer("model", [tensor]).as_numpy("predict")
        one_by_one = client.infer("model", columns(triton, True, numbers.astype(np.float64))).as_numpy("predict")
        assert found.tolist() == one_by_one.tolist()


def test_tritonclient_reports_what_is_wrong_in_our_words(server, triton):
    with triton_client(triton, server) as client:
        with pytest.raises(triton.InferenceServerException, match=r"instances.1.feature_4: Must be between 0 and 100"):
            client.infer("model", columns(triton, True, ROWS + np.array([0, 0, 0, 60, 0]) * [[0], [2], [0]]))
        with pytest.raises(triton.InferenceServerException, match="no model of this name"):
            client.get_model_metadata("other")


@pytest.mark.parametrize("binary", [True, False])
def test_tritonclient_sends_categories_and_booleans_and_reads_labels_of_text(people, triton, binary):
    values = {
        "age": ("FP64", np.array([30.5, 4.0])),
        "class": ("BYTES", np.array([b"first", b"third"], dtype=np.object_)),
        "alone": ("BOOL", np.array([True, False])),
    }
    inputs = [
        triton.InferInput(name, [2], datatype).set_data_from_numpy(array, binary_data=binary)
        for name, (datatype, array) in values.items()
    ]
    rows = [{"age": 30.5, "class": "first", "alone": True}, {"age": 4.0, "class": "third", "alone": False}]
    answer = people.ask("/predict/batch", {"instances": rows})[1]
    with triton_client(triton, people) as client:
        for asked in (True, False):
            outputs = [triton.InferRequestedOutput("predict", binary_data=asked)]
            found = client.infer("model", inputs, outputs=outputs).as_numpy("predict")
            labels = [label.decode() if isinstance(label, bytes) else label for label in found.tolist()]
            assert labels == [row["prediction"] for row in answer["predictions"]]


def test_kserves_client_infers_and_asks_for_health(server):
    kserve = pytest.importorskip("kserve", reason="not installed: it needs pandas 2, and this project has pandas 3")
    assert asyncio.run(ask_by_kserve(kserve, server.url)) == expected(server)[0]


async def ask_by_kserve(kserve, url):
    """The labels of ROWS by KServe's client, with tensors in JSON and in binary."""
    client = kserve.InferenceRESTClient(kserve.RESTConfig(protocol="v2"))
    assert await client.is_server_ready(url) and await client.is_server_live(url)
    assert await client.is_model_ready(url, "model") and not await client.is_model_ready(url, "other")
    found = []
    for binary in (False, True):
        inputs = []
        for place, name in enumerate(NAMES):
            kind, datatype = (np.int64, "INT64") if name == "feature_5" else (np.float64, "FP64")
            tensor = kserve.InferInput(name, [len(ROWS)], datatype)
            tensor.set_data_from_numpy(ROWS[:, place].astype(kind), binary_data=binary)
            inputs.append(tensor)
        asked = kserve.InferRequest(model_name="model", infer_inputs=inputs)
        answer = await client.infer(url, asked, model_name="model")
        found.append([int(label) for label in answer.outputs[0].as_numpy().tolist()])
    assert found[0] == found[1]
    return found[0]


def test_mlflows_scoring_client_invokes_pings_and_asks_the_version(server):
    scoring = pytest.importorskip(
        "mlflow.pyfunc.scoring_server.client", reason="not installed (Python package mlflow-skinny)"
    )
    import pandas as pd

    host, port = server.url.removeprefix("http://").split(":")
    client = scoring.ScoringServerClient(host, int(port))
    client.wait_server_ready()
    assert client.get_version() == __version__
    frame = pd.DataFrame(ROWS, columns=NAMES).astype({"feature_5": int})
    labels = expected(server)[0]
    for data in (frame, ROWS, frame.to_dict("records"), json.dumps({"dataframe_records": frame.to_dict("records")})):
        assert list(client.invoke(data).get_predictions().iloc[:, 0]) == labels
    assert list(client.invoke(frame, params={"any": 1}).get_predictions().iloc[:, 0]) == labels
    frame.loc[1, "feature_1"] = float("nan")
    with pytest.raises(Exception, match=r"error code 400.*instances.1.feature_1: Field may not be null"):
        client.invoke(frame)


def test_a_frame_is_sent_as_mlflows_documents_say(server):
    import pandas as pd

    frame = pd.DataFrame(ROWS, columns=NAMES).astype({"feature_5": int})
    labels = expected(server)[0]
    for orient in ("split", "records"):
        document = {f"dataframe_{orient}": json.loads(frame.to_json(orient=orient))}
        assert server.ask("/invocations", document) == (200, {"predictions": labels})
        document = {f"dataframe_{orient}": frame.to_dict(orient)}
        assert server.ask("/invocations", document) == (200, {"predictions": labels})
    request = urllib.request.Request(
        server.url + "/invocations", frame.to_csv(index=False).encode(), {"Content-Type": "text/csv"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert json.load(answer) == {"predictions": labels}
