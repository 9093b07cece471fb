"""Header lines beside those that every request needs: what a gateway adds, names nobody knows, a crowd of users."""

import random
import string
import uuid
from collections.abc import Callable, Sequence

from benchmarks.scenarios import Heads

Lines = tuple[str, ...]
UNKNOWN, USERS = 3, 5000
BROWSERS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{0}.0.0.0 Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:{0}.0) Gecko/20100101 Firefox/{0}.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS {0}_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    "python-requests/2.{0}.0",
    "okhttp/4.{0}.0",
)
LANGUAGES = ("en-GB,en;q=0.9", "de-DE,de;q=0.8,en;q=0.5", "pl,en;q=0.7", "ja", "*")


def header_lines(heads: Heads, count: int, seed: int) -> Sequence[Lines]:
    """``count`` groups of header lines; equal for equal seeds, so that all the servers of a run get the same."""
    draw = random.Random(seed)
    return KINDS[heads](count, draw)


def _equal(count: int, _draw: random.Random) -> list[Lines]:
    return [()] * count


def _gateway(count: int, draw: random.Random) -> list[Lines]:
    return [
        (
            f"traceparent: 00-{draw.getrandbits(128):032x}-{draw.getrandbits(64):016x}-01",
            f"X-Request-ID: {uuid.UUID(int=draw.getrandbits(128), version=4)}",
        )
        for _ in range(count)
    ]


def _unknown(count: int, draw: random.Random) -> list[Lines]:
    """The names are drawn from letters, so no server can have been made for them; the values are new each time."""
    names = [_name(draw) for _ in range(UNKNOWN)]
    cookie = _name(draw).lower()
    return [
        (
            *(f"{name}: {draw.getrandbits(64):016x}" for name in names),
            f"Cookie: {cookie}={draw.getrandbits(128):032x}",
        )
        for _ in range(count)
    ]


def _crowd(count: int, draw: random.Random) -> list[Lines]:
    """A user keeps browser, language, session and token; who comes next is chance, and some send a request id."""
    users = [
        (
            f"User-Agent: {draw.choice(BROWSERS).format(draw.randint(11, 140))}",
            f"Accept-Language: {draw.choice(LANGUAGES)}",
            f"Authorization: Bearer {draw.getrandbits(256):064x}",
            f"Cookie: session={draw.getrandbits(128):032x}; theme={draw.choice(('dark', 'light'))}",
        )
        for _ in range(USERS)
    ]
    return [
        (*draw.choice(users), *((f"X-Request-ID: {draw.getrandbits(128):032x}",) if draw.random() < 0.5 else ()))
        for _ in range(count)
    ]


def _name(draw: random.Random) -> str:
    """A header's name as people make them: two or three words of letters, some capitalised."""
    words = ["".join(draw.choices(string.ascii_lowercase, k=draw.randint(4, 9))) for _ in range(draw.randint(2, 3))]
    return "-".join(word.title() for word in words) if draw.random() < 0.5 else "-".join(words)


KINDS: dict[Heads, Callable[[int, random.Random], list[Lines]]] = {
    "equal": _equal,
    "gateway": _gateway,
    "unknown": _unknown,
    "crowd": _crowd,
}
