"""The comparison stands on the lower floors only, so that neither side runs through the other."""

from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests.test_layers import _imports

ROOT = Path(__file__).parents[2]
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((ROOT / "benchmarks").rglob("*.py"))
    if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
}
FLOORS = (
    "benchmarks",
    "inference",
    "service.records",
    "service.log",
    "service.metrics",
    "service.settings",
    "schemas.errors",
)
TWINS = [name for name in MODULES if name.startswith("benchmarks.twins") and not name.endswith("plain_flask")]


def _inside(module: str, rooms: tuple[str, ...]) -> bool:
    return any(module == room or module.startswith(f"{room}.") for room in rooms)


@pytest.mark.parametrize("module", TWINS)
def test_a_twin_knows_neither_flask_nor_the_service_above_it(module):
    for imported in _imports(MODULES[module]):
        assert not _inside(imported, ("flask", "werkzeug", "training"))
        assert not _inside(imported, ("schemas",)) or _inside(imported, FLOORS), imported
        assert not imported.startswith("service.") or _inside(imported, FLOORS), imported


def test_the_lab_has_no_circle():
    graph = {
        module: {other for name in _imports(path) for other in (name, name.rpartition(".")[0]) if other in MODULES}
        - {module, module.rpartition(".")[0]}
        for module, path in MODULES.items()
    }
    assert set(TopologicalSorter(graph).static_order()) == set(MODULES)
