"""Outcomes, facts and health, by a real service."""

import hashlib

import pandas as pd
import pytest
from tabular_client import Client, Conflict, Forbidden, NotFound, Unauthorized, Unavailable

from tests.conftest import until

pytestmark = pytest.mark.process


def _tell(client, *arguments):
    """Tell an outcome as soon as the prediction is in the database."""
    found = {}

    def told():
        try:
            found.update(client.feedback(*arguments))
        except NotFound:
            return False
        return True

    until(told)
    return found


def test_an_outcome_is_told_once_and_again(client, make_frame):
    answer = client.predict(make_frame(1).iloc[0].to_dict())
    assert _tell(client, answer["prediction_id"], answer["prediction"]) == {"count": 1, "created": 1}
    assert client.feedback(answer["prediction_id"], answer["prediction"]) == {"count": 1, "created": 0}
    other = next(label for label in client.info()["classes"] if label != answer["prediction"])
    with pytest.raises(Conflict):
        client.feedback(answer["prediction_id"], other)
    with pytest.raises(NotFound):
        client.feedback("nobody-got-this", other)


def test_the_outcomes_of_a_whole_frame_are_told_at_once_without_those_that_are_not_known(client, make_frame):
    answers = client.predict(make_frame(20))
    outcomes = answers["prediction"].astype(object)
    outcomes.iloc[3] = None
    found = _tell(client, answers["prediction_id"], outcomes, answers["row_index"])
    assert found == {"count": 19, "created": 19}
    assert client.feedback(answers["prediction_id"], outcomes, answers["row_index"])["created"] == 0
    with pytest.raises(ValueError, match="do not match"):
        client.feedback(answers["prediction_id"], outcomes[:5], answers["row_index"])


def test_info_tells_the_limits_and_health_the_state(client, service):
    assert client.info()["limits"] == {"rows": 8, "bytes": 16 * 2**20}
    assert client.health()["status"] == "healthy"


def test_health_is_told_where_nothing_can_be_predicted(serve, tmp_path, make_frame):
    client = Client(serve(ARTIFACTS_DIR=str(tmp_path / "none")).url, retry_seconds=0.5)
    assert client.health()["status"] == "unhealthy"
    with pytest.raises(Unavailable, match="cannot predict"):
        client.predict(make_frame(2).iloc[0].to_dict())


def test_tokens_and_their_scopes(serve, tmp_path, make_frame):
    may_predict, may_observe = "token-of-the-caller", "token-of-the-watcher"
    lines = [
        f"{scope}r:{hashlib.sha256(token.encode()).hexdigest()}:{scope}"
        for scope, token in (("predict", may_predict), ("observe", may_observe))
    ]
    tokens = tmp_path / "tokens"
    tokens.write_text("\n".join(lines) + "\n")
    url = serve(API_TOKENS_FILE=str(tokens)).url
    with pytest.raises(Unauthorized):
        Client(url).predict(make_frame(2))
    with pytest.raises(Forbidden, match="scope predict"):
        Client(url, may_observe).predict(make_frame(2))
    assert isinstance(Client(url, may_predict).predict(make_frame(2)), pd.DataFrame)  # it may not read the limits
    assert Client(url, may_observe).info()["limits"]["rows"] == 10000
