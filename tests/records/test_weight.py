"""What each process has to load."""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from service.records.recorder import Recorder
from tests.conftest import ROOT
from tests.records.conftest import make_record, until

HEAVY = {"sqlalchemy", "alembic", "psycopg", "numpy", "pandas", "flask", "pyarrow"}


def loaded(program):
    code = f"import sys\n{program}\nprint(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split()) & HEAVY


@pytest.mark.parametrize(
    ("program", "allowed"),
    [
        ("import service.records.recorder", {"numpy"}),
        ("import service.records.shipper.__main__", set()),
        ("import service.cli.records", set()),
        ("import wsgi", {"numpy", "flask"}),
    ],
)
def test_only_those_who_ask_the_database_pay_for_it(program, allowed):
    assert loaded(program) <= allowed


@pytest.mark.process
@pytest.mark.parametrize("module", ["service.records.shipper", "service.records.database.monitor"])
def test_what_is_done_behind_the_requests_leaves_them_the_processor_at_once(make_settings, module):
    settings = make_settings(MONITOR_SECONDS="1")
    records = Recorder(settings)  # the shipper stays as long as somebody writes, and starts the monitor
    records.open()
    records.append(make_record())
    until(lambda: any(map(stands_back, running(module, settings))), seconds=20)


def running(module, settings):
    """The processes of this module for these settings."""
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            told = (entry / "environ").read_bytes().split(b"\0")
            if module.encode() in (entry / "cmdline").read_bytes() and f"VAR_DIR={settings.var_dir}".encode() in told:
                yield entry


def stands_back(process):
    """Whether a thread of it gives way at once, within the server's session: where sessions are weighed, against it."""
    with suppress(OSError):
        pid = int(process.name)
        threads = [int(thread.name) for thread in (process / "task").iterdir()]
        idle = any(os.sched_getscheduler(thread) == os.SCHED_IDLE for thread in threads)
        return idle and os.getsid(pid) == os.getsid(0) and os.getpriority(os.PRIO_PROCESS, pid) >= 10
    return False
