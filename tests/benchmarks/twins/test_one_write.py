from benchmarks.twins.one_write import JoinedTransport

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"


class Wire:
    """Stands where uvloop's transport does: keeps what was sent, a list a system call."""

    def __init__(self):
        self.sent = []
        self.closed = False

    def write(self, data):
        self.sent.append([data])

    def writelines(self, parts):
        self.sent.append(list(parts))

    def close(self):
        self.closed = True


def test_head_and_body_leave_together():
    wire = Wire()
    joined = JoinedTransport(wire)
    joined.write(HEAD)
    assert wire.sent == []
    joined.write(b"{}")
    assert wire.sent == [[HEAD, b"{}"]]


def test_a_head_without_a_body_leaves_when_the_answer_is_complete_or_the_connection_closes():
    for end in (JoinedTransport.flush, JoinedTransport.close):
        wire = Wire()
        joined = JoinedTransport(wire)
        joined.write(HEAD)
        end(joined)
        joined.flush()
        assert wire.sent == [[HEAD]]
        assert wire.closed is (end is JoinedTransport.close)


def test_an_invitation_to_go_on_and_the_parts_of_a_stream_do_not_wait():
    wire = Wire()
    joined = JoinedTransport(wire)
    joined.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert len(wire.sent) == 1
    joined.write(HEAD)
    for part in (b"a", b"b"):
        joined.write(part)
    assert wire.sent[1:] == [[HEAD, b"a"], [b"b"]]
