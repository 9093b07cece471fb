"""``python -m scoring``."""

from scoring.cli import cli

if __name__ == "__main__":  # a worker process imports this module again
    cli(prog_name="python -m scoring")
