"""The lean classes behave as Flask does: contexts, hooks in their order, routing, bodies, answers."""

import io

import flask
import pytest
from flask import Blueprint, Flask, current_app, g, request, session, url_for
from hypothesis import given
from hypothesis import strategies as st

from service.web.context import ServingRequest, ServingResponse
from service.web.json_provider import OrjsonProvider
from service.web.lean.app import LeanFlask


class PlainFlask(Flask):
    """What serves under a Flask that the lean classes were not read against."""

    request_class = ServingRequest
    response_class = ServingResponse
    json_provider_class = OrjsonProvider


either = pytest.mark.parametrize("base", [LeanFlask, PlainFlask])


def application(base=LeanFlask):
    app = base("test", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = 1000
    seen = app.seen = []
    inner = Blueprint("inner", __name__)
    for place, name in ((app, "app"), (inner, "inner")):
        place.before_request(lambda name=name: seen.append(f"before {name}"))
        place.after_request(lambda response, name=name: seen.append(f"after {name}") or response)
    app.before_request(lambda: "stopped" if request.args.get("stop") else None)

    @app.get("/")
    def home():
        flask.after_this_request(lambda response: seen.append("after this") or response)
        g.seen = current_app.name
        return {"endpoint": request.endpoint, "url": url_for("inner.item", number=3), "session": dict(session)}

    @inner.route("/items/<int:number>", methods=["GET", "PUT"])
    def item(number):
        return {"number": number, "q": request.args.get("q"), "host": request.host, "path": request.full_path}

    @inner.get("/folder/")
    def folder():
        return "", 204

    app.register_blueprint(inner)
    return app


REQUESTS = [
    ("GET", "/"),
    ("HEAD", "/"),
    ("OPTIONS", "/"),
    ("POST", "/"),
    ("GET", "/?stop=1"),
    ("GET", "/items/7?q=%C3%A9"),
    ("PUT", "/items/7"),
    ("GET", "/items/x"),
    ("GET", "/folder"),
    ("GET", "/folder/"),
    ("GET", "//items/7"),
    ("GET", "/nothing"),
    ("GET", "/caf%C3%A9"),
]


@pytest.mark.parametrize(("method", "path"), REQUESTS)
def test_it_answers_as_flask_does_and_runs_the_same_hooks(method, path):
    lean, plain = application(), application(Flask)
    for _ in range(2):  # the second time the route is known
        ours = lean.test_client().open(path, method=method)
        theirs = plain.test_client().open(path, method=method)
        assert ours.status_code == theirs.status_code
        assert ours.headers.get("Location") == theirs.headers.get("Location")
        assert ours.headers.get("Allow", "").split(", ").sort() == theirs.headers.get("Allow", "").split(", ").sort()
        if ours.status_code == 200 and method != "HEAD":
            assert ours.get_json(silent=True) == theirs.get_json(silent=True)
        assert lean.seen == plain.seen


def test_teardown_functions_and_signals_are_run():
    app = application()
    app.teardown_request(lambda exc: app.seen.append("teardown request"))
    app.teardown_appcontext(lambda exc: app.seen.append("teardown app"))
    with flask.appcontext_popped.connected_to(lambda sender: app.seen.append("popped"), app):
        app.test_client().get("/")
    assert app.seen[-3:] == ["teardown request", "teardown app", "popped"]


def test_contexts_are_gone_after_the_request():
    app = application()
    with app.test_client() as client:
        client.get("/")
        assert g.seen == "test"  # kept for the test, as Flask does
    assert not flask.has_request_context()
    assert not flask.has_app_context()


def test_a_request_of_another_host_than_the_trusted_ones_is_refused_even_on_a_known_route():
    app = application()
    assert app.test_client().get("/items/1").status_code == 200
    app.config["TRUSTED_HOSTS"] = ["localhost"]
    assert app.test_client().get("/", headers={"Host": "evil"}).status_code == 400


def test_known_routes_are_no_more_than_the_routes_without_variables():
    app = application()
    for number in range(50):
        app.test_client().get(f"/items/{number}")
        app.test_client().get(f"/nothing/{number}")
    app.test_client().get("/")
    assert set(app.known_routes) == {("GET", "/")}


def test_an_async_view_is_refused_when_registered():
    async def view():
        return ""

    with pytest.raises(TypeError, match="view is async"):
        application().add_url_rule("/a", view_func=view)


@either
@pytest.mark.parametrize("length", ["3", None])
def test_a_body_is_read_whole_whether_or_not_its_length_is_announced(base, length):
    app = application(base)

    @app.post("/echo")
    def echo():
        return app.response_class.ready(request.body(5) + request.get_data())

    given = {} if length else {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}
    answer = app.test_client().post(
        "/echo", input_stream=io.BytesIO(b"abc"), content_length=length, environ_overrides=given
    )
    assert answer.data == b"abcabc"


@either
@pytest.mark.parametrize(
    ("sent", "length", "status"),
    [(b"abcdef", "6", 413), (b"abcdef", None, 413), (b"", "9" * 5000, 413), (b"ab", "3", 400)],
)
def test_a_body_that_is_too_long_or_too_short_is_refused(base, sent, length, status):
    app = application(base)
    app.post("/echo")(lambda: request.body(5))
    environ = {"CONTENT_LENGTH": length} if length else {"HTTP_TRANSFER_ENCODING": "chunked"}
    answer = app.test_client().post(
        "/echo", input_stream=io.BytesIO(sent), environ_overrides={"wsgi.input_terminated": True} | environ
    )
    assert answer.status_code == status


@either
def test_a_ready_answer_is_one_like_any_other(base):
    app = application(base)

    @app.get("/ready")
    def ready():
        answer = app.response_class.ready(b'{"a":1}', [("X-A", "1")])
        answer.stamp("X-B", "2")
        if request.args:
            answer.status_code = int(request.args["status"])
        return answer

    client = app.test_client()
    answer = client.get("/ready")
    assert (answer.status, answer.json) == ("200 OK", {"a": 1})
    expected = [("Content-Type", "application/json"), ("Content-Length", "7"), ("X-A", "1"), ("X-B", "2")]
    assert sorted(answer.headers) == sorted(expected)
    assert client.head("/ready").data == b""
    assert client.get("/ready?status=204").headers.get("Content-Length") is None
    assert client.get("/ready?status=404").data == b'{"a":1}'


@either
def test_a_ready_answer_that_is_changed_is_sent_changed(base):
    app = application(base)

    @app.get("/changed")
    def changed():
        answer = app.response_class.ready(b"{}")
        answer.set_data(b"other")
        answer.headers["Content-Type"] = "text/plain"
        return answer

    answer = app.test_client().get("/changed")
    assert (answer.data, answer.content_length, answer.content_type) == (b"other", 5, "text/plain")


@either
def test_what_runs_on_close_is_run_after_the_answer(base):
    app = application(base)

    @app.get("/closing")
    def closing():
        answer = app.response_class.ready(b"{}")
        answer.call_on_close(lambda: app.seen.append("closed"))
        return answer

    app.test_client().get("/closing").close()
    assert app.seen[-1] == "closed"


@either
@given(st.recursive(st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(), st.lists))
def test_json_goes_out_and_comes_in_again(base, value):
    app = application(base)
    with app.app_context():
        assert flask.json.loads(flask.json.dumps(value)) == value
        assert flask.json.loads(flask.jsonify(value).data) == value


@either
def test_invalid_json_is_refused(base):
    with application(base).app_context():
        for text in ("NaN", "[Infinity]", "{", ""):
            with pytest.raises(ValueError, match=r".+"):
                flask.json.loads(text)
