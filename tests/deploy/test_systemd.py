"""deploy/systemd/tabular-serving.service: valid, and the service does what the unit expects of it."""

import shutil
import socket
import subprocess

import pytest

from tests.conftest import ROOT
from tests.services import program

UNIT = ROOT / "deploy" / "systemd" / "tabular-serving.service"
HOME = "/opt/tabular-serving"


@pytest.mark.process
def test_systemd_finds_nothing_to_say_against_the_unit(tmp_path):
    analyze = program("systemd-analyze", "systemd")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    shutil.copy("/bin/true", tmp_path / ".venv" / "bin" / "gunicorn")
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace(HOME, str(tmp_path)))
    run = subprocess.run([analyze, "verify", "--man=no", str(unit)], capture_output=True, text=True, timeout=60)
    told = [line for line in run.stderr.splitlines() if str(unit) in line or UNIT.name in line]
    assert (run.returncode, told) == (0, [])


@pytest.mark.process
def test_systemd_is_told_when_the_port_is_open(serve, tmp_path):
    assert "Type=notify" in UNIT.read_text()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(60)
        serve(NOTIFY_SOCKET=str(tmp_path / "notify"))
        assert b"READY=1" in systemd.recv(4096)
