"""The conformance suite passes on this service and on a right server, and fails on each broken one."""

import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.protocols.oip.servers import BREAKS, running
from tests.protocols.oip.suite import CASES, Suite, run


def test_a_right_server_passes_every_case():
    with running() as url:
        results = run(Suite(url, "plus_one"))
    assert len(results) == len(CASES)
    assert {name: wrong for name, wrong in results.items() if wrong} == {}


@pytest.mark.parametrize("broken", BREAKS)
def test_a_broken_server_fails(broken):
    with running(broken) as url:
        results = run(Suite(url, "plus_one"))
    assert any(results.values()), BREAKS[broken]


def test_a_server_without_the_extension_is_not_asked_for_it():
    with running() as url:
        suite = Suite(url, "plus_one")
        suite.extensions = []
        results = run(suite)
    assert len(results) < len(CASES) and not any(results.values())


@pytest.mark.process
def test_this_service_passes_every_case_by_the_command(serve):
    server = serve()
    server.until_serving(1)
    command = [sys.executable, "-m", "tests.protocols.oip", server.url, "model"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert found.returncode == 0, found.stdout + found.stderr
    assert f"{len(CASES)} cases, 0 failed." in found.stdout
