"""The targets (servers under test): one table. A new one is a new entry; ../README.md shows how."""

from benchmarks.targets.ceiling_targets import CEILINGS
from benchmarks.targets.definition import BIN, HERE, PEERS, Target
from benchmarks.targets.fastapi_targets import TWINS
from benchmarks.targets.flask_targets import SERVERS, VARIANTS
from benchmarks.targets.peer_targets import PEER_TARGETS

__all__ = ["BIN", "BY_NAME", "HERE", "PEERS", "QUICK", "TARGETS", "Target"]

TARGETS: tuple[Target, ...] = (*SERVERS, *VARIANTS, *TWINS, *CEILINGS, *PEER_TARGETS)
BY_NAME = {target.name: target for target in TARGETS}
QUICK = ("ours", "tuned", "plain", "fastapi_design", "bare_wsgi", "bare_asgi")
