"""``app.json`` of the application, by orjson."""

from typing import Any

import orjson
from flask import Response
from flask.json.provider import JSONProvider

_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS


class OrjsonProvider(JSONProvider):
    """``app.json`` by orjson: strict, UTF-8. Invalid JSON raises ``ValueError``, a value without JSON ``TypeError``."""

    def __init__(self, app: Any) -> None:
        super().__init__(app)
        self._response_class = app.response_class

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        """As text."""
        return orjson.dumps(obj, option=_OPTIONS).decode()

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """From text or UTF-8 bytes."""
        return orjson.loads(s)

    def response(self, *args: Any, **kwargs: Any) -> Response:
        """An ``application/json`` answer of one value, of several as an array, or of keywords as an object."""
        if args and kwargs:
            raise TypeError("A response is made of values or of keywords, not of both.")
        document = kwargs or (args[0] if len(args) == 1 else args or None)
        response: Response = self._response_class.ready(orjson.dumps(document, option=_OPTIONS))
        return response
