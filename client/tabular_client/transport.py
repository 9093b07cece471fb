"""HTTP: one request, sent again within a bounded time where that may help.

Every call of the service may be repeated: a repeated prediction is answered anew, under an id of its own, and a
repeated outcome is known already.
"""

from __future__ import annotations

import email.utils
import json
import logging
import os
import random
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

import urllib3

from tabular_client.exceptions import Problem, ServiceError, Unreachable

AGAIN = (429, 502, 503)
"""Statuses after which the same request may succeed; 502 is a proxy whose service restarts."""
FIRST_WAIT, LONGEST_WAIT = 0.1, 5.0
"""Seconds between attempts where the service names none: doubled each time, with jitter."""
log = logging.getLogger("tabular_client")


class Transport:
    """Sends requests to one service. Usable from several threads, and after a fork."""

    def __init__(
        self,
        url: str,
        token: str | None,
        timeout: float,
        retry_seconds: float,
        make_pool: Callable[[], urllib3.PoolManager],
    ) -> None:
        """See ``Client``.

        Raises:
            ValueError: the address, the token or a number of seconds cannot be used.
        """
        self.url = _checked(url)
        if token is not None and (not token or not all("!" <= letter <= "~" for letter in token)):
            raise ValueError("token must be visible ASCII characters: a stray space or line end is often the cause.")
        if not timeout > 0 or not retry_seconds >= 0:
            raise ValueError("timeout must be above 0 seconds, and retry_seconds 0 or more.")
        self._headers = {"Accept": "application/json", "User-Agent": "tabular-client"}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"
        self._timeout, self._retry_seconds, self._make_pool = timeout, retry_seconds, make_pool
        self._pool, self._pid = make_pool(), os.getpid()

    def get(self, path: str, query: Mapping[str, str] | None = None, *, retry: bool = True, accept: int = 200) -> Any:
        """The JSON answer to a GET. A status ``accept`` beside 200 is an answer as well.

        Without ``retry`` only a connection that broke is tried again, for a second.
        """
        return self._ask("GET", path, query, None, retry, accept)

    def post(self, path: str, document: bytes, query: Mapping[str, str] | None = None) -> Any:
        """The JSON answer to a POST of a JSON document."""
        return self._ask("POST", path, query, document, True, 200)

    def close(self) -> None:
        """Close the connections; the next request opens new ones."""
        self._pool.clear()

    def _ask(
        self, method: str, path: str, query: Mapping[str, str] | None, body: bytes | None, retry: bool, accept: int
    ) -> Any:
        """Send until there is an answer, or no time is left.

        Raises:
            Unreachable, ServiceError
        """
        headers = {**self._headers, "X-Request-ID": uuid.uuid4().hex}  # one for all attempts
        if body is not None:
            headers["Content-Type"] = "application/json"
        url = self.url + path + ("?" + urlencode(query) if query else "")
        deadline, attempt = time.monotonic() + (self._retry_seconds if retry else min(1.0, self._retry_seconds)), 0
        while True:
            attempt += 1
            error, wait = self._attempt(method, url, headers, body, accept)
            if not isinstance(error, Exception):
                return error
            if not retry and isinstance(error, ServiceError):
                raise error
            if wait is None:
                wait = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(attempt - 1, 10)) * random.uniform(0.5, 1)  # noqa: S311 - jitter
            if wait < 0 or time.monotonic() + wait > deadline:
                raise error
            log.info("attempt %d failed, the next follows in %.2f s: %s", attempt, wait, error)
            time.sleep(wait)

    def _attempt(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, accept: int
    ) -> tuple[Any, float | None]:
        """The answer, or the error and the seconds until the next attempt: negative for never, None for our choice."""
        if self._pid != os.getpid():  # a connection shared with the parent process would mix up the answers
            self._pool, self._pid = self._make_pool(), os.getpid()
        try:
            answer = self._pool.request(
                method, url, body=body, headers=headers, timeout=self._timeout, retries=False, redirect=False
            )
        except (urllib3.exceptions.LocationParseError, urllib3.exceptions.SSLError) as exc:
            return Unreachable(f"{self.url}: {_reason(exc)}"), -1
        except urllib3.exceptions.ReadTimeoutError:
            return Unreachable(f"{self.url} did not answer within {self._timeout:g} s."), -1
        except urllib3.exceptions.HTTPError as exc:
            return Unreachable(f"{self.url} cannot be reached: {_reason(exc)}"), None
        return _read(answer, accept)


def _read(answer: urllib3.BaseHTTPResponse, accept: int) -> tuple[Any, float | None]:
    try:
        document = json.loads(answer.data)
    except ValueError:
        document = None
    if answer.status in (200, 201, accept) and isinstance(document, dict):
        return document, 0
    if answer.status in (200, 201, accept):
        return ServiceError(answer.status, "The answer is not JSON: is this the address of the service?"), -1
    reason = answer.reason or ""
    if 300 <= answer.status < 400:
        reason = f"It is redirected to {answer.headers.get('Location')}: use that address."
    error = Problem.error(answer.status, document if isinstance(document, dict) else {}, reason)
    return error, _retry_after(answer.headers.get("Retry-After")) if answer.status in AGAIN else -1


def _retry_after(header: str | None) -> float | None:
    """Seconds, of a number or a date; None where the header is missing or makes no sense."""
    if header is None:
        return None
    if header.strip().isdigit():
        return float(header)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(header).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None


def _reason(exc: BaseException) -> str:
    """A short reason, without the library's object names."""
    inner = exc.args[-1] if exc.args else exc
    text = str(inner).rpartition("): ")[2] or str(inner)
    return (text[:200] or type(exc).__name__).rstrip(".") + "."


def _checked(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(f"url must be like https://host:8000 or https://host/prefix, not {url!r}.")
    return url.rstrip("/")
