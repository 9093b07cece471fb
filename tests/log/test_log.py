"""The structured log: one whole line for each event, no secret in it, and no waiting for its reader."""

import json
import re
import subprocess
import sys

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.log import as_json, as_text, fit
from service.log.stdout import ATOMIC_BYTES


def test_every_line_has_time_level_event_and_process(logged):
    (line,) = logged("log.info('request', method='POST', status=200)")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])
    assert (line["level"], line["event"], line["method"], line["status"]) == ("info", "request", "POST", 200)
    assert line["pid"] > 0


def test_events_below_the_level_are_not_written(logged):
    lines = logged(
        "log.debug('a'); log.info('b'); log.info_many(('c', {})); log.warning('d'); log.error('e')\n"
        "logging.getLogger('x').info('f')",
        LOG_LEVEL="warning",
    )
    assert [line["event"] for line in lines] == ["d", "e"]


def test_several_events_are_several_lines(logged):
    lines = logged("log.info_many(('prediction_made', {'prediction': 1}), ('request', {'status': 200}))")
    assert [line["event"] for line in lines] == ["prediction_made", "request"]


def test_the_bound_request_id_is_on_every_line_those_of_libraries_included(logged):
    lines = logged(
        "log.bind('abc'); log.info('a'); logging.getLogger('lib').warning('b %d', 1); log.bind(''); log.info('c')"
    )
    assert [line.get("request_id") for line in lines] == ["abc", "abc", None]
    assert (lines[1]["event"], lines[1]["logger"], lines[1]["message"]) == ("library", "lib", "b 1")


def test_an_error_carries_its_traceback(logged):
    (line,) = logged("try: 1/0\nexcept ZeroDivisionError: log.error('error', exc_info=True)")
    assert line["exception"].startswith("Traceback")
    assert line["exception"].endswith("ZeroDivisionError: division by zero")


def test_the_text_format_is_readable_and_one_line_cannot_look_like_two(run_logging):
    text = run_logging(r"log.warning('request', path='/a b\n2026 fake', status=404)", LOG_FORMAT="text")
    assert re.fullmatch(r'\S+Z WARNING  request path="/a b\\n2026 fake" status=404\n', text)


def test_configuring_twice_does_not_write_twice(logged):
    assert len(logged("log.configure(Settings.read({})); logging.getLogger('x').error('once')")) == 1


SECRETS = {
    "a password in an address": "logging.getLogger('db').error('no route to postgresql://me:hunter22@db/x')",
    "a configured password": "log.error('error', detail='FATAL hunter22')",
    "a bearer token": "log.warning('error', detail='Authorization: Bearer hunter22')",
    "basic credentials": "logging.getLogger('x').error('%r', 'Authorization: Basic hunter22==')",
    "a query": "log.info('request', path='/predict?api_key=hunter22&token=hunter22')",
    "a field named so": "log.info('request', authorization='hunter22', token='hunter22')",
    "a header dump": "log.error('error', headers={'X-Api-Key': 'hunter22', 'password': 'hunter22'})",
    "a traceback": "try: raise OSError('redis://:hunter22@h: refused')\nexcept OSError: log.error('e', exc_info=True)",
}


@pytest.mark.parametrize("form", ["json", "text"])
@pytest.mark.parametrize("code", SECRETS.values(), ids=SECRETS)
def test_no_secret_reaches_a_line(run_logging, code, form):
    text = run_logging(code, LOG_FORMAT=form, DATABASE_URL="postgresql://me:hunter22@db/x")
    assert "***" in text
    assert "hunter22" not in text


@pytest.mark.parametrize("password", ["info", "1234", "2026", "null", "true", "latency", "0.12"])
def test_a_password_that_is_an_ordinary_word_breaks_no_line(logged, password):
    code = "log.info('prediction_made', latency_ms=0.1234, prediction=None, ok=True, detail='2026 info 1234 null true')"
    (line,) = logged(code, DATABASE_URL=f"postgresql://me:{password}@db/x")
    assert (line["latency_ms"], line["prediction"], line["ok"]) == (0.1234, None, True)
    assert (line["level"], line["event"]) == ("info", "prediction_made")
    assert password not in line["detail"]


def test_redaction_leaves_other_text_alone(logged):
    harmless = "basic facts: the token count, a key=value pair, http://127.0.0.1:8000/predict, monkey=patch"
    (line,) = logged(f"log.info('request', detail={harmless!r})")
    assert line["detail"] == harmless


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.binary() | st.just(object),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.text(min_size=1), anything))
def test_any_fields_make_one_line(fields):
    head = {"time": "t", "level": "info", "event": "e", "pid": 1}
    for line in (as_json(fields | head), fit(fields | head, as_json)):
        assert line.count(b"\n") == 1
        assert json.loads(line)["event"] == "e"
    assert as_text({f"field_{n}": value for n, value in enumerate(fields.values())} | head).count(b"\n") == 1


