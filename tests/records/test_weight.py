"""What each process has to load."""

import subprocess
import sys

import pytest

from tests.conftest import ROOT

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
