"""The error of training: one sentence that names what is wrong and how to correct it. Exit code 1."""

from click import ClickException


class TrainingError(ClickException):
    """Nothing was written. The message names the file, column or option, and what to do."""
