"""Ask a tabular-serving service for predictions.

    from tabular_client import Client

    answers = Client("http://127.0.0.1:8000").predict(frame)

- ``client``     the calls: ``predict``, ``feedback``, ``info``, ``health``
- ``frames``     a DataFrame is sent in chunks, and the answers become one DataFrame
- ``values``     numpy and pandas values as JSON ones
- ``transport``  HTTP: the token, retries within a bounded time, errors
- ``errors``     what may be raised
"""

from tabular_client.client import Client
from tabular_client.exceptions import (
    BodyTooLarge,
    ClientError,
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    RowError,
    ServiceError,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    Unreachable,
)

__all__ = [
    "BodyTooLarge",
    "Client",
    "ClientError",
    "Conflict",
    "Forbidden",
    "InvalidInput",
    "NotFound",
    "RowError",
    "ServiceError",
    "TooManyRequests",
    "Unauthorized",
    "Unavailable",
    "Unreachable",
]
__version__ = "0.1.0"
