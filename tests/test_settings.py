"""Every setting is checked at the start, and a bad one stops it with one clear sentence."""

import re
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.records.database.connection import make_engine
from service.records.database_url import sqlite_file
from service.setting_readers import Address, Rate, integer
from service.settings import NAMES, SETTINGS, Settings, SettingsError, setting, table
from tests.conftest import ROOT, clean_environment

BAD = [
    ("PORT", "80a"),
    ("PORT", "70000"),
    ("BIND", "nonsense"),
    ("BIND", "127.0.0.1:99999"),
    ("WEB_CONCURRENCY", "0"),
    ("WEB_CONCURRENCY", "two"),
    ("WEB_CONCURRENCY", "-1"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "127.0.0.1:4318"),
    ("THREADS", "0"),
    ("MODEL_VERSION", "../etc"),
    ("MODEL_URI", "s3://bucket"),
    ("MODEL_URI", "models:/churn"),
    ("MODEL_URI", "models:/churn@"),
    ("MODEL_URI", "models:/churn@live/3"),
    ("ENGINE", "torch"),
    ("DATABASE_URL", "mysql://x"),
    ("DATABASE_URL", "sqlite:///"),
    ("DATABASE_URL", "sqlite:///:memory:"),
    ("DATABASE_URL", "sqlite:///file:x"),
    ("DATABASE_URL", "sqlite:////p/rel.db?timeout=3"),
    ("DATABASE_URL", "sqlite:////tmp"),
    ("TRUSTED_KEYS", "/does/not/exist"),
    ("TRUSTED_KEYS", __file__),
    ("TRUSTED_KEYS", "/dev/zero"),
    ("TRUSTED_KEYS", str(ROOT / "tests")),
    ("REDIS_URL", "localhost"),
    ("API_TOKENS_FILE", "/does/not/exist"),
    ("RATE_LIMIT", "many"),
    ("RATE_LIMIT", "0/minute"),
    ("RATE_LIMIT", "5/fortnight"),
    ("CACHE", "yes"),
    ("CACHE", "redis"),
    ("MAX_BODY_BYTES", "16MB"),
    ("MAX_BATCH_ROWS", "0"),
    ("PROTOCOLS", "oip,grpc"),
    ("MODEL_NAME", "a/b"),
    ("OVERLOAD_MS", "-1"),
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
    ("RECORDS", "yes"),
    ("CORS_ORIGINS", "app.example"),
    ("METRICS_BIND", "9100"),
    ("MONITOR_SECONDS", "-1"),
    ("DRIFT_HOURS", "0"),
    ("DRIFT_ROWS", "1"),
]
KEYS = ROOT / "tests" / "cases" / "trusted.pem"
NEVER_BAD = {"RECORDS_REDACT"}
"""A list of any names."""


@pytest.mark.parametrize(("name", "value"), BAD)
def test_a_bad_value_is_refused_in_one_sentence_that_names_the_setting(name, value):
    with pytest.raises(SettingsError) as refused:
        Settings.read({name: value})
    sentence = refused.value.message
    assert name in sentence
    assert "\n" not in sentence
    assert sentence.endswith(".")


def test_every_setting_has_a_bad_value():
    lacking = sorted(NAMES - {name for name, _ in BAD} - NEVER_BAD)
    assert not lacking, f"tests/test_settings.py: BAD lacks a bad value of {', '.join(lacking)}"


@pytest.mark.parametrize("name", [row.name.lower() for row in SETTINGS])
def test_every_setting_is_used(name):
    modules = [ROOT / "gunicorn.conf.py", *ROOT.glob("service/**/*.py"), *ROOT.glob("training/**/*.py")]
    used = re.compile(rf"settings\.{name}\b|\"{name}\"")
    assert any(used.search(path.read_text()) for path in modules), f"no code uses settings.{name}"


@pytest.mark.parametrize("address", ["mysql://user:pass/word@host/x", "postgresql://user:pass@word@[bad/x"])
def test_a_refused_address_keeps_its_password(address):
    with pytest.raises(SettingsError) as refused:
        Settings.read({"DATABASE_URL": address})
    assert "word" not in refused.value.message


def test_what_is_written_in_another_case_means_the_same():
    settings = Settings.read({"WORKER_CLASS": "Sync", "ENGINE": "ONNX", "CORS_ORIGINS": "https://App.Example"})
    assert (settings.worker_class, settings.engine) == ("sync", "onnx")
    assert settings.cors_origins == {"https://app.example"}


