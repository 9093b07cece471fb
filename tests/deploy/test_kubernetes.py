"""deploy/kubernetes: each folder builds, is valid, refers to what exists, and starts the real service."""

import os
import re
import shutil
import subprocess
import tempfile
from hashlib import sha256
from pathlib import Path

import pytest
import yaml

from deploy.kubernetes import rules
from scoring.cli import cli as scoring
from service.app import create_app
from service.records.shipper.supervisor import DRAIN_SECONDS
from service.settings import NAMES, Settings
from tests.conftest import ROOT, free_port, until
from tests.services import program
from training.command import cli as training

pytestmark = pytest.mark.process  # kubectl, promtool, gunicorn

FOLDER = ROOT / "deploy" / "kubernetes"
BUILDS = {
    "base": (),
    "overlays/sqlite": ("access", "monitoring"),
    "overlays/postgresql": ("artifacts-volume", "access", "monitoring", "busy-workers"),
    "overlays/postgresql with a registry": ("artifacts-registry",),
    "canary/pods": (),
    "canary/gateway": (),
    "canary/istio": (),
    "jobs": (),
}
"""Every base and overlay, with the components that it can take."""
OF_OTHERS = {"HTTPRoute", "VirtualService", "ServiceMonitor", "PrometheusRule"}
"""Kinds that Kubernetes itself does not have: README.md says that they are not validated here."""
YOURS = {
    ("Secret", "tabular-serving"),
    ("Secret", "tabular-tokens"),
    ("Secret", "tabular-signing"),
    ("ConfigMap", "tabular-trusted-keys"),
}
"""What whoever deploys makes; README.md lists it."""
built = {}


def objects(build):
    """The objects of a build, by kustomize."""
    if build not in built:
        place = FOLDER / build.partition(" ")[0]
        with tempfile.TemporaryDirectory() as own:  # kustomize follows relative paths only
            document = {
                "apiVersion": "kustomize.config.k8s.io/v1beta1",
                "kind": "Kustomization",
                "resources": [os.path.relpath(place, Path(own).resolve())],
                "components": [
                    os.path.relpath(FOLDER / "components" / name, Path(own).resolve()) for name in BUILDS[build]
                ],
            }
            (Path(own) / "kustomization.yaml").write_text(yaml.safe_dump(document))
            run = subprocess.run([kustomize(), "kustomize", own], capture_output=True, text=True, timeout=120)
        assert (run.returncode, run.stderr) == (0, ""), run.stderr  # a warning tells of a deprecated field
        built[build] = list(yaml.safe_load_all(run.stdout))
    return built[build]


def kustomize():
    """kubectl with kustomize 5, which no Debian package has: so its absence is never a failure."""
    if (kubectl := shutil.which("kubectl")) is None:
        pytest.skip("kubectl is not installed; it is no Debian package of its own")
    version = subprocess.run([kubectl, "version", "--client"], capture_output=True, text=True, timeout=60).stdout
    found = re.search(r"Kustomize Version: v(\d+)", version)
    if found is None or int(found[1]) < 5:
        pytest.skip("kubectl is older than kustomize 5, which these folders need")
    return kubectl


def of_kind(build, kind):
    return [one for one in objects(build) if one["kind"] == kind]


def pods_of(build):
    """Each pod template, with its owner."""
    for one in objects(build):
        spec = one.get("spec", {})
        spec = spec.get("jobTemplate", {}).get("spec", spec)
        if "template" in spec and one["kind"] in {"Deployment", "Job", "CronJob"}:
            yield one, spec["template"]


def environment_of(build):
    (settings,) = of_kind(build, "ConfigMap")
    return settings["data"]


@pytest.mark.parametrize("build", BUILDS)
def test_each_object_is_valid_under_the_schemas_of_kubernetes(build):
    validate = pytest.importorskip("kubernetes_validate", reason="not installed (Python package kubernetes-validate)")
    for one in objects(build):
        if one["kind"] in OF_OTHERS:
            continue
        for version in ("1.27", validate.latest_version()):
            validate.validate(one, version, strict=True)


def test_an_example_of_the_secret_is_valid_and_has_the_stores_settings():
    validate = pytest.importorskip("kubernetes_validate", reason="not installed (Python package kubernetes-validate)")
    secret = yaml.safe_load((FOLDER / "overlays/postgresql/secret.example.yaml").read_text())
    validate.validate(secret, validate.latest_version(), strict=True)
    given = Settings.read(secret["stringData"])
    assert given.database_url and given.redis_url and secret["stringData"].keys() <= NAMES


