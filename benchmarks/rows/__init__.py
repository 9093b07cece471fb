"""The servers that are compared: one table. A new one is a new entry; ../README.md shows how."""

from benchmarks.rows.ceiling_rows import CEILINGS
from benchmarks.rows.fastapi_rows import TWINS
from benchmarks.rows.flask_rows import SERVERS, VARIANTS
from benchmarks.rows.peer_rows import PEER_ROWS
from benchmarks.rows.row import BIN, HERE, PEERS, Row

__all__ = ["BIN", "BY_NAME", "HERE", "PEERS", "QUICK", "ROWS", "Row"]

ROWS: tuple[Row, ...] = (*SERVERS, *VARIANTS, *TWINS, *CEILINGS, *PEER_ROWS)
BY_NAME = {row.name: row for row in ROWS}
QUICK = ("ours", "tuned", "plain", "as_designed", "bare_wsgi", "bare_asgi")