@pytest.mark.parametrize("path", ["/p/a%41b.db", "p/ä b.db", "/p/:memory:.db", "/p/x%3Fy.db"])
def test_the_path_of_a_sqlite_address_is_taken_as_it_stands(path):
    settings = Settings.read({"DATABASE_URL": f"sqlite:///{path}"})
    assert sqlite_file(settings) == Path(path).absolute()
    assert make_engine(settings).url.database == str(Path(path).absolute())


def test_keys_are_public_keys_of_elliptic_curves(tmp_path):
    assert Settings.read({"TRUSTED_KEYS": str(KEYS)}).trusted_keys == KEYS
    (tmp_path / "one.pem").write_bytes(KEYS.read_bytes())
    (tmp_path / "README").touch()
    assert Settings.read({"TRUSTED_KEYS": str(tmp_path)}).trusted_keys == tmp_path
    (tmp_path / "two.pem").write_text("-----BEGIN EC PRIVATE KEY-----\n")
    with pytest.raises(SettingsError, match="private"):
        Settings.read({"TRUSTED_KEYS": str(tmp_path)})


def test_both_protocols_are_spoken_unless_the_setting_names_others_or_none():
    assert Settings.read({}).protocols == {"oip", "mlflow"}
    assert Settings.read({"PROTOCOLS": "OIP"}).protocols == {"oip"}
    assert Settings.read({"PROTOCOLS": " "}).protocols == frozenset()


def test_a_pin_and_an_mlflow_model_exclude_each_other():
    with pytest.raises(SettingsError, match="MODEL_URI and MODEL_VERSION"):
        Settings.read({"MODEL_URI": "models:/churn/3", "MODEL_VERSION": "random_forest-1"})


@pytest.mark.parametrize(
    ("environment", "address"),
    [
        ({}, "127.0.0.1:8000"),
        ({"PORT": "9000"}, "0.0.0.0:9000"),
        ({"PORT": "9000", "BIND": "127.0.0.1:80"}, "127.0.0.1:80"),
        ({"BIND": "unix:/run/serving.sock"}, "unix:/run/serving.sock"),
        ({"BIND": "[::1]:8000"}, "[::1]:8000"),
        ({"BIND": " "}, "127.0.0.1:8000"),
    ],
)
def test_the_address_is_bind_else_port_on_every_address_else_this_machine(environment, address):
    assert str(Settings.read(environment).bind) == address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:80", Address("127.0.0.1", 80)),
        ("[::1]:80", Address("::1", 80)),
        ("unix:/run/a:b.sock", Address(unix="/run/a:b.sock")),
        ("fd://0", Address(fd=0)),
    ],
)
def test_an_address_knows_its_parts_and_is_written_as_gunicorn_reads_it(text, address):
    assert Settings.read({"BIND": text}).bind == address
    assert str(address) == text


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("100/minute", Rate(100, 60)),
        ("5 per 2 seconds", Rate(5, 2)),
        ("1/day", Rate(1, 86400)),
        ("7 / 3 hours", Rate(7, 10800)),
        ("1per1second", Rate(1, 1)),
        ("", None),
    ],
)
def test_every_form_of_a_rate_is_read(text, rate):
    assert Settings.read({"RATE_LIMIT": text}).rate_limit == rate


