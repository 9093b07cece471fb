"""Retrain the stable version on what really happened: ``python -m deploy.retrain.job``.

From records and outcomes to a table; train; compare with the stable version on the same held-out rows; sign; publish.
The new version serves nobody until it is promoted or rolled out, which this job does only when it is told to.

Exit codes: 0 published, or nothing to do; 1 refused, and why; 2 usage.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import click

from inference.artifact import versions
from inference.manifest import ArtifactError, Manifest
from inference.routing import RoutingError, read_routing
from schemas.errors import ServiceError
from service.locks import open_lock, try_lock
from service.records.database_url import check_driver
from service.settings import Settings
from service.signature import read_trusted_manifest

FILE = click.Path(path_type=Path)
LOCK = ".retrain.lock"
HOLDOUT = 5
"""One row of so many is held out of the training, the same ones in every run: by a hash of the prediction's id."""
ROOT = Path(__file__).parents[2]


@click.command()
@click.option("--days", default=90, show_default=True, type=click.IntRange(1), help="How old the records may be.")
@click.option("--min-rows", default=1000, show_default=True, type=click.IntRange(20), help="Fewest rows to use.")
@click.option("--model", help="The family to train; that of the stable version without it.")
@click.option("--key", type=FILE, help="Sign the new version with this EC private key.")
@click.option("--password-file", type=FILE, help="File with the key's password.")
@click.option("--require-better", is_flag=True, help="Refuse a model that is not clearly better than the stable one.")
@click.option("--register", help="Register the new version under this name in MLflow.")
@click.option("--rollout", is_flag=True, help="Then: flask models rollout.")
@click.option("--promote", is_flag=True, help="Then: flask models promote.")
@click.argument("training", nargs=-1)
def main(
    days: int,
    min_rows: int,
    model: str | None,
    key: Path | None,
    password_file: Path | None,
    require_better: bool,
    register: str | None,
    rollout: bool,
    promote: bool,
    training: tuple[str, ...],
) -> None:
    """Train a new version on records with outcomes. Arguments after -- go to python -m training."""
    if rollout and promote:
        raise click.UsageError("--rollout and --promote exclude each other.")
    settings = Settings.read(os.environ)
    check_driver(settings)
    stable = _stable(settings)
    descriptor = open_lock(settings.artifacts_dir / LOCK)
    if not try_lock(descriptor):
        raise click.ClickException("another retraining runs on these artifacts. Wait for it.")
    with tempfile.TemporaryDirectory(prefix="retrain-") as own:
        counted = _tables(settings, stable, days, Path(own))
        if sum(counted) < min_rows or min(counted) < 2:
            click.echo(
                f"Nothing to do: {sum(counted)} rows of the last {days} days have an outcome, of {min_rows} asked for."
            )
            return
        click.echo(f"{counted[0]} rows to learn from, {counted[1]} held out, of the last {days} days.")
        version = _train(settings, stable, model or stable.algorithm, Path(own), training)
        _gate(settings, stable.version, version, Path(own), require_better)
    if key is not None:
        _run("flask", "models", "sign", version, "--key", str(key), *_option("--password-file", password_file))
    if register is not None:
        _run("training", "register", str(settings.artifacts_dir / version), register)
    click.echo(f"{version} is published, beside {stable.version}, which is stable.")
    if rollout or promote:
        _run("flask", "models", "rollout" if rollout else "promote", version)
    else:
        click.echo(f"To let it serve: flask models rollout {version}")


def _stable(settings: Settings) -> Manifest:
    """The manifest of the stable version.

    Raises:
        ClickException: routing.json names none, so that a new version would serve at once.
    """
    if settings.model_uri or settings.model_version:
        raise click.ClickException("MODEL_URI or MODEL_VERSION names the model to serve: unset it for this job.")
    try:
        routing = read_routing(settings.artifacts_dir) if (settings.artifacts_dir / "routing.json").exists() else None
        if routing is None:
            raise click.ClickException(
                "routing.json names no stable version, so a new one would serve at once. Promote one first."
            )
        return read_trusted_manifest(settings.artifacts_dir / routing.stable, settings)
    except (RoutingError, ArtifactError) as exc:
        raise click.ClickException(str(exc)) from None


