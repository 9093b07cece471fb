"""``python -m training``."""

import sys

try:
    from training.command import cli
except ModuleNotFoundError as exc:
    sys.exit(
        f"Error: the packages of training are not installed here ({exc}). Install: pip install -r requirements.txt"
    )

cli(prog_name="python -m training")
