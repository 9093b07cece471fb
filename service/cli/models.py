"""``flask models``: what there is, which version serves, and how another one takes its place."""

import click

from service.cli.listing import list_models
from service.cli.prune import prune
from service.cli.roles import history, promote, retire, rollback
from service.cli.rollout import rollout
from service.cli.sign import sign
from service.cli.verify import compare, verify

COMMANDS = (list_models, verify, compare, sign, promote, rollout, retire, rollback, history, prune)


@click.group("models")
def models_group() -> None:
    """See the artifacts, and choose which of them serve."""


for command in COMMANDS:
    models_group.add_command(command)
