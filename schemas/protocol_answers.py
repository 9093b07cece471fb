"""The documents of other protocols, for the OpenAPI document; tests hold the real answers to these schemas."""

from typing import Any

from marshmallow import Schema, fields

from schemas.answers import Answer, described
from schemas.error_shapes import ErrorShape, in_one_sentence
from schemas.errors import ServiceError


class OipError(Answer):
    """What went wrong (Open Inference Protocol V2)."""

    error = fields.String(**described("What went wrong in a sentence, each wrong field by its name.", required=True))


class ServerLiveAnswer(Answer):
    """The process answers."""

    live = fields.Boolean(required=True)


class ServerReadyAnswer(Answer):
    """Whether this worker can predict."""

    ready = fields.Boolean(required=True)


class ModelReadyAnswer(ServerReadyAnswer):
    """Whether the model can be asked."""

    name = fields.String(required=True)


class ServerMetadataAnswer(Answer):
    """The server and the extensions of the protocol that it knows."""

    name = fields.String(required=True)
    version = fields.String(required=True)
    extensions = fields.List(fields.String(), required=True)


class TensorMetadata(Answer):
    """A tensor of the model."""

    name = fields.String(required=True)
    datatype = fields.String(required=True)
    shape = fields.List(fields.Integer(), **described("-1 is the number of rows.", required=True))


class ModelMetadataAnswer(Answer):
    """What the model takes and answers."""

    name = fields.String(required=True)
    versions = fields.List(fields.String(), **described("The loaded versions.", required=True))
    platform = fields.String(required=True)
    inputs = fields.List(
        fields.Nested(TensorMetadata), **described("One for each feature, in their order.", required=True)
    )
    outputs = fields.List(fields.Nested(TensorMetadata), required=True)


class TensorParameters(Schema):
    """Parameters of a tensor; others are ignored."""

    binary_data_size = fields.Integer(**described("The tensor's bytes behind the JSON, instead of `data`."))
    binary_data = fields.Boolean(**described("Of an output: answer it in binary."))


class InferInput(Schema):
    """An input tensor: a feature's, or all of them in the order of the metadata."""

    name = fields.String(required=True)
    datatype = fields.String(required=True)
    shape = fields.List(fields.Integer(), required=True)
    parameters = fields.Nested(TensorParameters)
    data = fields.List(fields.Raw(allow_none=True), **described("Row by row, flat or nested as the shape is."))


class InferOutput(Schema):
    """An output that is asked for."""

    name = fields.String(**described("`predict` or `predict_proba`.", required=True))
    parameters = fields.Nested(TensorParameters)


class InferParameters(Schema):
    """Parameters of a request; others are ignored."""

    binary_data_output = fields.Boolean(**described("Answer all outputs in binary."))


class InferRequestSchema(Schema):
    """An inference request."""

    id = fields.String(**described("Comes back in the answer."))
    parameters = fields.Nested(InferParameters)
    inputs = fields.List(fields.Nested(InferInput), required=True)
    outputs = fields.List(fields.Nested(InferOutput), **described("`predict` where it is left out."))


class AnsweredTensor(TensorMetadata):
    """An output."""

    parameters = fields.Dict()
    data = fields.List(fields.Raw())


class InferAnswer(Answer):
    """The outputs, in the order in which they were asked for."""

    model_name = fields.String(required=True)
    model_version = fields.String(required=True)
    id = fields.String()
    parameters = fields.Dict(**described("`prediction_id`, for feedback.", required=True))
    outputs = fields.List(fields.Nested(AnsweredTensor), required=True)


class MlflowError(Answer):
    """What went wrong (MLflow)."""

    error_code = fields.String(**described("One of MLflow's names of errors.", required=True))
    message = fields.String(**described("What went wrong in a sentence, each wrong field by its name.", required=True))


class SplitFrame(Schema):
    """`DataFrame.to_dict("split")`."""

    columns = fields.List(fields.String(), required=True)
    data = fields.List(fields.List(fields.Raw(allow_none=True)), required=True)
    index = fields.List(fields.Raw(), **described("Ignored."))


class InvocationSchema(Schema):
    """Rows in exactly one of four forms."""

    dataframe_split = fields.Nested(SplitFrame)
    dataframe_records = fields.List(fields.Dict(), **described('`DataFrame.to_dict("records")`.'))
    instances = fields.List(fields.Raw(), **described("Objects, or arrays in the order of the features."))
    inputs = fields.Raw(**described("An object of columns, or what `instances` takes."))
    params = fields.Dict(**described("Ignored."))


class InvocationAnswer(Answer):
    """The predictions, in the order of the rows."""

    predictions = fields.List(fields.Raw(), required=True)


_MLFLOW_CODES = {
    400: "BAD_REQUEST",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "RESOURCE_DOES_NOT_EXIST",
    405: "ENDPOINT_NOT_FOUND",
    413: "BAD_REQUEST",
    415: "BAD_REQUEST",
    422: "BAD_REQUEST",
    429: "REQUEST_LIMIT_EXCEEDED",
    503: "TEMPORARILY_UNAVAILABLE",
}
"""MLflow's name of each status; any other is INTERNAL_ERROR."""


def _oip_error(error: ServiceError, request_id: str) -> dict[str, Any]:
    return {"error": in_one_sentence(error)}


def _mlflow_error(error: ServiceError, request_id: str) -> dict[str, Any]:
    return {"error_code": _MLFLOW_CODES.get(error.status, "INTERNAL_ERROR"), "message": in_one_sentence(error)}


OIP_ERRORS = ErrorShape("application/json", _oip_error, lambda error: OipError, invalid_status=400)
MLFLOW_ERRORS = ErrorShape("application/json", _mlflow_error, lambda error: MlflowError, invalid_status=400)
