"""``python -m training``."""

from training.command import cli

cli(prog_name="python -m training")
