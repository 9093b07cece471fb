"""The libraries that each process loads."""

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
        ("import service.records.recorder", set()),
        ("import service.records.shipper.__main__", set()),
        ("import service.cli.records", set()),
        ("import wsgi", {"numpy", "flask"}),
    ],
)
def test_a_process_loads_no_library_that_it_does_not_need(program, allowed):
    assert loaded(program) <= allowed


@pytest.mark.process
@pytest.mark.parametrize("module", ["service.records.shipper", "service.records.database.monitor"])
def test_background_work_leaves_the_processor_to_the_requests_at_once(make_settings, module):
    settings = make_settings(MONITOR_SECONDS="1")
    records = Recorder(settings)  # the shipper stays while a writer is there, and starts the monitor
    records.open()
    records.append(make_record())
    until(lambda: any(map(is_idle, running(module, settings))))


def running(module, settings):
    """The processes of this module for these settings."""
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            environment = (entry / "environ").read_bytes().split(b"\0")
            ours = f"VAR_DIR={settings.var_dir}".encode() in environment
            if ours and module.encode() in (entry / "cmdline").read_bytes():
                yield entry


def is_idle(process):
    """Whether a thread of it is of the idle class, and in the server's session: some kernels weigh whole sessions."""
    with suppress(OSError):
        pid = int(process.name)
        threads = [int(thread.name) for thread in (process / "task").iterdir()]
        idle = any(os.sched_getscheduler(thread) == os.SCHED_IDLE for thread in threads)
        return idle and os.getsid(pid) == os.getsid(0) and os.getpriority(os.PRIO_PROCESS, pid) >= 10
    return False
