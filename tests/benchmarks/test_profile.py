"""Where a request's time goes, layer by layer."""

import time

import pytest

from benchmarks.profile import LAYERS, OTHER, layer_of, layers_of, table


@pytest.mark.parametrize(
    ("file", "name", "layer"),
    [
        ("site-packages/flask/app.py", "wsgi_app", "Flask and Werkzeug"),
        ("service/web/lean/app.py", "preprocess_request", "Flask and Werkzeug"),
        ("service/web/tracing.py", "finish", "hooks and views"),
        ("service/log/__init__.py", "info_many", "log"),
        ("service/metrics/__init__.py", "request", "metrics"),
        ("site-packages/marshmallow/schema.py", "load", "validation"),
        ("~", "<built-in method onnxruntime.capi.onnxruntime_pybind11_state.run>", "engine"),
        ("~", "<built-in method posix.write>", OTHER),
    ],
)
def test_a_function_belongs_to_the_layer_that_it_serves(file, name, layer):
    assert layer_of(file, name) == layer


def test_the_layers_add_up_to_the_whole_call():
    def app(environ, start_response):
        start_response("200 OK", [])
        until = time.process_time() + 2e-5
        while time.process_time() < until:
            pass
        return [environ["wsgi.input"].read()]

    found = layers_of(app, [b"{}"])
    assert set(found) == {*LAYERS, OTHER, "whole call"}
    assert sum(found.values()) - found["whole call"] == pytest.approx(found["whole call"], abs=0.5)
    assert "whole call" in table({"before": found, "after": found})
