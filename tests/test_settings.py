"""Every setting is checked at the start, and a bad one stops it with one clear sentence."""

import subprocess
import sys

import pytest

from service.settings import Settings, SettingsError
from tests.conftest import ROOT, clean_environment

BAD = [
    ("PORT", "80a"),
    ("PORT", "70000"),
    ("BIND", "nonsense"),
    ("BIND", "127.0.0.1:99999"),
    ("WEB_CONCURRENCY", "0"),
    ("WEB_CONCURRENCY", "two"),
    ("WEB_CONCURRENCY", "-1"),
    ("THREADS", "0"),
    ("MODEL_VERSION", "../etc"),
    ("MODEL_URI", "s3://bucket"),
    ("ENGINE", "torch"),
    ("DATABASE_URL", "mysql://x"),
    ("REDIS_URL", "localhost"),
    ("API_TOKENS_FILE", "/does/not/exist"),
    ("RATE_LIMIT", "many"),
    ("RATE_LIMIT", "0/minute"),
    ("RATE_LIMIT", "5/fortnight"),
    ("CACHE", "yes"),
    ("CACHE", "redis"),
    ("MAX_BODY_BYTES", "16MB"),
    ("MAX_BATCH_ROWS", "0"),
    ("LOG_LEVEL", "loud"),
    ("LOG_FORMAT", "xml"),
    ("RECORDS_SAMPLE", "2"),
    ("RECORDS_KEEP_DAYS", "-1"),
    ("TRUSTED_PROXIES", "all"),
    ("WORKER_CLASS", "no.such.Worker"),
    ("DATABASE_URL", "postgresql://user:word@[bad/name"),
    ("DATABASE_URL", "postgresql://host:port/name"),
    ("REDIS_URL", "redis://host:99999/0"),
    ("REDIS_URL", "redis://[bad/0"),
    ("VAR_DIR", __file__),
    ("ARTIFACTS_DIR", __file__),
]


@pytest.mark.parametrize(("name", "value"), BAD)
def test_a_bad_value_is_refused_in_one_sentence_that_names_the_setting(name, value):
    with pytest.raises(SettingsError) as refused:
        Settings.read({name: value})
    sentence = refused.value.message
    assert name in sentence
    assert "\n" not in sentence
    assert sentence.endswith(".")


@pytest.mark.parametrize("address", ["mysql://user:pass/word@host/x", "postgresql://user:pass@word@[bad/x"])
def test_a_refused_address_keeps_its_password(address):
    with pytest.raises(SettingsError) as refused:
        Settings.read({"DATABASE_URL": address})
    assert "word" not in refused.value.message


def test_what_is_written_in_another_case_means_the_same():
    settings = Settings.read({"WORKER_CLASS": "Sync", "ENGINE": "ONNX", "CORS_ORIGINS": "https://App.Example"})
    assert (settings.worker_class, settings.engine) == ("sync", "onnx")
    assert settings.cors_origins == {"https://app.example"}


def test_a_pin_and_an_mlflow_model_exclude_each_other():
    with pytest.raises(SettingsError, match="MODEL_URI and MODEL_VERSION"):
        Settings.read({"MODEL_URI": "models:/churn/3", "MODEL_VERSION": "random_forest-1"})


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ({}, "127.0.0.1:8000"),
        ({"PORT": "9000"}, "0.0.0.0:9000"),
        ({"PORT": "9000", "BIND": "127.0.0.1:80"}, "127.0.0.1:80"),
        ({"BIND": "unix:/run/serving.sock"}, "unix:/run/serving.sock"),
        ({"BIND": "[::1]:8000"}, "[::1]:8000"),
        ({"BIND": " "}, "127.0.0.1:8000"),
    ],
)
def test_the_address_is_bind_else_port_on_every_address_else_this_machine(given, address):
    assert Settings.read(given).address == address


@pytest.mark.process
def test_gunicorn_stops_with_the_sentence_alone():
    run = subprocess.run(
        [sys.executable, "-m", "gunicorn", "wsgi:app"],
        cwd=ROOT,
        env=clean_environment() | {"ENGINE": "torch"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == 1
    assert run.stderr.strip() == "Error: ENGINE='torch' cannot be used: it must be one of onnx, sklearn."


@pytest.mark.process
def test_the_flask_command_prints_the_sentence_without_a_traceback():
    run = subprocess.run(
        [sys.executable, "-m", "flask", "models", "list"],
        cwd=ROOT,
        env=clean_environment() | {"MAX_BODY_BYTES": "16MB"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode != 0
    assert "MAX_BODY_BYTES" in run.stderr
    assert "Traceback" not in run.stderr
