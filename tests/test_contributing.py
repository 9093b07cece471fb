"""The recipes of CONTRIBUTING.md work, and the test that a recipe names reports a forgotten step.

Each recipe is followed in a copy of the repository, with the recipe's own code. First some steps are left out: the test
must fail and name them. Then all steps are done: it must pass.
"""

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import pytest

from tests.conftest import ROOT, clean_environment

GUIDE = (ROOT / "CONTRIBUTING.md").read_text()
NEW = {"service/web/views/about.py", "training/compiler/bernoulli.py"}
"""Files that a recipe makes."""
CODE = {"settings.idle_seconds"}
HANDLER_IMPORTS = """\
\"\"\"Bernoulli naive Bayes.\"\"\"

import numpy as np
from onnx import TensorProto
from sklearn.naive_bayes import BernoulliNB

from training.compiler.block import Block
from training.compiler.graph import Graph
from training.compiler.handlers import estimator
from training.compiler.matrices import ordered
from training.compiler.outputs import multiclass


"""


@dataclass(frozen=True)
class Step:
    """One place that a recipe writes to: text put before the first line that begins with ``before``, or at the end."""

    path: str
    text: str
    before: str = ""

    def follow(self, root: Path) -> None:
        """Write it."""
        path = root / self.path
        found = path.read_text() if path.exists() else ""
        if not self.before:
            path.write_text(found + self.text)
            return
        place = re.search(rf"^{re.escape(self.before)}", found, re.MULTILINE)
        assert place, f"{self.path} has no line {self.before!r}"
        path.write_text(found[: place.start()] + self.text + found[place.start() :])


@dataclass(frozen=True)
class Replace:
    """One place that a recipe changes."""

    path: str
    old: str
    new: str

    def follow(self, root: Path) -> None:
        """Change it."""
        path = root / self.path
        assert self.old in path.read_text(), f"{self.path} has no {self.old!r}"
        path.write_text(path.read_text().replace(self.old, self.new, 1))


@dataclass(frozen=True)
class Request:
    """A request added to the Postman collection, like the last one."""

    path: str
    name: str
    url: str

    def follow(self, root: Path) -> None:
        """Add it."""
        document = json.loads((root / self.path).read_text())
        last = document["item"][-1]
        document["item"].append(last | {"name": self.name, "request": last["request"] | {"url": self.url}})
        (root / self.path).write_text(json.dumps(document))


@dataclass(frozen=True)
class Recipe:
    """``first``: the steps that are done at first; ``rest``: the forgotten ones; ``reports``: what it prints then.

    ``only``: the cases of the test that matter here, as for pytest's ``-k``; all where empty.
    """

    first: tuple[Step | Replace | Request, ...]
    rest: tuple[Step | Replace | Request, ...]
    reports: tuple[str, ...]
    only: str = ""


