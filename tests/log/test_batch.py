"""Lines of one batch are written together, and none is lost, late or out of order for it."""

import json
import threading

import pytest

from service import log
from service.log.stdout import ATOMIC_BYTES


@pytest.fixture
def written(monkeypatch):
    """Every write to the log's output."""
    found: list[bytes] = []
    monkeypatch.setattr(log._output, "_send", lambda lines: found.append(lines) or len(lines))
    return found


def events(blocks):
    return [json.loads(line)["event"] for block in blocks for line in block.splitlines()]


def test_the_lines_of_a_batch_are_one_write_when_it_ends(written):
    with log.batch():
        log.info_many(("a", {}), ("b", {}))
        log.info_many(("c", {}))
        assert written == []
    assert [events([block]) for block in written] == [["a", "b", "c"]]
    log.info_many(("d", {}))
    assert events(written) == ["a", "b", "c", "d"]


def test_a_batch_never_writes_more_than_a_pipe_takes_in_one_piece(written):
    with log.batch():
        for number in range(100):
            log.info_many((f"event {number}", {"text": "x" * 500}))
    assert events(written) == [f"event {number}" for number in range(100)]
    assert max(map(len, written)) <= ATOMIC_BYTES
    assert len(written) < 20


def test_a_warning_in_a_batch_is_written_at_once_and_after_the_lines_before_it(written):
    with log.batch():
        log.info_many(("before", {}))
        log.warning("warned")
        assert events(written) == ["before", "warned"]
        log.info_many(("after", {}))
    assert events(written) == ["before", "warned", "after"]


def test_other_threads_do_not_wait_for_the_end_of_the_batch(written):
    with log.batch():
        other = threading.Thread(target=lambda: log.info_many(("other", {})))
        other.start()
        other.join()
        assert events(written) == ["other"]


def test_a_batch_that_fails_has_written_its_lines(written):
    def fail_in_a_batch():
        with log.batch():
            log.info_many(("tried", {}))
            raise ValueError("in vain")

    with pytest.raises(ValueError, match="in vain"):
        fail_in_a_batch()
    assert events(written) == ["tried"]
