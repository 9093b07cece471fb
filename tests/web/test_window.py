"""What /model/drift and /model/performance have in common: the window, and the version of the query."""

import pytest

BOTH = ("/model/drift", "/model/performance")


@pytest.mark.parametrize("path", BOTH)
def test_a_name_that_no_version_can_have_is_refused_before_the_database_is_queried(make_client, path):
    client = make_client(DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")
    for name in ("%00", "../secrets", ""):
        assert client.get(f"{path}?model_version={name}").status_code == 404
    assert client.get(f"{path}?model_version=random_forest-1").status_code == 503


@pytest.mark.parametrize("path", BOTH)
def test_an_answer_says_its_window_from_since_to_until(make_client, path):
    answer = make_client().get(f"{path}?window=90m").json
    assert answer["window"] == "90m"
    assert answer["since"] < answer["until"]
    assert all(answer[end].endswith("Z") and len(answer[end]) == 24 for end in ("since", "until"))


@pytest.mark.parametrize("path", BOTH)
def test_a_version_that_is_loaded_may_have_no_record(make_client, path):
    client = make_client()
    assert client.get(f"{path}?model_version=random_forest-1").status_code == 200
    assert client.get(f"{path}?model_version=random_forest-7").status_code == 404
