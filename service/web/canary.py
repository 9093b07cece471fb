"""What a canary needs of the web: X-Client-Key, so that one user stays on one version, and answers to compare."""

from inference.engines.base import Answers
from schemas.errors import InvalidHeader
from service import metrics
from service.models.cache import Cached
from service.models.model import Model

MAX_CLIENT_KEY = 128
"""Characters of an X-Client-Key."""


def check_client_key(header: str) -> None:
    """Refuse what is no key; to draw the version instead would move a user to and fro unnoticed.

    Raises:
        InvalidHeader: longer than MAX_CLIENT_KEY characters, or with characters that cannot be seen.
    """
    sent = header.encode("latin-1", "replace")  # WSGI has bytes as latin-1 text
    try:
        key = sent.decode()
    except UnicodeDecodeError:
        key = header
    if len(key) > MAX_CLIENT_KEY or not key.isprintable():
        raise InvalidHeader(f"X-Client-Key must be at most {MAX_CLIENT_KEY} visible characters.")


def compare(model: Model, answers: Answers, seconds: float) -> None:
    """Count answers for the comparison of stable and canary. A cached answer's time is not its version's."""
    is_timed = len(answers.predictions) > 1 or not isinstance(model.engine, Cached)
    metrics.canary_compared(model.version, answers.predictions, answers.chosen is None, seconds if is_timed else None)
