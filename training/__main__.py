"""``python -m training``."""

from training.command import main

main(prog_name="python -m training")
