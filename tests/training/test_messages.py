"""Every refusal of training and pack names its way out, and every option that it names is one, typed by a test."""

import ast
import re
from pathlib import Path

import pytest

import training
from tests.training import test_ways_out
from training.command import NEED_DATA, cli

ROOM = Path(training.__file__).parent
REFUSALS = {"TrainingError", "ColumnError", "UsageError", "BadParameter"}
WAY_OUT = re.compile(
    r"\b(accept|add|bring|call|check|choose|clean|collect|compare|copy|correct|declare|export|fit|give|group|install|"
    r"leave|log|look like|lower|make|must (?:be|hold|name)|name|needs?|put|raise|register|rename|run|save|say|set|try|"
    r"turn|unpack|use|report|stands? after|go(?:es)? (?:together|with neither)|known are|there are|only|such as)\b",
    re.IGNORECASE,
)
"""What to do, or what would have been right."""
NO_WAY_OUT = {
    "{} columns are refused:": "joins the messages of several columns, each with its own way out",
    "column {} {}: {}.": "is made of a ColumnError, whose way out of pack is looked at where it is raised",
    "class {} of the target {} is beyond 2^53": "is told the way by its caller: --type in training, --labels in pack",
    "letters, digits": "says what a name may hold",
    "one character": "says what a delimiter may be",
    "'.' or ','": "says what a decimal mark may be",
    "": "has the artifact's own words, tested in tests/inference",
    "{}.": "has the contract's own words, tested in tests/inference",
}
"""Refusals without one, and why."""

TYPED = {
    **dict.fromkeys(test_ways_out.MESSAGES.values(), "test_a_way_out_of_a_refused_table_works_when_typed"),
    **{
        words: "test_an_option_that_is_refused_is_corrected_as_the_message_says"
        for _, _, words in test_ways_out.CORRECTED.values()
    },
    **{words: "test_options_that_do_not_go_together_are_told" for _, words in test_ways_out.USAGE.values()},
    "looks like a row. Say --no-header": "test_a_table_without_header_is_asked_about",
    "to learn from so many of them, drawn at random": (
        "test_a_table_that_is_too_large_is_read_in_part_as_the_message_says"
    ),
    "columns without names of their own": "test_a_pipeline_without_names_takes_those_of_its_sample",
}
"""Words of a message with an option, and the test of test_ways_out.py that types it."""
NOT_TYPED = {
    "--alias goes with --register": "says what belongs together; both need MLflow",
    "--register needs MLflow": "MLflow is installed in few places",
    "a model's name has no": "says what a name may hold",
    "letters, digits, '_', '.' and '-' only": "says what an alias may hold",
    "say on which rows": "tests/models/test_verify_and_compare.py gives a file",
    "check the path given to --data": "every other test gives --data a good path",
    "check the pattern given to --data": "every other test gives --data a good path",
    "name those of one kind": "every other test gives --data a good path",
    "give --data a sample with it": "every other test of pack gives --data such a sample",
    "give the folder or one file to --data": "every other test gives --data a folder or a file",
    "then give that to --data": "every other test gives --data a CSV",
    "Check --delimiter and the quotes": "says where to look; which character it is nobody knows",
    "check --delimiter": "says where to look; which character it is nobody knows",
    "say another --encoding": "says where to look; which encoding it is nobody knows",
    "choose another --target": "another column is another model: every test has a target of its own",
    "choose one of these with --target": "every other test names a column that is there",
    "the model is worse than no model": "whether another family finds more depends on the data",
    "Check the path given to --contract": "tests/training/test_derivation.py gives good ones",
    "what is declared of it with --contract": "the right declaration is the user's to know",
    "declare other examples with --contract": "the right example is the user's to know",
    "the pipeline fails on rows that its contract allows": "a second look, after diagnosis has tried each column",
    "accept them in fewer columns": "which columns is the user's to choose",
    "the pipeline fails where": "training/diagnosis.py tries what it says before it says it",
    "numbers as large as": "--drop of a column is typed for dates",
    "make it numbers, texts or booleans": "Parquet with lists in a column; --drop is typed for dates",
}
"""Words of a message with an option that no test types, and why."""


def _documented(tree):
    """The docstrings of a module."""
    return {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}


def _refusals():
    """(place, text) of each: its own words, and those of the variables and functions of its module that it names."""
    for path in sorted(ROOM.rglob("*.py")):
        tree = ast.parse(path.read_text())
        functions = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        for scope in functions.values():
            for call in ast.walk(scope):
                if isinstance(call, ast.Call) and getattr(call.func, "id", getattr(call.func, "attr", "")) in REFUSALS:
                    yield f"{path.relative_to(ROOM)}:{call.lineno}", _words(call, scope, tree, functions)


def _words(call, scope, tree, functions):
    names = {node.id for node in ast.walk(call) if isinstance(node, ast.Name)}
    texts = [_text(argument) for argument in call.args]
    for node in [*ast.walk(scope), *tree.body]:
        if isinstance(node, ast.Assign) and names & {
            name.id for target in node.targets for name in ast.walk(target) if isinstance(name, ast.Name)
        }:
            texts.append(_text(node.value))
    texts += [_text(functions[name]) for name in sorted(names & functions.keys())]
    return " ".join(filter(None, texts))


def _text(node):
    """The constant texts of an expression in their order, {} for what is filled in."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):  # a docstring
        return ""
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) if isinstance(part, ast.Constant) else "{}" + _text(part) for part in node.values)
    return " ".join(filter(None, map(_text, ast.iter_child_nodes(node))))


REFUSED = dict(_refusals())
OPTIONS = {
    name
    for command in (cli, *cli.commands.values())
    for option in command.params
    for name in (*option.opts, *option.secondary_opts)
}
NAMED = re.compile(r"(?<![\w-])--[a-z][a-z-]*")


def test_the_refusals_are_found():
    assert len(REFUSED) > 120


@pytest.mark.parametrize("place", REFUSED)
def test_a_refusal_names_its_way_out(place):
    words = REFUSED[place]
    allowed = any(words == start or (len(start) > 3 and words.startswith(start)) for start in NO_WAY_OUT)
    assert WAY_OUT.search(words) or allowed, f"training/{place} refuses without a way out: {words}"


def test_every_option_that_is_named_is_one():
    named = {f"--{name}" for name in NEED_DATA.values()}
    for path in sorted(ROOM.rglob("*.py")):
        if path.name == "report.py":  # a command of its own, which the compiler's results are made with
            continue
        tree = ast.parse(path.read_text())
        documented = _documented(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documented:
                named |= set(NAMED.findall(node.value))
    assert named - OPTIONS == set()
    assert len(named) > 25


def test_a_message_with_an_option_is_typed_by_a_test_or_says_why_not():
    with_option = {place: words for place, words in REFUSED.items() if NAMED.search(words)}
    known = [*TYPED, *NOT_TYPED]
    left = {
        place: words for place, words in with_option.items() if not any(_pattern(part).search(words) for part in known)
    }
    assert left == {}
    stale = [part for part in known if not any(_pattern(part).search(words) for words in REFUSED.values())]
    assert stale == []
    assert {name for name in TYPED.values() if not callable(getattr(test_ways_out, name, None))} == set()


def _pattern(words):
    """The words as they stand in the code, where a part of them may be filled in."""
    return re.compile(r"\s+".join(f"(?:{re.escape(word)}|\\S*\\{{\\}}\\S*)" for word in words.split()), re.IGNORECASE)