def _recipe(title: str) -> str:
    (text,) = re.findall(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", GUIDE, re.DOTALL | re.MULTILINE)
    return text


def _code(title: str, indent: str = "") -> list[str]:
    """The Python blocks of a recipe, each line indented as its place needs it."""
    blocks = re.findall(r"^ *```python\n(.*?)^ *```", _recipe(title), re.DOTALL | re.MULTILINE)
    return [re.sub(r"(?m)^(?=.)", indent, dedent(block)) for block in blocks]


def _command(title: str) -> list[str]:
    """What pytest is given: the first code span after ``Test:``."""
    (found,) = re.findall(r"^Test: `([^`]+)`", _recipe(title), re.MULTILINE)
    return shlex.split(found)


def _route() -> Recipe:
    schema, view = _code("Add a route")
    return Recipe(
        (
            Step("schemas/answers.py", f"\n\n{schema}"),
            Step("service/web/views/about.py", view),
            Replace(
                "service/web/views/__init__.py",
                "\nBLUEPRINTS",
                "from service.web.views.about import about\n\nBLUEPRINTS",
            ),
            Replace("service/web/views/__init__.py", "BLUEPRINTS = (", "BLUEPRINTS = (about, "),
        ),
        (
            Step("examples/serving.http", "\n### The version\nGET {{host}}/about\nAuthorization: Bearer {{token}}\n"),
            Request("examples/serving.postman_collection.json", "The version", "{{base_url}}/about"),
            Step("docs/api.md", "\n`/about` answers the version.\n"),
        ),
        (
            "README.md and docs/ do not name /about",
            "serving.http has no request GET /about",
        ),
    )


def _setting() -> Recipe:
    (field,) = _code("Add a setting", "    ")
    return Recipe(
        (Step("service/settings.py", field, before="    log_format: "),),
        (
            Step(
                "docs/settings.md",
                "| `IDLE_SECONDS` | `0` | seconds until an idle worker ends; 0 is never |\n",
                "| `LOG_FORMAT` ",
            ),
            Replace("tests/test_settings.py", "BAD = [\n", 'BAD = [\n    ("IDLE_SECONDS", "often"),\n'),
            Replace("tests/test_settings.py", "VALUES = {\n", 'VALUES = {\n    "IDLE_SECONDS": st.just("5"),\n'),
            Step(
                "service/server/start.py",
                "\n\ndef idle(settings: Settings) -> int:\n    return settings.idle_seconds\n",
            ),
        ),
        (
            "| `IDLE_SECONDS` | `0` | seconds until an idle worker ends; 0 is never |",
            "BAD lacks a bad value of IDLE_SECONDS",
            "VALUES lacks good values of IDLE_SECONDS",
            "no code uses settings.idle_seconds",
        ),
        only="IDLE_SECONDS or idle_seconds or every_setting or settings_table",
    )


def _metric() -> Recipe:
    row, function = _code("Add a metric")
    return Recipe(
        (
            Step(
                "service/metrics/catalogue.py", f"    {row.rstrip()},\n", before='    Metric("http_requests_in_flight"'
            ),
        ),
        (
            Step("service/metrics/__init__.py", f"\n\n{function}"),
            Step(
                "docs/observability.md",
                "| `http_requests_slow_total` | route | Requests that took longer than a second. |\n",
                before="| `http_requests_in_flight`",
            ),
        ),
        (
            "no code in service/ counts http_requests_slow_total",
            "docs/observability.md has no row for http_requests_slow_total",
        ),
    )


def _family() -> Recipe:
    entry, handler = _code("Add a model family, or a step to the compiler")
    return Recipe(
        (
            Replace("training/families.py", "from sklearn import dummy", "from sklearn import naive_bayes, dummy"),
            Step("training/families.py", f"        {entry.rstrip()},\n", before='        Family("linear_regression"'),
            Step("training/compiler/bernoulli.py", HANDLER_IMPORTS + handler),
        ),
        (
            Replace("training/compiler/__init__.py", '    "boosting",\n', '    "bernoulli",\n    "boosting",\n'),
            Replace("docs/training.md", "ridge, dummy.", "ridge, bernoulli, dummy."),
            Replace("docs/compiler.md", "`GaussianNB`", "`GaussianNB`, `BernoulliNB`"),
        ),
        (
            "docs/training.md: the list of --model lacks bernoulli",
            "training/compiler/__init__.py: FAMILIES lacks bernoulli",
            "BernoulliNB: this estimator is not among those that the compiler knows",
        ),
        only="bernoulli or BernoulliNB",
    )


def _target() -> Recipe:
    (entry,) = _code("Add a server under test", "    ")
    module = "benchmarks/targets/flask_targets.py"
    return Recipe(
        (
            Replace(
                module, "SERVERS: tuple[Target, ...] = (\n", f"SERVERS: tuple[Target, ...] = (\n{entry.rstrip()},\n"
            ),
        ),
        (Step("requirements-bench.in", "cheroot==11.0.0\n"),),
        ("flask_cheroot needs cheroot, and nothing installs it",),
    )


RECIPES: dict[str, Callable[[], Recipe]] = {
    "Add a route": _route,
    "Add a setting": _setting,
    "Add a metric": _metric,
    "Add a model family, or a step to the compiler": _family,
    "Add a server under test": _target,
}


@pytest.fixture
def copy(tmp_path):
    """The repository's files, as they are now."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in listed.rstrip("\0").split("\0"):
        if (ROOT / name).exists() and not name.startswith("benchmarks/results/"):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def _run(root, *arguments):
    """The exit status of pytest in the copy, and what it printed."""
    command = [sys.executable, "-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider", *arguments]
    run = subprocess.run(command, cwd=root, env=clean_environment(), capture_output=True, text=True, timeout=300)
    return run.returncode, run.stdout + run.stderr


@pytest.mark.process
@pytest.mark.slow
@pytest.mark.parametrize("title", RECIPES)
def test_the_test_of_a_recipe_names_the_forgotten_steps_and_passes_when_all_are_done(title, copy):
    recipe = RECIPES[title]()
    narrow = ("-m", "not process", *(("-k", recipe.only) if recipe.only else ()))
    for step in recipe.first:
        step.follow(copy)
    status, output = _run(copy, *_command(title), *narrow)
    assert status == 1, output
    assert [report for report in recipe.reports if report not in output] == [], output
    for step in recipe.rest:
        step.follow(copy)
    status, output = _run(copy, *_command(title), *narrow)
    assert status == 0, output


def _import(root, module):
    """What an import in the copy prints; empty if it succeeds."""
    run = subprocess.run([sys.executable, "-c", f"import {module}"], cwd=root, capture_output=True, text=True)
    return run.stderr


@pytest.mark.process
@pytest.mark.slow
def test_a_view_without_an_operation_stops_the_import(copy):
    Replace("service/web/views/feedback.py", "@operation", "@(lambda declared: lambda view: view)").follow(copy)
    assert "The view of /feedback has no operation" in _import(copy, "wsgi").splitlines()[-1]


@pytest.mark.process
@pytest.mark.slow
def test_a_setting_without_help_stops_the_import(copy):
    Step("service/settings.py", "    idle_seconds: int\n", before="    log_format: ").follow(copy)
    assert "idle_seconds" in _import(copy, "wsgi").splitlines()[-1]


def test_every_recipe_of_the_guide_is_tested():
    assert set(re.findall(r"^## (Add .*)", GUIDE, re.MULTILINE)) == RECIPES.keys()


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`((?:\w+/)*\.?[\w-]+(?:\.\w+)+)`", GUIDE)) - NEW - CODE))
def test_every_file_that_the_guide_names_exists(path):
    assert (ROOT / path).exists()


@pytest.mark.parametrize("title", RECIPES)
def test_every_recipe_has_two_to_six_steps_and_names_a_test(title):
    steps = re.findall(r"^(\d)\. ", _recipe(title), re.MULTILINE)
    assert [str(number) for number in range(1, len(steps) + 1)] == steps
    assert 2 <= len(steps) <= 6
    files = [word for word in _command(title) if word.startswith("tests/")]
    assert files and all((ROOT / file.partition("::")[0]).exists() for file in files)


def test_the_guide_is_short():
    assert len(GUIDE.splitlines()) <= 150
