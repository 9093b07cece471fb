"""What each process has to load."""

import os
import subprocess
import sys
from contextlib import suppress

import pytest

from service.records import spool
from service.records.place import shipper_of, spool_folder
from service.records.shipper import NICENESS
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
        ("import service.records.spool", {"numpy"}),
        ("import service.records.shipper", set()),
        ("import service.records.commands", set()),
        ("import wsgi", {"numpy", "flask"}),
    ],
)
def test_only_those_who_ask_the_database_pay_for_it(program, allowed):
    assert loaded(program) <= allowed


@pytest.mark.process
def test_the_shipper_leaves_the_processor_to_the_requests(make_settings):
    settings = make_settings()
    spool.open_spool(settings)  # the shipper stays as long as somebody writes
    spool.append(make_record())

    def is_nice():
        with suppress(OSError, ValueError):
            return os.getpriority(os.PRIO_PROCESS, shipper_of(spool_folder(settings))[0]) == NICENESS

    until(is_nice)
