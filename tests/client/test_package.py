"""The package itself: what it imports, which Pythons read it, and that it installs."""

import ast
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from tabular_client import Client

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "client" / "tabular_client").glob("*.py"))


def test_it_imports_no_pandas_of_its_own():
    code = "import tabular_client, sys; print('pandas' in sys.modules, 'numpy' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT / "client", capture_output=True, text=True)
    assert run.stdout.split() == ["False", "False"], run.stderr


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_python_3_9_reads_it(path):
    ast.parse(path.read_text(), feature_version=(3, 9))


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "ftp://host", "http://", "http://host?x=1", ""])
def test_an_address_that_cannot_be_one_is_refused(url):
    with pytest.raises(ValueError, match="url must be like"):
        Client(url)


@pytest.mark.parametrize("token", ["", "two words", "line\n", "ü"])
def test_a_token_that_cannot_be_one_is_refused(token):
    with pytest.raises(ValueError, match="token must be"):
        Client("http://host", token)


def test_seconds_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="timeout must be"):
        Client("http://host", timeout=0)


@pytest.mark.slow
@pytest.mark.process
@pytest.mark.skipif(os.environ.get("EVERY_STRANGER") != "1", reason="make full installs the package")
def test_it_installs_without_pandas_and_carries_its_types(tmp_path):
    venv.create(tmp_path / "env", with_pip=True)
    python = str(tmp_path / "env" / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "-q", str(ROOT / "client")], check=True, cwd=tmp_path)
    code = (
        "import tabular_client, pathlib; print(pathlib.Path(tabular_client.__file__).with_name('py.typed').is_file())"
    )
    run = subprocess.run([python, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert run.stdout.strip() == "True", run.stderr