def test_every_folder_and_component_is_in_a_build():
    kustomizations = {path.parent.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("kustomization.yaml")}
    components = {f"components/{name}" for names in BUILDS.values() for name in names} | {"components/stores"}
    assert kustomizations == {build.partition(" ")[0] for build in BUILDS} | components


@pytest.mark.parametrize("build", BUILDS)
def test_every_name_that_is_referred_to_exists_in_the_build_or_is_yours_to_make(build):
    claim = {("PersistentVolumeClaim", "tabular-serving")} if build == "jobs" else set()
    there = {(one["kind"], one["metadata"]["name"]) for one in objects(build)} | YOURS | claim
    for _, template in pods_of(build):
        spec = template["spec"]
        wanted = {("ServiceAccount", spec["serviceAccountName"])} if "serviceAccountName" in spec else set()
        for volume in spec["volumes"]:
            if "persistentVolumeClaim" in volume:
                wanted.add(("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]))
            if "secret" in volume:
                wanted.add(("Secret", volume["secret"]["secretName"]))
            if "configMap" in volume:
                wanted.add(("ConfigMap", volume["configMap"]["name"]))
        for container in spec["containers"]:
            for source in container.get("envFrom", ()):
                wanted |= {("ConfigMap", source[key]["name"]) for key in source if key == "configMapRef"}
                wanted |= {("Secret", source[key]["name"]) for key in source if key == "secretRef"}
            mounted = {mount["name"] for mount in container["volumeMounts"]}
            assert mounted == {volume["name"] for volume in spec["volumes"]}
        assert wanted <= there, wanted - there
    for one in of_kind(build, "HorizontalPodAutoscaler"):
        assert ("Deployment", one["spec"]["scaleTargetRef"]["name"]) in there


@pytest.mark.parametrize("build", [build for build in BUILDS if build.startswith(("base", "overlays", "canary/pods"))])
def test_selectors_find_the_pods_and_no_others(build):
    ((deployment, template),) = pods_of(build)
    labels = template["metadata"]["labels"].items()
    (service,) = of_kind(build, "Service")
    selectors = [deployment["spec"]["selector"]["matchLabels"], service["spec"]["selector"]]
    selectors += [one["spec"]["selector"]["matchLabels"] for one in of_kind(build, "PodDisruptionBudget")]
    for selector in selectors:
        assert selector.items() <= labels
    other = "canary/pods" if build != "canary/pods" else "overlays/postgresql"
    ((_, neighbour),) = pods_of(other)
    for selector in selectors:
        assert not selector.items() <= neighbour["metadata"]["labels"].items()
    for policy in of_kind(build, "NetworkPolicy"):
        assert policy["spec"]["podSelector"]["matchLabels"].items() <= labels
        assert policy["spec"]["podSelector"]["matchLabels"].items() <= neighbour["metadata"]["labels"].items()
    for monitor in of_kind(build, "ServiceMonitor"):
        assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
        assert {end["port"] for end in monitor["spec"]["endpoints"]} <= {p["name"] for p in service["spec"]["ports"]}


def test_the_routes_name_the_services_of_both_tracks_with_weights_of_a_hundred():
    services = {
        one["metadata"]["name"]: {port["port"] for port in one["spec"]["ports"]}
        for build in ("overlays/postgresql", "canary/pods")
        for one in of_kind(build, "Service")
    }
    (gateway,), (istio,) = objects("canary/gateway"), objects("canary/istio")
    by_gateway = [(b["name"], b["port"], b.get("weight")) for r in gateway["spec"]["rules"] for b in r["backendRefs"]]
    by_istio = [
        (d["destination"]["host"], d["destination"]["port"]["number"], d.get("weight"))
        for r in istio["spec"]["http"]
        for d in r.get("route", ())
    ]
    assert by_gateway == by_istio
    assert sum(weight or 0 for *_, weight in by_gateway) == 100
    assert {name for name, *_ in by_gateway} == set(services)
    assert all(port in services[name] for name, port, _ in by_gateway)


@pytest.mark.parametrize("build", BUILDS)
def test_no_pod_has_rights_that_it_does_not_need(build):
    for _, template in pods_of(build):
        spec = template["spec"]
        assert spec["automountServiceAccountToken"] is False
        assert spec["securityContext"]["runAsNonRoot"] and spec["securityContext"]["runAsUser"] == 10001
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in spec["containers"]:
            held = container["securityContext"]
            assert held == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert {"requests", "limits"} <= container["resources"].keys() and container["resources"]["limits"][
                "memory"
            ]


@pytest.mark.parametrize("build", [build for build in BUILDS if build.startswith(("base", "overlays", "canary/pods"))])
def test_the_settings_are_the_service_s_and_point_to_what_is_mounted(build):
    given = environment_of(build)
    assert given.keys() - {"MLFLOW_TRACKING_URI"} <= NAMES
    names = {key for key in given if key not in ("API_TOKENS_FILE", "TRUSTED_KEYS")}
    settings = Settings.read({key: given[key] for key in names})
    ((_, template),) = pods_of(build)
    (container,) = template["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"http": settings.bind.port, "metrics": settings.metrics_bind.port}
    mounts = {mount["mountPath"]: mount.get("readOnly", False) for mount in container["volumeMounts"]}
    writable = [path for path, read_only in mounts.items() if not read_only]
    assert any(Path(given["VAR_DIR"]).is_relative_to(path) for path in writable)
    for name in ("API_TOKENS_FILE", "TRUSTED_KEYS"):
        assert name not in given or any(Path(given[name]).is_relative_to(path) for path in mounts)
    if given["ARTIFACTS_DIR"].startswith("/data"):
        assert "/data" in mounts


def test_the_grace_period_covers_what_a_stop_takes():
    (graceful,) = re.findall(r"^graceful_timeout = (\d+)", (ROOT / "gunicorn.conf.py").read_text(), re.MULTILINE)
    ((_, template),) = pods_of("base")
    *_, wait = template["spec"]["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
    assert template["spec"]["terminationGracePeriodSeconds"] >= int(wait) + int(graceful) + DRAIN_SECONDS


def test_the_probes_and_the_scrape_are_answered_by_a_service_with_these_settings(serve):
    given = environment_of("overlays/postgresql")
    metrics = free_port()
    own = {"BIND", "ARTIFACTS_DIR", "VAR_DIR", "METRICS_BIND", "API_TOKENS_FILE", "TRUSTED_KEYS"}
    kept = {key: value for key, value in given.items() if key not in own}
    server = serve(**kept, METRICS_BIND=f"127.0.0.1:{metrics}")
    server.until_serving(1)
    ((_, template),) = pods_of("overlays/postgresql")
    (container,) = template["spec"]["containers"]
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert server.ask(container[probe]["httpGet"]["path"])[0] == 200
    assert container["livenessProbe"]["httpGet"]["path"] == "/health/live"
    server.url = f"http://127.0.0.1:{metrics}"
    (monitor,) = of_kind("overlays/postgresql", "ServiceMonitor")
    text = server.ask_text(monitor["spec"]["endpoints"][0]["path"])
    adapter = yaml.safe_load((FOLDER / "components/busy-workers/adapter-rules.yaml").read_text())
    for metric in re.findall(r"http_\w+", adapter["rules"]["custom"][0]["metricsQuery"]):
        assert f"\n{metric}" in text


def test_a_pod_without_a_model_is_alive_and_not_ready(serve, tmp_path):
    (tmp_path / "none").mkdir()
    server = serve(ARTIFACTS_DIR=str(tmp_path / "none"))
    assert (server.ask("/health/live")[0], server.ask("/health/ready")[0]) == (200, 503)


def test_the_files_of_a_secret_are_followed_when_they_are_swapped(trained, tmp_path):
    """As the kubelet lays them: a link to a link to a folder of its own time."""

    def lay(time, token):
        (tmp_path / time).mkdir()
        (tmp_path / time / "tokens").write_text(f"alice:{sha256(token.encode()).hexdigest()}:observe\n")
        (tmp_path / "..next").symlink_to(time)
        (tmp_path / "..next").rename(tmp_path / "..data")

    lay("..2026_01", "first-token-0123456789")
    (tmp_path / "tokens").symlink_to("..data/tokens")
    environment = {"ARTIFACTS_DIR": str(trained), "VAR_DIR": str(tmp_path / "var"), "RECORDS": "off"}
    client = create_app(Settings.read(environment | {"API_TOKENS_FILE": str(tmp_path / "tokens")})).test_client()

    def status(token):
        return client.get("/model/info", headers={"Authorization": f"Bearer {token}"}).status_code

    assert (status("first-token-0123456789"), status("second-token-012345678")) == (200, 401)
    lay("..2026_02", "second-token-012345678")
    until(lambda: status("second-token-012345678") == 200)
    assert status("first-token-0123456789") == 401


def test_the_jobs_run_commands_that_exist():
    commands = {one["metadata"]["name"]: t["spec"]["containers"][0]["command"] for one, t in pods_of("jobs")}
    assert commands.keys() == {"tabular-train", "tabular-score", "tabular-retrain"}
    for name, cli in (("tabular-train", training), ("tabular-score", scoring)):
        given = {word for word in commands[name] if word.startswith("--")}
        known = {option for parameter in cli.params for option in parameter.opts}
        assert commands[name][:2] == ["python", "-m"] and given <= known
    assert commands["tabular-retrain"][2] == "deploy.retrain.job"


def test_the_rule_object_is_what_deploy_prometheus_says():
    assert rules.OUT.read_text() == rules.render(), "python -m deploy.kubernetes.rules writes it anew"


def test_the_adapter_s_query_gives_the_share_of_time_in_which_a_pod_s_workers_are_busy(tmp_path):
    promtool = program("promtool", "prometheus")
    adapter = yaml.safe_load((FOLDER / "components/busy-workers/adapter-rules.yaml").read_text())
    (rule,) = adapter["rules"]["custom"]
    query = rule["metricsQuery"].replace("<<.LabelMatchers>>", 'namespace="serving"').replace("<<.GroupBy>>", "pod")
    (wanted,) = [
        metric["pods"]["metric"]["name"]
        for one in of_kind("overlays/postgresql", "HorizontalPodAutoscaler")
        for metric in one["spec"]["metrics"]
        if metric["type"] == "Pods"
    ]
    assert rule["name"]["as"] == wanted
    labels = 'namespace="serving", pod="one"'
    # Two workers; each minute 60 s of work on two routes together: half of the time.
    series = [
        {"series": f'http_request_duration_seconds_sum{{{labels}, route="/predict"}}', "values": "0+10x20"},
        {"series": f'http_request_duration_seconds_sum{{{labels}, route="/health/live"}}', "values": "0+5x20"},
        {"series": f"http_worker_slots{{{labels}}}", "values": "2x20"},
    ]
    expected = [{"expr": query, "eval_time": "5m", "exp_samples": [{"labels": '{pod="one"}', "value": 0.5}]}]
    tests = {"tests": [{"interval": "15s", "input_series": series, "promql_expr_test": expected}]}
    (tmp_path / "tests.yml").write_text(yaml.safe_dump(tests))
    run = subprocess.run([promtool, "test", "rules", str(tmp_path / "tests.yml")], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


def test_the_readme_lists_what_is_yours_to_make_and_what_is_not_validated():
    said = (FOLDER / "README.md").read_text()
    assert all(f"`{name}`" in said for _, name in YOURS)
    assert all(kind in said.partition("**Not tried**")[2] for kind in OF_OTHERS)


DIGEST = "sha256:" + "0123456789abcdef" * 4


def released(*arguments, **environment):
    """What release.sh would apply."""
    kustomize()
    script = FOLDER / "release.sh"
    given = {"PATH": os.environ["PATH"], "PRINT": "1"} | environment
    run = subprocess.run([script, *arguments], env=given, capture_output=True, text=True, timeout=120)
    return run.returncode, run.stderr, [one for one in yaml.safe_load_all(run.stdout) if one]


@pytest.mark.parametrize(("router", "field"), [("gateway", "backendRefs"), ("istio", "route")])
def test_the_release_script_gives_an_image_its_share_and_then_everybody(router, field):
    image = f"registry.example.com/own@{DIGEST}"
    for what, weights in (("canary", [90, 10]), ("stable", [100, 0]), ("back", [100, 0])):
        arguments = {"canary": (image, "10"), "stable": (image,), "back": ()}[what]
        code, said, applied = released(what, *arguments, ROUTER=router, COMPONENTS="artifacts-volume")
        assert code == 0, said
        route = applied[-1]["spec"]["rules" if router == "gateway" else "http"][-1]
        assert [one["weight"] for one in route[field]] == weights
        deployments = [one for one in applied if one["kind"] == "Deployment"]
        names = {"canary": ["tabular-serving-canary"], "stable": ["tabular-serving"], "back": []}[what]
        assert [one["metadata"]["name"] for one in deployments] == names
        for one in deployments:
            spec = one["spec"]["template"]["spec"]
            assert spec["containers"][0]["image"] == image
            assert {"claimName": "tabular-serving"} in [v.get("persistentVolumeClaim") for v in spec["volumes"]]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("stable", "own:latest"), "IMAGE must be name@sha256:digest."),
        (("canary", f"own@{DIGEST}", "101"), "WEIGHT must be 0 to 100."),
        (("forward",), "The first argument is canary, stable or back."),
    ],
)
def test_the_release_script_refuses_what_it_cannot_mean(arguments, said):
    assert released(*arguments)[:2] == (2, said + "\n")
