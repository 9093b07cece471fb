"""The model, and its answers to rows in columns: a table of answers, and the rows that are refused."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from inference.engines.base import Answers, EngineError
from inference.manifest import ArtifactError, Manifest
from schemas.cells import Column
from schemas.serialise import NOT_FINITE
from scoring.refusals import ScoringError
from service.models.model import Model, load
from service.settings import Settings

WHOLE = "$"
"""The key of a row itself in its errors."""
Errors = dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """Which artifact answers, for any process that loads it: its folder, its digest, and the service's settings."""

    folder: str
    sha256: str
    settings: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Scored:
    """The answers to the valid rows, whose places are ``places``, and by place what is wrong with the others."""

    table: pa.Table
    places: Any
    rejected: dict[int, Errors]


@lru_cache(maxsize=2)
def load_scorer(spec: ModelSpec) -> "Scorer":
    """The scorer of a model, loaded once a process.

    Raises:
        ScoringError: it cannot be loaded, or is another one than at the beginning.
    """
    folder = Path(spec.folder)
    try:
        model = load(folder, Settings.read(dict(spec.settings) | {"CACHE": "off"}))
    except (ArtifactError, EngineError) as exc:
        raise ScoringError(str(exc)) from None
    if model.manifest.sha256 != spec.sha256:
        raise ScoringError(f"{folder} is another artifact than this run began with. Begin anew with --restart.")
    return Scorer(model)


class Scorer:
    """Validates rows and answers them."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.names = model.manifest.contract.names

    def schema(self, probabilities: bool) -> pa.Schema:
        """The columns of the answers."""
        return answer_schema(self.model.manifest, self.model.has_probabilities, probabilities)

    def score(self, columns: Mapping[str, Column], probabilities: bool) -> Scored:
        """The answers to rows of which each is judged for itself.

        ``columns`` are those of the contract, all of them.
        """
        checked = self.model.reader.check_columns({name: columns[name] for name in self.names})
        places = np.arange(len(checked.matrix))
        if checked.errors:
            places = np.setdiff1d(places, list(checked.errors))
        rejected = dict(checked.errors)
        if not len(places):
            return Scored(self.schema(probabilities).empty_table(), places, rejected)
        answers = self.model.engine.predict(checked.matrix[places] if rejected else checked.matrix)
        table = self._table(answers, probabilities)
        if not (finite := answers.finite).all():
            rejected |= {int(place): {WHOLE: [NOT_FINITE]} for place in places[~finite]}
            table, places = table.filter(pa.array(finite)), places[finite]
        return Scored(table, places, rejected)

    def _table(self, answers: Answers, probabilities: bool) -> pa.Table:
        schema, manifest = self.schema(probabilities), self.model.manifest
        many = len(answers.predictions)
        if answers.chosen is None:
            columns = [pa.array(answers.predictions, pa.float64())]
        else:
            kind = schema.field("prediction").type
            labels = pa.array([_label(label, kind) for label in manifest.classes], kind)
            columns = [labels.take(pa.array(answers.chosen))]
            if answers.probabilities is not None:
                columns.append(pa.array(answers.probabilities[np.arange(many), answers.chosen]))
                if probabilities:
                    columns += [pa.array(np.ascontiguousarray(one)) for one in answers.probabilities.T]
        return pa.Table.from_arrays([*columns, pa.repeat(pa.scalar(manifest.version), many)], schema=schema)


def answer_schema(manifest: Manifest, has_probabilities: bool, probabilities: bool) -> pa.Schema:
    """The columns of a model's answers.

    Raises:
        ScoringError: ``probabilities`` are asked for, and the model has none.
    """
    if probabilities and not has_probabilities:
        raise ScoringError(f"{manifest.version} has no probabilities: leave --probabilities out.")
    fields = [("prediction", _type_of(manifest))]
    if has_probabilities:
        fields.append(("probability", pa.float64()))
    if probabilities:
        fields += [(f"probability.{_text(label)}", pa.float64()) for label in manifest.classes]
    return pa.schema([*fields, ("model_version", pa.string())])


def rejected_json(errors: Errors) -> str:
    """The errors of a row as JSON."""
    return json.dumps({name or WHOLE: list(told) for name, told in errors.items()}, ensure_ascii=False)


def _type_of(manifest: Manifest) -> pa.DataType:
    """The type of a column of labels; strings where the labels are of several types."""
    if manifest.contract.task == "regression":
        return pa.float64()
    kinds = {type(label) for label in manifest.classes if label is not None}
    found: Sequence[Any] = [
        kind for known, kind in ((bool, pa.bool_()), (int, pa.int64()), (float, pa.float64())) if kinds == {known}
    ]
    return found[0] if found else pa.float64() if kinds == {int, float} else pa.string()


def _label(label: Any, kind: pa.DataType) -> Any:
    return _text(label) if pa.types.is_string(kind) and label is not None else label


def _text(label: Any) -> str:
    return label if isinstance(label, str) else json.dumps(label)