def _tables(settings: Settings, stable: Manifest, days: int, into: Path) -> tuple[int, int]:
    """Write the rows to learn from and those held out, each a Parquet file, and the contract; how many there are."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = stable.contract.names
    if hidden := sorted(settings.records_redact.intersection(names)):
        raise click.ClickException(f"RECORDS_REDACT leaves {hidden[0]} out of the records: nothing can be learned.")
    kinds = {"number": pa.float64(), "integer": pa.int64(), "boolean": pa.bool_()}
    fields = [(feature.name, kinds.get(feature.type, pa.string())) for feature in stable.contract.features]
    schema = pa.schema([*fields, (stable.contract.target, _type_of(stable, pa))])
    parts: tuple[list[dict[str, Any]], list[dict[str, Any]]] = ([], [])
    for key, row in _labelled(settings, stable, days):
        held = int.from_bytes(sha256(key.encode()).digest()[:4], "big") % HOLDOUT == 0
        parts[held].append(row)
    for name, rows in zip(("learn", "holdout"), parts, strict=True):
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), into / f"{name}-{into.name}.parquet")
    features = {feature.name: _declared(feature.to_json()) for feature in stable.contract.features}
    (into / "contract.json").write_text(json.dumps({"features": features}))
    return len(parts[0]), len(parts[1])


def _declared(feature: dict[str, Any]) -> dict[str, Any]:
    """What the stable version's contract declares, for the new one; categories may come and go."""
    kept = {name: feature[name] for name in ("type", "minimum", "maximum", "nullable") if feature[name] is not None}
    if feature["type"] == "integer" and feature["choices"]:
        kept["choices"] = feature["choices"]
    return kept | ({"unseen": "accept"} if feature.get("unseen") == "accept" else {})


def _type_of(stable: Manifest, pa: Any) -> Any:
    if stable.contract.task == "regression":
        return pa.float64()
    kinds = {bool: pa.bool_(), int: pa.int64(), float: pa.float64()}
    return kinds.get(type(stable.classes[0]), pa.string())


def _labelled(settings: Settings, stable: Manifest, days: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """The rows with an outcome that versions of the same columns answered, with a key of the row."""
    from service.records.database.connection import connected
    from service.records.database.queries import known_models
    from service.records.database.recorded_rows import answered_rows

    until = datetime.now(UTC)
    whole = {feature.name for feature in stable.contract.features if feature.type == "integer"}
    booleans = bool(stable.classes) and isinstance(stable.classes[0], bool)
    try:
        with connected(settings, seconds=None) as connection:
            same = [
                name for name, one in known_models(connection).items() if one.contract.names == stable.contract.names
            ]
            for chunk in answered_rows(connection, same, until - timedelta(days=days), until, sys.maxsize):
                for row in chunk:
                    if row.outcome is None or set(row.features) != set(stable.contract.names):
                        continue
                    cells = {
                        name: int(value) if name in whole and value is not None else value
                        for name, value in row.features.items()
                    }
                    truth = bool(row.outcome) if booleans else row.outcome
                    yield f"{row.prediction_id}-{row.row_index}", {**cells, stable.contract.target: truth}
    except ServiceError as exc:
        raise click.ClickException(exc.detail) from None


def _train(settings: Settings, stable: Manifest, family: str, own: Path, more: Sequence[str]) -> str:
    """Train; the new version's name."""
    table = own / f"learn-{own.name}.parquet"
    before = set(versions(settings.artifacts_dir))
    contract = ["--contract", str(own / "contract.json"), "--task", stable.contract.task]
    _run("training", "--data", str(table), "--target", stable.contract.target, "--model", family, *contract, *more)
    made = [
        version
        for version in versions(settings.artifacts_dir)
        if version not in before
        and Manifest.read(settings.artifacts_dir / version).training.get("source") == table.name
    ]
    return made[0]


def _gate(settings: Settings, stable: str, version: str, own: Path, require_better: bool) -> None:
    """Compare both versions on the held-out rows.

    Raises:
        ClickException: the new one is clearly worse, or not clearly better where that is asked for.
    """
    root, result = settings.artifacts_dir, own / "comparison.json"
    held = own / f"holdout-{own.name}.parquet"
    arguments = (str(root / stable), str(root / version), "--data", str(held), "--json", str(result))
    # The stable version's signature was verified, and this job has made the other one: it is signed when it has passed.
    _run("training", "compare", *arguments, TRUSTED_KEYS="")
    found = json.loads(result.read_text())["difference"]
    if found is None:
        raise click.ClickException(f"{version} was not compared: no held-out row has a truth that both versions know.")
    if found["better"] is False or (require_better and found["better"] is None):
        what = "is clearly worse" if found["better"] is False else "is not clearly better"
        raise click.ClickException(
            f"{version} {what} than {stable} in {found['metric']} ({found['value']:+.4g}, 95 % interval "
            f"{found['low']:+.4g} to {found['high']:+.4g}): it is kept, unsigned, and serves nobody."
        )


def _option(name: str, value: Path | None) -> list[str]:
    return [] if value is None else [name, str(value)]


def _run(module: str, *arguments: str, **settings: str) -> None:
    """Run a command of this project in this terminal, with these settings changed.

    Raises:
        Exit: it failed, with its exit code; it has said why.
    """
    run = subprocess.run([sys.executable, "-m", module, *arguments], cwd=ROOT, env={**os.environ, **settings})  # noqa: S603 - our own modules
    if run.returncode:
        raise click.exceptions.Exit(run.returncode)


if __name__ == "__main__":
    main()
