"""Identifiers are UUIDs, and never given out twice: not by threads, not by a forked child."""

import os
import uuid
from concurrent.futures import ThreadPoolExecutor

from service.web.tracing import new_id


def test_an_identifier_is_a_random_uuid():
    for _ in range(1000):
        identifier = new_id()
        assert str(uuid.UUID(identifier)) == identifier
        assert uuid.UUID(identifier).version == 4 and uuid.UUID(identifier).variant == uuid.RFC_4122


def test_threads_never_get_the_same():
    with ThreadPoolExecutor(8) as pool:
        drawn = list(pool.map(lambda _: [new_id() for _ in range(2000)], range(8)))
    assert len({identifier for some in drawn for identifier in some}) == 16_000


def test_a_forked_child_never_gives_out_its_parents():
    new_id()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, "".join(new_id() for _ in range(300)).encode())
        os._exit(0)
    os.waitpid(child, 0)
    drawn = os.read(reader, 65536).decode()
    os.close(reader)
    os.close(writer)
    theirs = {drawn[start : start + 36] for start in range(0, len(drawn), 36)}
    assert len(theirs) == 300
    assert not theirs & {new_id() for _ in range(600)}
