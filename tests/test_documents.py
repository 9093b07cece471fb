"""Every command, option, path and setting that README.md, ARCHITECTURE.md, CONTRIBUTING.md and docs/ name exists."""

import importlib.util
import re
import shlex

import click
import pytest

from scoring.cli import cli as scoring
from service.app import COMMANDS
from service.settings import NAMES
from tests.conftest import ROOT
from tests.test_contributing import NEW
from training.command import cli as training

NAMED = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "benchmarks/README.md")
DOCUMENTS = [*(ROOT / name for name in NAMED), *sorted(ROOT.glob("docs/**/*.md"))]
FLASK = click.Group(commands={command.name: command for command in COMMANDS})
GROUPS = {"flask": FLASK, "python -m training": training, "python -m scoring": scoring}
FLASK_ITSELF = ("flask run", "flask generate-api-schema")
CODE = re.compile(r"```(\w*)\n(.*?)```|`([^`\n]+)`", re.DOTALL)


def _code(document):
    """The lines of code in a document that a reader may type: all but Python."""
    for language, block, inline in CODE.findall(document.read_text()):
        if language == "python":
            continue
        yield from (block.replace("\\\n", " ").splitlines() if block else [inline.replace(r"\|", "|")])


LINES = sorted({line.partition(" #")[0].strip() for document in DOCUMENTS for line in _code(document)})


def _commands(start):
    return [line[line.index(start) :] for line in LINES if re.search(rf"(^|[ /;=&(]){re.escape(start)}( |$)", line)]


def _resolved(command, words):
    """The command that the words name, and the options among them."""
    while words and isinstance(command, click.Group) and words[0] in command.commands:
        command = command.commands[words.pop(0)]
    options = {word.strip("[]").partition("=")[0] for word in words if word.strip("[").startswith("--")}
    return command, options


@pytest.mark.parametrize(
    ("start", "line"),
    [(start, line) for start in GROUPS for line in _commands(start) if not line.startswith(FLASK_ITSELF)],
)
def test_a_documented_command_takes_its_documented_options(start, line):
    words = shlex.split(line.removeprefix(start))
    command, options = _resolved(GROUPS[start], words)
    assert command is not FLASK
    assert command is training or not isinstance(command, click.Group) or not words, f"no such command: {line}"
    known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    assert options <= known | {"--help"}


def test_enough_commands_are_documented_for_these_tests_to_mean_something():
    assert len(_commands("flask")) > 10 and len(_commands("python -m training")) > 5


def test_every_documented_make_target_exists():
    documented = {word for line in LINES for word in re.findall(r"\bmake ([a-z]+)\b", line)}
    assert {"run", "test"} <= documented
    assert documented <= set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_every_documented_module_exists():
    documented = {
        name for line in LINES for name in re.findall(r"python -m ((?:training|service|benchmarks)[\w.]*)", line)
    }
    assert len(documented) > 2
    for module in documented:
        assert importlib.util.find_spec(module) is not None, module


def test_every_documented_path_exists():
    folders = [path for root in (ROOT, ROOT / "service") for path in root.iterdir() if path.is_dir()]
    rooms = "|".join(path.name for path in folders if path.name[0].isalpha() and path.name != "artifacts")
    for path in {path for line in LINES for path in re.findall(rf"^((?:{rooms})/[\w./-]+)$", line)}:
        assert path in NEW or any((root / path).exists() for root in (ROOT, ROOT / "service")), path


def test_every_setting_with_a_documented_value_exists():
    documented = {name for line in LINES for name in re.findall(r"\b([A-Z][A-Z_]{3,})=", line)}
    assert "RATE_LIMIT" in documented
    assert documented - {"MLFLOW_TRACKING_URI", "ARGS", "NAME", "COLUMN", "SCRIPT_NAME", "FASTAPI_DESIGN_LOAD"} <= NAMES


def test_the_index_names_every_page():
    index = ROOT / "docs" / "README.md"
    linked = {(index.parent / target).resolve() for target in re.findall(r"\]\(([^)#]+)\)", index.read_text())}
    pages = set(ROOT.glob("docs/**/*.md")) - {index}
    assert len(pages) > 20
    assert [str(page.relative_to(ROOT)) for page in sorted(pages) if page.resolve() not in linked] == []


def _anchors(document):
    """The anchors of a page's headings, as GitHub makes them."""
    text = re.sub(r"^```.*?^```", "", document.read_text(), flags=re.DOTALL | re.MULTILINE)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_link_to_a_heading_finds_it():
    links = [
        (document, target, anchor)
        for document in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md")]
        for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#([^)]+)\)", document.read_text())
    ]
    assert len(links) > 3
    for document, target, anchor in links:
        page = document.parent / target if target else document
        assert page.suffix != ".md" or anchor in _anchors(page), f"{document.name} links to {target}#{anchor}"
