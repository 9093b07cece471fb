"""The errors of training: one sentence that names what is wrong and how to correct it. Exit code 1."""

from collections.abc import Sequence

from click import ClickException


class TrainingError(ClickException):
    """Nothing was written. The message names the file, column or option, and what to do."""


MADE_OF_IT = "fit the pipeline on numbers, texts or booleans made of it, before it is packed"


class ColumnError(TrainingError):
    """A column that can be no feature.

    ``fact`` is the predicate of a sentence; ``cure``: what to do in training; ``packed``: what to do in pack, where a
    column cannot be left out.
    """

    def __init__(self, column: str, fact: str, cure: str, packed: str = MADE_OF_IT) -> None:
        self.column, self.fact, self.cure, self.packed = column, fact, cure, packed
        super().__init__(f"column {column!r} {fact}: {cure}.")


def together(errors: Sequence[TrainingError]) -> TrainingError:
    """One refusal that tells all of them."""
    if len(errors) == 1:
        return errors[0]
    return TrainingError(f"{len(errors)} columns are refused:\n" + "\n".join(f"- {error.message}" for error in errors))
