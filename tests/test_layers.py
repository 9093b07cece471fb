"""The stack: imports point down only, there is no circle, and what is private to a library stays in one room."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
STACK = (  # a module may import from its own layer's rooms and from the layers below
    ("tests",),
    ("gunicorn.conf", "wsgi", "training", "benchmarks", "scoring", "examples", "deploy", "client"),
    ("service.loaded",),
    ("service.app",),
    ("service.protocols",),
    ("service.cli", "service.web", "service.server"),
    ("service.models",),
    ("service.records", "service.access"),
    ("service.models.repository",),
    ("service.redis_client",),
    ("service.metrics",),
    ("service.records.spool.files",),
    ("service.log",),
    ("service.signature",),
    ("service.settings", "service.routing_changes", "service.rollout_status", "service.openssf"),
    (
        "service.setting_readers",
        "service.trusted_keys",
        "service.setting_files",
        "service.processes",
        "service.priority",
        "service.single_thread",
        "service.locks",
        "service.cpu_quota",
    ),
    ("service",),
    ("schemas",),
    ("inference",),
)
BESIDE = {"training": ("service.web", "service.server", "service.app", "service.models", "service.records")}
"""Rooms on one layer, or above one another, that must not know each other all the same."""
PURE = "inference"
FLASK_ROOMS = ("service.app", "service.protocols", "service.web", "service.cli", "wsgi", "benchmarks", "tests")
OWNERS = {  # who alone may import a library
    "sqlalchemy": ("service.records.database", "tests"),
    "alembic": ("service.records.database", "tests"),
    "mlflow": ("service.models.mlflow_process", "training.registry", "training.registered", "benchmarks", "tests"),
    "model_signing": ("service.openssf", "tests"),
    "opentelemetry": ("service.web.opentelemetry", "tests"),
    "redis": ("service.redis_client", "service.access.rate_limit", "service.models.cache", "tests"),
}
PRIVATE = {  # who alone may touch a library's private names
    "flask": ("service.web.lean",),
    "werkzeug": ("service.web.lean",),
    "gunicorn": ("service.server",),
}


def _modules() -> Iterator[tuple[str, Path]]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"], cwd=ROOT, capture_output=True
    )
    for name in listed.stdout.decode().splitlines():
        path = ROOT / name
        if path.exists():
            yield name.removesuffix(".py").removesuffix("/__init__").replace("/", "."), path


MODULES = dict(_modules())


def _imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def _inside(module: str, rooms: tuple[str, ...]) -> bool:
    return any(module == room or module.startswith(f"{room}.") for room in rooms)


def _layer(module: str) -> int | None:
    """The layer of the room that is named most exactly; None for a library."""
    found = [(len(room), depth) for depth, rooms in enumerate(STACK) for room in rooms if _inside(module, (room,))]
    return max(found)[1] if found else None


def test_every_module_has_its_layer():
    assert [name for name in MODULES if _layer(name) is None] == []


def test_every_room_of_the_stack_is_there():
    rooms = {room for layer in STACK for room in layer if room not in ("scoring", "examples", "deploy")}
    assert [room for room in rooms if not any(_inside(module, (room,)) for module in MODULES)] == []


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_down(module):
    own = _layer(module)
    beside = next((rooms for room, rooms in BESIDE.items() if _inside(module, (room,))), ())
    for imported in _imports(MODULES[module]):
        below = _layer(imported)
        assert below is None or below >= own, f"{module} imports {imported}, which is above it"
        assert not _inside(imported, beside), f"{module} imports {imported}, which it must do without"
        apart = {"training", "benchmarks", "scoring"} - {module.partition(".")[0]}
        if not _inside(module, ("tests", "benchmarks")):
            assert imported.partition(".")[0] not in apart, f"{module} imports {imported}, which stands beside it"


@pytest.mark.parametrize("module", [name for name in MODULES if _inside(name, ("client",))])
def test_the_client_stands_alone(module):
    imported = {name.partition(".")[0] for name in _imports(MODULES[module])}
    allowed = {*sys.stdlib_module_names, "tabular_client", "urllib3", "pandas"}
    assert imported - allowed == set(), "the client is installed without the service"


@pytest.mark.parametrize("module", [name for name in MODULES if _inside(name, (PURE,))])
def test_inference_knows_neither_web_nor_clock(module):
    forbidden = ("flask", "marshmallow", "os.environ", "time", "service", "schemas")
    for imported in _imports(MODULES[module]):
        assert not _inside(imported, forbidden), f"{module} imports {imported}"


def test_inference_is_imported_without_flask_and_without_an_environment():
    code = "import inference, inference.artifact, inference.routing, sys; print(sorted(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env={}, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert not {"flask", "marshmallow", "click", "gunicorn", "pandas", "sklearn"} & set(ast.literal_eval(run.stdout))


@pytest.mark.parametrize("module", [name for name in MODULES if not _inside(name, FLASK_ROOMS)])
def test_flask_lives_in_the_web_only(module):
    assert not any(_inside(imported, ("flask", "werkzeug")) for imported in _imports(MODULES[module]))


@pytest.mark.parametrize(("library", "owners"), OWNERS.items())
def test_a_heavy_library_is_imported_by_its_owner_alone(library, owners):
    users = {name for name, path in MODULES.items() if any(_inside(found, (library,)) for found in _imports(path))}
    assert users, f"nobody imports {library}: take it out of this test"
    assert [user for user in users if not _inside(user, owners)] == []


@pytest.mark.parametrize(("library", "owners"), PRIVATE.items())
def test_private_names_of_a_library_are_touched_in_one_room(library, owners):
    for module, path in MODULES.items():
        private = [
            found
            for found in _imports(path)
            if _inside(found, (library,)) and any(part.startswith("_") and part[1] != "_" for part in found.split("."))
        ]
        assert not private or _inside(module, owners), f"{module} imports {private}"


def test_no_module_imports_itself_in_a_circle():
    graph = {
        module: {imported if imported in MODULES else imported.rpartition(".")[0] for imported in _imports(path)}
        & MODULES.keys() - {module}
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
