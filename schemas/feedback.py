"""The body of POST /feedback and its answer."""

import math
from itertools import islice
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from inference.contract import LARGEST_INTEGER
from schemas.answers import Answer
from schemas.errors import MOST_ERRORS, InvalidInput
from schemas.fields import Integer
from schemas.reader import parse, parse_exactly
from schemas.row_validator import WHOLE, shortened
from schemas.rows import UNKNOWN, without_unknown

_LONGEST_LABEL = 1000


class Scalar(fields.Field[Any]):
    """A string, a finite number, true or false."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if type(value) not in (str, int, float, bool):
            raise ValidationError("Must be a label or a number.")
        if type(value) is str and len(value) > _LONGEST_LABEL:
            raise ValidationError(f"Must not be longer than {_LONGEST_LABEL} characters.")
        if type(value) is int and abs(value) > LARGEST_INTEGER:
            raise ValidationError("Must not be an integer beyond 2^53.")
        if type(value) is float and not math.isfinite(value):
            raise ValidationError("Must be a finite number.")
        return value


class _Strict(Schema):
    error_messages = {"unknown": "Unknown field.", "type": "Must be an object."}  # noqa: RUF012 - marshmallow's own form


def _prediction_id(required: bool) -> fields.String:
    return fields.String(
        required=required,
        validate=validate.Regexp(r"[\x21-\x7e]{1,64}\Z", error="Must be 1 to 64 visible ASCII characters."),
        metadata={
            "description": "As in the answer of the prediction.",
            "example": "0b8f0a52-7a1e-4d0e-9a55-6f1f4f0c9d11",
        },
    )


def _row() -> Integer:
    return Integer(
        load_default=0,
        validate=validate.Range(0, 2**31 - 1, error="Must be between {min} and {max}."),
        metadata={"description": "The row of a batch, counted from 0.", "example": 0},
    )


def _outcome(required: bool) -> Scalar:
    return Scalar(
        required=required,
        metadata={
            "description": "What really happened: a label of the model, or a number.",
            "anyOf": [
                {"type": "string", "maxLength": _LONGEST_LABEL},
                {"type": "number", "minimum": -LARGEST_INTEGER, "maximum": LARGEST_INTEGER},
                {"type": "boolean"},
            ],
        },
    )


class OutcomeSchema(_Strict):
    """What happened to one row."""

    prediction_id = _prediction_id(True)
    row = _row()
    outcome = _outcome(True)


class OutcomesSchema(_Strict):
    """What happened to many rows; recorded all or none."""

    outcomes = fields.List(
        fields.Nested(OutcomeSchema), required=True, metadata={"description": "An entry a row.", "minItems": 1}
    )


class FeedbackSchema(_Strict):
    """Either form: the outcome of one row, or those of many rows under ``outcomes``."""

    prediction_id = _prediction_id(False)
    row = _row()
    outcome = _outcome(False)
    outcomes = fields.List(
        fields.Nested(OutcomeSchema),
        metadata={"description": "Many outcomes at once, instead of the other fields.", "example": None},
    )

    @validates_schema(pass_original=True, skip_on_field_errors=False)
    def _one_form(self, loaded: dict[str, Any], original: Any, **kwargs: Any) -> None:
        if not isinstance(original, dict):
            return
        if "outcomes" in original:
            mixed = [name for name in ("prediction_id", "row", "outcome") if name in original]
            _raise_if({name: ["Must not stand beside outcomes."] for name in mixed})
        else:
            missing = [name for name in ("prediction_id", "outcome") if name not in original]
            _raise_if({name: ["Missing data for required field."] for name in missing})


class FeedbackAnswer(Answer):
    """How many outcomes were recorded."""

    count = fields.Integer(required=True, metadata={"description": "Outcomes in the request."})
    created = fields.Integer(required=True, metadata={"description": "Those of them that are new."})


def _raise_if(errors: dict[str, list[str]]) -> None:
    if errors:
        raise ValidationError(errors)


def read_feedback(body: bytes, most: int) -> tuple[list[dict[str, Any]], bool]:
    """The outcomes of a body, each with prediction_id, row and outcome, and whether the body has the form for many.

    Raises:
        MalformedBody, InvalidInput
    """
    document = parse_exactly(body, parse(body))
    if type(document) is not dict:
        raise InvalidInput({WHOLE: ["Must be an object."]}, 1)
    many = "outcomes" in document
    if many and type(document["outcomes"]) is list and not 1 <= len(document["outcomes"]) <= most:
        raise InvalidInput({"outcomes": [f"Must hold 1 to {most} outcomes."]}, 1)
    errors, total = _unknown_names(document)
    loaded: dict[str, Any] = {}
    try:
        loaded = FeedbackSchema().load(document)
    except ValidationError as exc:
        found = dict(_flat("", exc.messages))
        errors, total = found | errors, total + len(found)
    if total:
        raise InvalidInput(dict(islice(errors.items(), MOST_ERRORS)), total)
    return (loaded["outcomes"], True) if many else ([loaded], False)


def _unknown_names(document: dict[str, Any]) -> tuple[dict[str, list[str]], int]:
    """Take unknown names out of a body and its entries: the errors of the first hundred, and how many there were."""
    errors: dict[str, list[str]] = {}
    total = 0
    outcomes = document.get("outcomes")
    entries = [(f"outcomes.{place}.", entry) for place, entry in enumerate(outcomes)] if type(outcomes) is list else []
    for prefix, entry in [("", document), *entries]:
        if type(entry) is dict:
            known = OutcomeSchema._declared_fields if prefix else FeedbackSchema._declared_fields
            given, unknown, count = without_unknown(entry, known, MOST_ERRORS - len(errors))
            if count:
                entry.clear()
                entry |= given
            errors |= {prefix + shortened(name): [UNKNOWN] for name in unknown}
            total += count
    return errors, total


def _flat(prefix: str, messages: Any) -> list[tuple[str, list[str]]]:
    if isinstance(messages, list):
        return [(prefix or WHOLE, messages)]
    found = []
    for name, inner in messages.items():
        path = prefix if name == "_schema" else f"{prefix}.{name}".lstrip(".")
        found += _flat(path, inner)
    return found
