"""JSON in and out of Flask by orjson: strict (no NaN, no Infinity), UTF-8, several times as fast."""

from typing import Any

import orjson
from flask.json.provider import JSONProvider

from service.web.lean.messages import Response

_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS


class OrjsonProvider(JSONProvider):
    """``app.json``. What is no JSON raises ``ValueError`` on the way in, ``TypeError`` on the way out."""

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        """As text."""
        return orjson.dumps(obj, option=_OPTIONS).decode()

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """From text or UTF-8 bytes."""
        return orjson.loads(s)

    def response(self, *args: Any, **kwargs: Any) -> Response:
        """An ``application/json`` answer, its bytes encoded once."""
        return Response.ready(orjson.dumps(self._prepare_response_obj(args, kwargs), option=_OPTIONS))