def test_a_lone_surrogate_and_a_huge_integer_are_logged():
    assert json.loads(as_json({"path": "\udc80", "n": 2**70})) == {"path": "\udc80", "n": 2**70}


@pytest.mark.parametrize("name", ["exception", "detail"])
def test_a_long_value_is_cut_until_the_line_fits_a_pipe(name):
    fields = {"time": "t", "level": "error", "event": "error", "pid": 1, name: "START" + "é\x00" * 9000 + "END", "n": 1}
    line = orjson.loads(fit(fields, as_json))
    assert len(fit(fields, as_json)) <= ATOMIC_BYTES
    assert line["n"] == 1
    assert line[name].endswith("END") if name == "exception" else line[name].startswith("START")


@pytest.mark.process
def test_lines_of_several_processes_do_not_run_into_each_other(run_logging):
    text = run_logging(
        "children = [os.fork() for _ in range(2)]\n"
        "for n in range(300): log.info('request', filler='x' * (n * 13 % 4000), n=n)\n"
        "if all(children): [os.waitpid(child, 0) for child in children]\n"
        "else: os._exit(0)"
    )
    lines = [json.loads(line) for line in text.splitlines()]
    assert len(lines) == 300 * 4
    assert len({line["pid"] for line in lines}) == 4


@pytest.mark.process
@pytest.mark.parametrize(
    ("redirect", "why"), [(">&-", "closed"), ("> /dev/full", "a full disk"), ("| true", "nobody reads")]
)
def test_a_standard_output_that_fails_costs_nothing_but_the_lines(redirect, why):
    code = (
        "import os, sys\nfrom service.settings import Settings\nfrom service import log\n"
        "log.configure(Settings.read({}))\nfor n in range(3000): log.info('request', n=n)\n"
        "os.write(2, str(log.lost()).encode())\nos._exit(7)"
    )
    script = f'{sys.executable} -c "$CODE" {redirect}; echo ${{PIPESTATUS[0]}}'
    done = subprocess.run(["bash", "-c", f"({script}) 3>&1"], env={"CODE": code}, capture_output=True, timeout=30)
    assert int(done.stderr) > 0, why


@pytest.mark.process
def test_a_reader_that_stops_reading_loses_lines_stops_nobody_and_finds_their_number_later(run_logging):
    text = run_logging(
        "readable, writable = os.pipe()\n"
        "real = os.dup(1); os.dup2(writable, 1); log.configure(Settings.read({}))\n"
        "begun = time.monotonic()\n"
        "for n in range(5000): log.info('request', n=n)\n"
        "assert time.monotonic() - begun < 5 and log.lost() > 1000\n"
        "read = os.read(readable, 1 << 20)\n"
        "log.info('request', n='again')\n"
        "read += os.read(readable, 1 << 20)\n"
        "os.write(real, read)"
    )
    *lines, again, report = [json.loads(line) for line in text.splitlines()]
    assert [line["n"] for line in lines] == list(range(len(lines)))
    assert again["n"] == "again"
    assert (report["event"], report["count"]) == ("log_lines_lost", 5000 - len(lines))


@pytest.mark.process
def test_a_socket_as_standard_output_takes_lines_as_a_journal_does(run_logging):
    text = run_logging(
        "import socket\nours, theirs = socket.socketpair()\nreal = os.dup(1)\n"
        "os.dup2(theirs.fileno(), 1); log.configure(Settings.read({}))\n"
        "log.info('request', n=1)\nos.write(real, ours.recv(9999))\n"
        "for n in range(3000): log.info('request', n=n)\nassert log.lost() > 0"
    )
    assert json.loads(text)["n"] == 1


@pytest.mark.process
def test_gunicorns_own_lines_have_the_same_form(tmp_path):
    (tmp_path / "bad.py").write_text("def app(environ, start_response): ...\n")
    config = (
        "import os\nfrom service.settings import Settings\nfrom service import log\n"
        "log.configure(Settings.read(os.environ))\n"
        "logger_class = 'service.server.gunicorn_log.Logger'\nbind = '127.0.0.1:0'\n"
        "control_socket_disable = True\n"
        "def when_ready(server):\n    import signal, os\n    os.kill(os.getpid(), signal.SIGTERM)\n"
    )
    (tmp_path / "conf.py").write_text(config)
    command = [sys.executable, "-m", "gunicorn", "-c", str(tmp_path / "conf.py"), "--chdir", str(tmp_path), "bad:app"]
    done = subprocess.run(
        command, env={"PYTHONPATH": ":".join(filter(None, [".", *sys.path]))}, capture_output=True, timeout=30
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert {"server"} == {line["event"] for line in lines}
    assert any(line["message"].startswith("Listening at") for line in lines)
    assert done.stderr == b""
