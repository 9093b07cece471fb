"""The recipes of deploy/ for other WSGI servers, as commands: what the files and READMEs say, on a port of the test."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.conftest import ROOT

DEPLOY = ROOT / "deploy"
BIN = Path(sys.executable).parent
AS_ANOTHER = ("unshare", "--user", "--map-user=1", "--map-group=1", "--")
"""Apache answers nobody as root; in a user namespace of its own it is another user, with root's rights to the files."""
APACHE = """
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule authz_host_module {modules}/mod_authz_host.so
LoadModule wsgi_module {modules}/mod_wsgi.so
ServerName localhost
ServerRoot {folder}
PidFile {folder}/pid
DefaultRuntimeDir {folder}
WSGISocketPrefix {folder}/wsgi
ErrorLog {folder}/log
Listen 127.0.0.1:{port}
Include {folder}/serving.conf
"""
MODULES = Path("/usr/lib/apache2/modules")


def _typed(name: str, port: int, target: str) -> list[str]:
    """The command in a README, without its settings."""
    needs(name)
    (line,) = re.findall(rf"^.*\.venv/bin/{name}.*$", (DEPLOY / name.split("-")[0] / "README.md").read_text(), re.M)
    words = shlex.split(line.replace("8000", str(port)).replace("service.loaded", target))
    first = next(index for index, word in enumerate(words) if word.startswith(".venv/bin/"))
    return [str(BIN / Path(words[first]).name), *words[first + 1 :]]


def waitress(port: int, folder: Path, target: str) -> list[str]:
    """One process with threads."""
    return _typed("waitress-serve", port, target)


def granian(port: int, folder: Path, target: str) -> list[str]:
    """Two workers."""
    return _typed("granian", port, target)


def uwsgi(port: int, folder: Path, target: str) -> list[str]:
    """Two workers; the address and their number come from the environment."""
    needs("uwsgi")
    ini = folder / "serving.ini"
    ini.write_text((DEPLOY / "uwsgi" / "serving.ini").read_text().replace("service.loaded", target))
    return [str(BIN / "uwsgi"), "--ini", str(ini)]


def apache(port: int, folder: Path, target: str) -> list[str]:
    """Two processes, under the Python that mod_wsgi was compiled for, with this environment's packages."""
    server = shutil.which("apache2", path="/usr/sbin:/usr/bin")
    module = MODULES / "mod_wsgi.so"
    if server is None or not module.exists():
        pytest.skip("Apache with mod_wsgi is not installed (Debian package libapache2-mod-wsgi-py3)")
    python = f"python3.{sys.version_info.minor}"
    if f"lib{python}".encode() not in module.read_bytes() or not Path("/usr/bin", python).exists():
        pytest.skip(f"mod_wsgi was compiled for another Python than 3.{sys.version_info.minor}")
    _environment(folder / ".venv", python)
    conf = (DEPLOY / "apache" / "serving.conf").read_text()
    script = f"{target.replace('.', '/')}.py"
    for written, here in (
        ("${SERVING_HOME}/.venv", str(folder / ".venv")),
        ("${SERVING_HOME}/service>", f"{(ROOT / script).parent}>"),
        ("${SERVING_HOME}/service/loaded.py", str(ROOT / script)),
        ("<Files loaded.py>", f"<Files {Path(script).name}>"),
        ("/opt/tabular-serving", str(ROOT)),
        ("*:80", f"127.0.0.1:{port}"),
    ):
        assert written in conf
        conf = conf.replace(written, here)
    (folder / "serving.conf").write_text(conf)
    (folder / "apache.conf").write_text(APACHE.format(modules=MODULES, folder=folder, port=port))
    command = [server, "-d", str(folder), "-f", str(folder / "apache.conf"), "-D", "FOREGROUND"]
    return [*AS_ANOTHER, *command] if os.geteuid() == 0 else command


def _environment(home: Path, python: str) -> None:
    subprocess.run([f"/usr/bin/{python}", "-m", "venv", "--without-pip", str(home)], check=True)
    (home / "lib" / python / "site-packages" / "here.pth").write_text(sysconfig.get_path("purelib") + "\n")


def needs(name: str) -> None:
    """Skip where this program is not in the environment."""
    if shutil.which(name, path=str(BIN)) is None:
        package = {"waitress-serve": "waitress", "uwsgi": "pyuwsgi"}.get(name, name)
        pytest.skip(f"{name} is not installed (Python package {package})")


SERVERS = {"apache": apache, "granian": granian, "uwsgi": uwsgi, "waitress": waitress}
