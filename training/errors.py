"""The errors of training: one sentence that names what is wrong and how to correct it. Exit code 1."""

from collections.abc import Sequence

from click import ClickException


class TrainingError(ClickException):
    """Nothing was written. The message names the file, column or option, and what to do."""


class ColumnError(TrainingError):
    """A column that can be no feature. ``fact`` is the predicate of a sentence; ``cure``: what to do in training."""

    def __init__(self, column: str, fact: str, cure: str) -> None:
        self.column, self.fact, self.cure = column, fact, cure
        super().__init__(f"column {column!r} {fact}: {cure}.")


def together(errors: Sequence[TrainingError]) -> TrainingError:
    """One refusal that tells all of them."""
    if len(errors) == 1:
        return errors[0]
    return TrainingError(f"{len(errors)} columns are refused:\n" + "\n".join(f"- {error.message}" for error in errors))
