"""Every family of ``--model`` is documented and compiles; every class that compiles is documented."""

import re
from fnmatch import fnmatchcase
from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules

import pytest

import training.compiler as compiler
from inference.contract import Contract
from tests.conftest import ROOT
from tests.training.compiler.conftest import FEATURES
from training.compiler import handlers
from training.conversion import dtype_of
from training.families import FAMILIES
from training.preprocessing import make_pipeline

TASKS = [(family, task) for family in FAMILIES.values() for task in family.estimators]
REGISTERS = re.compile(r"^@(transformer|composite|estimator)\(", re.MULTILINE)


def _documented_classes() -> set[str]:
    table = (ROOT / "docs" / "compiler.md").read_text().partition("| family |")[2].partition("\n\n")[0]
    return set(re.findall(r"`([A-Za-z*]+)(?:\(\))?`", table))


def _compiled_classes() -> list[str]:
    for library in handlers.OPTIONAL:
        if find_spec(library) is not None:
            import_module(f"training.compiler.{library}")
    tables = (handlers.TRANSFORMERS, handlers.COMPOSITES, handlers.ESTIMATORS)
    return sorted({kind.__name__ for table in tables for kind in table})


@pytest.mark.parametrize("name", FAMILIES)
def test_docs_training_names_every_family(name):
    text = (ROOT / "docs" / "training.md").read_text()
    (listed,) = re.findall(r"`--model` is one of (.*?)\. ", text, re.DOTALL)
    assert re.search(rf"\b{name}\b", listed), f"docs/training.md: the list of --model lacks {name}"


@pytest.mark.parametrize(("family", "task"), TASKS, ids=lambda value: getattr(value, "name", value))
def test_every_family_compiles_and_answers_as_its_pipeline(family, task, fit, make_rows):
    pipeline = make_pipeline(Contract(task, "target", FEATURES), family.make(task, 0), family.needs)
    dtypes = {feature.name: dtype_of(feature) for feature in FEATURES}
    fitted = fit(pipeline, 2 if task == "classification" else 0, dtypes, rows=200)
    flips, apart = fitted.difference(make_rows(200, 1))
    assert (flips, apart < 1e-9) == (0, True)


@pytest.mark.parametrize("name", [found.name for found in iter_modules(compiler.__path__)])
def test_every_module_with_handlers_is_imported(name):
    source = (ROOT / "training" / "compiler" / f"{name}.py").read_text()
    if REGISTERS.search(source) and name not in handlers.OPTIONAL:
        assert name in compiler.FAMILIES, f"training/compiler/__init__.py: FAMILIES lacks {name}"


@pytest.mark.parametrize("name", _compiled_classes())
def test_docs_compiler_names_every_class_that_compiles(name):
    assert any(fnmatchcase(name, pattern) for pattern in _documented_classes()), f"docs/compiler.md lacks {name}"
