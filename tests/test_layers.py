"""Imports point down only, and there is no circle."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAYERS = (  # a module may import from its own layer's package and from layers below
    ("gunicorn.conf", "wsgi"),
    ("service.app",),
    ("service.web", "service.server"),
    ("service.models",),
    ("schemas", "service.records", "service.guards"),
    ("service.remote",),
    ("service.telemetry",),
    ("service.inference", "service.settings", "service.errors"),
    ("service.setting_values", "service.moments", "service.own_process", "service.single_thread", "service.version"),
)
APART = ("training", "benchmarks")
PURE = ("service.inference",)
FLASK_ROOMS = ("service.app", "service.web", "wsgi")


def _modules() -> Iterator[tuple[str, Path]]:
    for path in sorted([*ROOT.glob("service/**/*.py"), *ROOT.glob("schemas/*.py"), *ROOT.glob("training/**/*.py")]):
        yield ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"), path
    for name in ("wsgi", "gunicorn.conf"):
        yield name, ROOT / f"{name}.py"


MODULES = dict(_modules())


def _imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def _layer(module: str) -> int | None:
    for depth, layer in enumerate(LAYERS):
        if any(module == room or module.startswith(f"{room}.") for room in layer):
            return depth
    return None


def _inside(module: str, rooms: tuple[str, ...]) -> bool:
    return any(module == room or module.startswith(f"{room}.") for room in rooms)


def test_every_room_of_the_service_has_its_layer():
    assert [name for name in MODULES if not _inside(name, ("training",)) and _layer(name) is None] == ["service"]


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_down(module):
    own = _layer(module)
    for imported in _imports(MODULES[module]):
        below = _layer(imported)
        if own is None:
            allowed = (
                below is None or below >= _layer("service.models") or imported.startswith("service.models.routing")
            )
        else:
            allowed = not _inside(imported, APART) and (below is None or below >= own)
        assert allowed, f"{module} imports {imported}, which is above it"


@pytest.mark.parametrize("module", [name for name in MODULES if _inside(name, PURE)])
def test_inference_knows_neither_web_nor_environment_nor_clock(module):
    forbidden = ("flask", "os.environ", "time", "datetime", "service.settings", "service.errors", "schemas")
    for imported in _imports(MODULES[module]):
        assert not _inside(imported, forbidden), f"{module} imports {imported}"


@pytest.mark.parametrize("module", [name for name in MODULES if not _inside(name, FLASK_ROOMS)])
def test_flask_lives_in_the_web_only(module):
    assert not any(_inside(imported, ("flask", "werkzeug")) for imported in _imports(MODULES[module]))


def test_no_module_imports_itself_in_a_circle():
    graph = {
        module: {
            other
            for imported in _imports(path)
            for other in (imported, imported.rpartition(".")[0])
            if other in MODULES
        }
        - {module}
        for module, path in MODULES.items()
    }
    done: set[str] = set()

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, " -> ".join((*trail[trail.index(module) :], module))
        if module not in done:
            for imported in graph[module]:
                visit(imported, (*trail, module))
            done.add(module)

    for module in graph:
        visit(module, ())
