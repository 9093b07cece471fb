"""The command line: ``python -m training`` and ``python -m training pack``."""

import os

import click

from service.settings import Settings
from training.engine_choice import choose_engine
from training.example import make_examples, make_pipeline
from training.fitting import fit, split
from training.publishing import publish, route_first


@click.group(invoke_without_command=True)
@click.option("--seed", default=42, show_default=True, help="Of every random draw.")
@click.pass_context
def main(context: click.Context, seed: int) -> None:
    """Train a model and write it as an artifact that the service can serve."""
    if context.invoked_subcommand:
        return
    root = Settings.read(os.environ).artifacts_dir
    examples = make_examples(seed)
    seen, holdout = split(examples, 0.2, seed)
    fitted = fit(make_pipeline(seed), seen, holdout)
    choice = choose_engine(fitted.pipeline, seen, 100_000)
    manifest = publish(root, "random_forest", fitted, choice, {}, seed, None)
    click.echo(f"{manifest.version}: accuracy {fitted.metrics['accuracy']:.4f}, engine {choice.engine}")
    if not route_first(root, manifest.version):
        click.echo(f"flask models promote {manifest.version}")
