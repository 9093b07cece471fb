"""deploy/systemd/tabular-serving.service is valid, and the service notifies systemd as the unit expects."""

import configparser
import shutil
import socket
import subprocess

import pytest

from tests.conftest import ROOT
from tests.services import program

UNIT = ROOT / "deploy" / "systemd" / "tabular-serving.service"
HOME = "/opt/tabular-serving"


@pytest.mark.process
def test_systemd_analyze_reports_nothing_about_the_unit(tmp_path):
    analyze = program("systemd-analyze", "systemd")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    shutil.copy("/bin/true", tmp_path / ".venv" / "bin" / "gunicorn")
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace(HOME, str(tmp_path)))
    run = subprocess.run([analyze, "verify", "--man=no", str(unit)], capture_output=True, text=True, timeout=60)
    reported = [line for line in run.stderr.splitlines() if str(unit) in line or UNIT.name in line]
    assert (run.returncode, reported) == (0, [])


@pytest.mark.process
def test_the_unit_s_exposure_is_below_2_5_as_systemd_measures_it():
    command = [program("systemd-analyze", "systemd"), "security", "--offline=true", "--no-pager", "--threshold=24"]
    run = subprocess.run([*command, str(UNIT)], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stdout[-200:] + run.stderr


@pytest.mark.process
def test_systemd_is_notified_when_the_port_is_open(serve, tmp_path):
    assert "Type=notify" in UNIT.read_text()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(60)
        serve(NOTIFY_SOCKET=str(tmp_path / "notify"))
        assert b"READY=1" in systemd.recv(4096)


def test_the_unit_waits_for_the_clock_and_outlives_a_worker_that_ran_out_of_memory():
    unit = configparser.RawConfigParser(strict=False, interpolation=None)
    unit.optionxform = str
    unit.read(UNIT)
    assert {"network-online.target", "time-sync.target"} <= set(unit["Unit"]["After"].split())
    assert set(unit["Unit"]["Wants"].split()) == set(unit["Unit"]["After"].split())
    assert unit["Service"]["OOMPolicy"] == "continue"
    assert unit["Service"]["LogRateLimitIntervalSec"] == "0"
    journal = configparser.RawConfigParser()
    journal.read(UNIT.with_name("journald.conf"))
    assert journal["Journal"]["SystemMaxUse"]
