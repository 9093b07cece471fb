"""Pydantic models made from a contract: strict and lean ones for the tuned twin, plain ones for the FastAPI design."""

from typing import Annotated, Any, Literal, Optional

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, conlist, create_model, with_config
from typing_extensions import TypedDict

from inference.contract import Contract, Feature

STRICT = ConfigDict(extra="forbid", strict=True)


def row_adapter(contract: Contract) -> TypeAdapter[Any]:
    """Validates one row into a dict. Strict: no numbers as strings, no booleans as numbers, no unknown keys.

    A TypedDict, since a dict is all the encoder needs and a model instance a row costs more.
    """
    return TypeAdapter(_typed_row(contract))


def batch_adapter(contract: Contract) -> TypeAdapter[Any]:
    """Validates ``{"instances": [row, ...]}``, at least one row."""
    rows: Any = conlist(_typed_row(contract), min_length=1)

    @with_config(STRICT)
    class Batch(TypedDict):
        instances: rows

    return TypeAdapter(Batch)


def design_row(contract: Contract) -> type[BaseModel]:
    """``PredictionInput`` of the FastAPI design: plain types, ``Field(..., ge=, le=)``, an example."""
    fields: dict[str, Any] = {
        f"column_{index}": (
            _plain_type(feature),
            Field(..., alias=feature.name, ge=feature.minimum, le=feature.maximum),
        )
        for index, feature in enumerate(contract.features)
    }
    example: dict[str, Any] = {"example": contract.example}
    config = ConfigDict(json_schema_extra=example)
    return create_model("PredictionInput", __config__=config, **fields)


def _typed_row(contract: Contract) -> Any:
    fields = {feature.name: _strict_type(contract, feature) for feature in contract.features}
    typed_dict: Any = TypedDict  # made at run time, which a type checker cannot follow
    return with_config(STRICT)(typed_dict("Row", fields))


def _strict_type(contract: Contract, feature: Feature) -> Any:
    if feature.type == "boolean":
        kind: Any = bool
    elif feature.is_open:
        kind = Annotated[str, Field(max_length=feature.longest)]
    elif feature.type == "category":
        kind = Literal[feature.choices]
    else:
        low, high = contract.bounds(feature)
        whole = 1.0 if feature.type == "integer" else None  # 5.0 is an integer, as in JSON Schema; 1.9 is none
        named: Any = {"type": "integer"} if whole else None
        kind = Annotated[float, Field(ge=low, le=high, multiple_of=whole, allow_inf_nan=False, json_schema_extra=named)]
        if feature.choices:
            kind = Literal[feature.choices]
    return Optional[kind] if feature.nullable else kind  # noqa: UP045 - ``kind`` is a value, not an annotation


def _plain_type(feature: Feature) -> Any:
    kinds: dict[str, Any] = {"number": float, "integer": int, "boolean": bool, "text": str}
    kind = str if feature.is_open else kinds.get(feature.type) or Literal[feature.choices]
    return Optional[kind] if feature.nullable else kind  # noqa: UP045 - as above
