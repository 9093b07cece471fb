"""Other model servers with the same fitted pipeline, each started as its documentation shows."""

from benchmarks.targets.definition import HERE, PEERS, Target

SCRIPTS = HERE / "peers"


def _installed(peer: str, program: str) -> str:
    return str(PEERS / peer / "bin" / program)


def _peer(
    name: str,
    title: str,
    command: tuple[str, ...],
    environment: dict[str, str],
    protocol: str = "ours",
    prepare: tuple[str, ...] = (),
) -> Target:
    way = f"python -m benchmarks.peers {name}"
    return Target(name, title, "peer", command, environment, command[:1], protocol, prepare=prepare, install=way)


PEER_TARGETS: tuple[Target, ...] = (
    _peer(
        "mlserver",
        "MLServer, scikit-learn runtime",
        (_installed("mlserver", "mlserver"), "start", "{work}"),
        {},
        "v2",
        ("{python}", "-m", "benchmarks.peers.mlserver_folder", "{artifact}", "{work}", "{port}", "{workers}"),
    ),
    _peer(
        "mlflow",
        "MLflow models serve",
        (
            *(_installed("mlflow", "mlflow"), "models", "serve", "-m", "{work}/model", "-h", "127.0.0.1"),
            *("-p", "{port}", "-w", "{workers}", "--env-manager", "local"),
        ),
        {"PATH": f"{PEERS / 'mlflow' / 'bin'}:/usr/local/bin:/usr/bin:/bin"},
        "mlflow",
        (_installed("mlflow", "python"), str(SCRIPTS / "mlflow_model.py"), "{artifact}", "{work}"),
    ),
    _peer(
        "litserve",
        "LitServe, scikit-learn pipeline",
        (_installed("litserve", "python"), str(SCRIPTS / "litserve_app.py"), "{artifact}", "{port}", "{workers}"),
        {},
        "one_route",
    ),
    _peer(
        "bentoml",
        "BentoML, scikit-learn pipeline",
        (
            *(_installed("bentoml", "bentoml"), "serve", "bentoml_app:Tabular", "--working-dir", str(SCRIPTS)),
            *("--port", "{port}", "--host", "127.0.0.1"),
        ),
        {"ARTIFACT": "{artifact}", "WORKERS": "{workers}", "BENTOML_HOME": "{work}", "BENTOML_DO_NOT_TRACK": "True"},
    ),
)
