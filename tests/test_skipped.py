"""A run of the tests ends with what was skipped, and with the command that installs it."""

import subprocess
import sys

from tests.conftest import ROOT, clean_environment
from tests.skipped import summary

TEST = """
from tests.services import program

def test_of_a_program():
    program("no-such-program", "no-such-package")
"""


def test_a_run_names_each_reason_with_its_tests_and_one_command_for_all_packages():
    skipped = [
        ("tests/a.py::test_one", "Skipped: nginx is not installed (Debian package nginx-light)"),
        ("tests/a.py::test_two[x::y]", "Skipped: nginx is not installed (Debian package nginx-light)"),
        ("tests/b.py::test_one", "Skipped: nginx is not installed (Debian package nginx-light)"),
        ("tests/b.py::test_two", "redis-server is not installed (Debian package redis-server)"),
        ("tests/b.py::test_three", "not installed (Python package xgboost); its wheel is large"),
        ("tests/c.py::test_one", "mounting is not allowed here"),
    ]
    assert list(summary(skipped)) == [
        "mounting is not allowed here: 1 in tests/c.py",
        "nginx is not installed (Debian package nginx-light): 2 in tests/a.py, 1 in tests/b.py",
        "not installed (Python package xgboost); its wheel is large: 1 in tests/b.py",
        "redis-server is not installed (Debian package redis-server): 1 in tests/b.py",
        "To run them: apt-get install -y nginx-light redis-server && .venv/bin/pip install xgboost",
    ]


def test_a_run_without_skipped_tests_adds_nothing():
    assert list(summary([])) == []


def test_pytest_prints_the_command(tmp_path):
    (tmp_path / "conftest.py").write_text("from tests.conftest import pytest_terminal_summary\n")
    (tmp_path / "test_it.py").write_text(TEST)
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--rootdir={tmp_path}", str(tmp_path)],
        cwd=ROOT,
        env=clean_environment() | {"REQUIRE_SERVICES": ""},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "no-such-program is not installed (Debian package no-such-package): 1 in test_it.py" in run.stdout
    assert "To run them: apt-get install -y no-such-package" in run.stdout