PORTS = st.integers(1, 65535).map(str)
HOSTS = st.sampled_from(["127.0.0.1", "localhost", "my-host.example", "[::1]", "[fe80::1]"])
LISTENERS = st.builds("{}:{}".format, HOSTS, PORTS)
WORDS = st.from_regex(r"[A-Za-z0-9_.\-]{1,12}", fullmatch=True)
FOLDERS = st.from_regex(r"/nowhere(/[A-Za-z0-9 ._,=\-]*[A-Za-z0-9]){1,2}", fullmatch=True)
COUNTS = {"second": 1, "seconds": 9999, "minute": 1, "minutes": 9999, "hours": 9999, "day": 1, "days": 9999}
RATES = st.sampled_from(list(COUNTS)).flatmap(
    lambda unit: st.builds(
        f"{{}} per {{}} {unit}".format, st.integers(1, 999_999_999), st.integers(min(2, COUNTS[unit]), COUNTS[unit])
    )
)
VALUES = {
    "PORT": PORTS,
    "BIND": LISTENERS | st.builds("unix:/run/{}.sock".format, WORDS) | st.builds("fd://{}".format, st.integers(0, 99)),
    "WEB_CONCURRENCY": st.integers(1, 512).map(str),
    "WORKER_CLASS": st.sampled_from(["inline", "SYNC", "gthread", "service.server.worker.InlineWorker"]),
    "OTEL_EXPORTER_OTLP_ENDPOINT": st.builds("https://{}:4318".format, WORDS),
    "THREADS": st.integers(1, 256).map(str),
    "ARTIFACTS_DIR": FOLDERS,
    "MODEL_VERSION": st.from_regex(r"[a-z][a-z_.\-]{0,20}-[0-9]", fullmatch=True),
    "MODEL_URI": st.builds("models:/{}/{}".format, WORDS, st.integers(1, 99))
    | st.builds("models:/{}@{}".format, WORDS, WORDS),
    "ENGINE": st.sampled_from(["auto", "ONNX", "sklearn"]),
    "VAR_DIR": FOLDERS,
    "DATABASE_URL": st.builds("postgresql://u:p%40@{}/n?a=1,2".format, LISTENERS)
    | st.builds("sqlite:///{}".format, FOLDERS),
    "TRUSTED_KEYS": st.sampled_from([str(KEYS), ""]),
    "RECORDS": st.sampled_from(["on", "OFF"]),
    "RECORDS_KEEP_DAYS": st.integers(0, 36500).map(str),
    "RECORDS_SAMPLE": st.floats(0, 1).map("{:.40f}".format),
    "RECORDS_REDACT": st.lists(st.text("abc é$:", min_size=1), max_size=3).map(" , ".join),
    "REDIS_URL": st.builds("redis://:p@{}/0".format, LISTENERS),
    "API_TOKENS_FILE": st.just(__file__),
    "RATE_LIMIT": RATES,
    "TRUSTED_PROXIES": st.integers(0, 10).map(str),
    "CORS_ORIGINS": st.lists(st.builds("https://{}:{}".format, WORDS, PORTS), max_size=3).map(",".join),
    "CACHE": st.sampled_from(["off", "local"]),
    "MAX_BODY_BYTES": st.integers(1, 2**31).map(str),
    "MAX_BATCH_ROWS": st.integers(1, 10_000_000).map(str),
    "PROTOCOLS": st.sampled_from(["", " ", "oip", "MLflow", "mlflow , oip"]),
    "MODEL_NAME": WORDS.filter(lambda word: word[0].isalnum()),
    "OVERLOAD_MS": st.integers(0, 600_000).map(str),
    "LOG_LEVEL": st.sampled_from(["debug", "info", "warning", "error", "critical"]),
    "METRICS_BIND": LISTENERS,
    "MONITOR_SECONDS": st.integers(0, 600).map(str),
    "DRIFT_HOURS": st.integers(1, 8760).map(str),
    "DRIFT_ROWS": st.integers(20, 1_000_000).map(str),
    "LOG_FORMAT": st.sampled_from(["json", "text"]),
}


def test_every_setting_takes_part_in_the_property():
    lacking = sorted(NAMES - VALUES.keys())
    assert not lacking, f"tests/test_settings.py: VALUES lacks good values of {', '.join(lacking)}"
    assert VALUES.keys() == NAMES


@given(st.fixed_dictionaries({}, optional=VALUES))
def test_what_a_child_process_is_given_reads_back_to_the_same_settings(environment):
    if "MODEL_URI" in environment:
        environment.pop("MODEL_VERSION", None)
    settings = Settings.read(environment)
    written = settings.environment()
    again = Settings.read(written)
    absolute = replace(settings, artifacts_dir=settings.artifacts_dir.absolute(), var_dir=settings.var_dir.absolute())
    assert again == absolute
    assert again.environment() == written


def test_a_child_process_elsewhere_finds_the_same_folders(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written = Settings.read({"VAR_DIR": "run", "ARTIFACTS_DIR": "./models"}).environment()
    assert (written["VAR_DIR"], written["ARTIFACTS_DIR"]) == (str(tmp_path / "run"), str(tmp_path / "models"))


def test_the_shipper_is_given_what_it_reads_and_no_secret_of_others():
    settings = Settings.read({"REDIS_URL": "redis://:word@host/0", "MODEL_URI": "models:/churn/3", "DRIFT_ROWS": "77"})
    written = settings.environment(shipper=True)
    assert "word" not in "".join(written.values())
    assert written.keys() == {row.name for row in SETTINGS if row.shipper}
    assert (written["MODEL_URI"], written["DRIFT_ROWS"]) == ("models:/churn/3", "77")


def test_a_setting_that_is_declared_without_its_parts_is_an_error_at_import():
    @dataclass
    class Bare:
        port: int

    @dataclass
    class Unexplained:
        port: int = setting("1", integer(1, 9), "", shipper=False)

    for declared in (Bare, Unexplained):
        with pytest.raises(TypeError, match=f"{declared.__name__}.port"):
            table(declared)
    with pytest.raises(TypeError, match="help"):
        setting("1", integer(1, 9), shipper=False)


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
    assert run.stderr.strip() == "Error: ENGINE='torch' cannot be used: it must be one of auto, onnx, sklearn."


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
