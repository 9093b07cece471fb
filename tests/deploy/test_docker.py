"""deploy/docker/Dockerfile, without Docker: the files that it copies can serve, and its health check works."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.conftest import ROOT, Server, clean_environment, free_port

FOLDER = ROOT / "deploy" / "docker"
STEPS = [
    line.split(maxsplit=1) for line in (FOLDER / "Dockerfile").read_text().replace("\\\n", "").splitlines() if line
]
COPIED = [word for step, rest in STEPS if step == "COPY" for word in rest.split()[:-1]]


def _step(name):
    (found,) = [rest for step, rest in STEPS if step == name]
    return found


def test_docker_receives_exactly_the_files_that_are_copied():
    lines = (FOLDER / "Dockerfile.dockerignore").read_text().split()
    assert lines[0] == "*"
    assert {line[1:] for line in lines if line.startswith("!")} == set(COPIED)
    assert not any(fnmatch("artifacts", line[1:]) for line in lines if line.startswith("!"))


def test_the_user_is_a_number_which_run_as_non_root_needs():
    assert _step("USER").isdigit() and int(_step("USER")) > 0


@pytest.mark.process
@pytest.mark.parametrize(
    "bind", [lambda _: {}, lambda folder: {"BIND": f"unix:{folder}/serving.sock", "SCRIPT_NAME": "/ml"}]
)
def test_the_copied_files_serve_and_the_health_check_works(trained, tmp_path, bind):
    inside = tmp_path / "srv"
    inside.mkdir()
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, inside / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, inside)
    shutil.copytree(trained, inside / "artifacts")
    environment = (
        clean_environment() | dict(pair.split("=") for pair in _step("ENV").split()) | {"WEB_CONCURRENCY": "1"}
    )
    environment |= bind(tmp_path) | {
        "PORT": str(free_port()),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(json.loads(_step("CMD")), cwd=inside, env=environment, stdout=output, stderr=output)
    server = Server(process, f"http://127.0.0.1:{environment['PORT']}", log)
    check = shlex.split(re.sub(r"--\S+", "", _step("HEALTHCHECK")).strip().removeprefix("CMD"))
    try:
        server.until(lambda: bool(server.events("model_serving")))
        assert subprocess.run(check, cwd=inside, env=environment, timeout=60).returncode == 0
    finally:
        server.stop()
    assert subprocess.run(check, cwd=inside, env=environment, stderr=subprocess.DEVNULL, timeout=60).returncode != 0
