"""Asking an MLflow server which version an alias names: one request of its REST interface, without MLflow."""

import base64
import json
import os
import urllib.error
import urllib.request
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

ASK_SECONDS = 8.0


@dataclass(frozen=True, slots=True)
class Registered:
    """A version of a registered model; ``version`` is the registry's number."""

    name: str
    version: str


def latest_of_alias(name: str, alias: str) -> Registered | None:
    """The version that the alias names; None where the registry is none that is asked by plain HTTP, such as a file.

    Raises:
        LookupError: the server does not answer, or knows no such model or alias; a sentence.
    """
    address = os.environ.get("MLFLOW_REGISTRY_URI") or os.environ.get("MLFLOW_TRACKING_URI", "")
    if urlsplit(address).scheme not in ("http", "https") or os.environ.get("MLFLOW_TRACKING_AUTH"):
        return None
    query = urlencode({"name": name, "alias": alias})
    url = f"{address.rstrip('/')}/api/2.0/mlflow/registered-models/alias?{query}"
    request = urllib.request.Request(url, headers=_authorization())  # noqa: S310 - its scheme was looked at
    try:
        with urllib.request.urlopen(request, timeout=ASK_SECONDS) as answer:  # noqa: S310 - as above
            return Registered(name, str(int(json.load(answer)["model_version"]["version"])))
    except urllib.error.HTTPError as exc:
        raise LookupError(f"the registry says {exc.code}: {_message(exc)}") from None
    except (OSError, ValueError, KeyError, TypeError) as exc:
        reason = getattr(exc, "reason", None) or exc
        raise LookupError(f"the registry does not answer: {reason}.") from None


def _authorization() -> dict[str, str]:
    if token := os.environ.get("MLFLOW_TRACKING_TOKEN"):
        return {"Authorization": f"Bearer {token}"}
    if user := os.environ.get("MLFLOW_TRACKING_USERNAME"):
        pair = f"{user}:{os.environ.get('MLFLOW_TRACKING_PASSWORD', '')}"
        return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
    return {}


def _message(error: urllib.error.HTTPError) -> str:
    """The server's own words, in a line."""
    try:
        message = json.loads(error.read(10_000))["message"]
    except (OSError, ValueError, KeyError, TypeError):
        message = error.reason
    return f"{' '.join(str(message).split())[:200].rstrip('.')}."
