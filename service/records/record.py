"""What is known of one answer, whether of one row or of a batch."""

from dataclasses import dataclass

from inference.contract import Contract
from inference.engines.base import Answers, Label
from inference.features import Matrix


@dataclass(slots=True)
class Record:
    """One answer. Row i of ``rows`` and of ``answers`` is ``row_index`` i of the table ``predictions``.

    ``time`` is Unix time in seconds, ``latency_ms`` from the first hook to the answer's bytes, ``role`` one of stable,
    canary, shadow and requested, ``client`` the name behind the token, or the address. ``classes`` are the model's
    labels in the order of the probabilities; empty for a regression. A shadow's record bears the prediction_id of the
    answer that was given, so that one outcome judges both.
    """

    prediction_id: str
    request_id: str
    time: float
    model_version: str
    role: str
    contract: Contract
    rows: Matrix
    answers: Answers
    latency_ms: float
    client: str
    classes: tuple[Label, ...] = ()
