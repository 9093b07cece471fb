"""The one way training says no: a sentence that names what is wrong and the way out. Exit code 1."""

from click import ClickException


class TrainingError(ClickException):
    """Nothing was written. The message names the file, column or option, and what to do."""
