"""The record of every prediction that was answered.

- ``recorder``      the write path: one line an answer, appended to the ``spool`` before the answer goes out
- ``spool``         this host's files of lines: their format, their writer, what is not shipped yet
- ``shipper``       a process of its own that loads the lines into the database
- ``database``      reading the records again, the one room that imports SQLAlchemy
- ``database_url``  what DATABASE_URL names
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # numpy, which the shipper does without
    from inference.contract import Contract
    from inference.engines.base import Answers, Label
    from inference.features import Matrix


@dataclass(slots=True)
class Record:
    """One answer, of one row or of a batch. Row i of ``rows`` and of ``answers`` has ``row_index`` i.

    ``time`` is Unix time in seconds, ``latency_ms`` runs from the first hook to the bytes of the answer, ``role`` is
    one of stable, canary, shadow and requested, ``client`` is the name behind the token, or the address. ``classes``
    are the model's labels in the order of the probabilities; empty for a regression. A shadow's record has the
    prediction_id of the answer that the client got, so that one outcome judges both.
    """

    prediction_id: str
    request_id: str
    time: float
    model_version: str
    role: str
    contract: "Contract"
    rows: "Matrix"
    answers: "Answers"
    latency_ms: float
    client: str
    classes: "tuple[Label, ...]" = ()
