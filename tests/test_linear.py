"""No text of a client costs more than in proportion to its length.

Two kinds of work are proven apart, and no clock is read.

Patterns: ``re`` backtracks in C, where nothing can be counted from outside, and a table of hostile texts proves nothing
about the next one. So each pattern of the packages that a request reaches is found in the source and its parse tree is
checked. A pattern is accepted where for every text an attempt to match takes linear time, and all attempts of a search
together, too:

1. A repeat without a bound gives nothing back: it is possessive, or atomic; or it ends the pattern; or whatever comes
   after it must begin with a character that it cannot take, so that giving back is tried once a character and fails.
   No such repeat stands within another repeat.
2. Where the pattern is searched for, instead of matched at the start, every repeat without a bound excludes some
   character that each match of its alternative must begin with. So no second attempt begins inside what a first one has
   scanned, but for the bounded head of the pattern.

Loops: what Python calls is counted for hostile texts of n and 2 n characters, through the functions and through the
application. Twice the text may cost twice the calls, and a constant.
"""

import ast
import importlib
import re
import sys
from re import _constants as op  # type: ignore[attr-defined]  # the parser of patterns has no public name
from re import _parser as parser  # type: ignore[attr-defined]  # as above

import pytest

from service.access.addresses import client_address, limit_key
from service.log import as_text, fit
from service.log.redaction import redact
from service.web.context import is_json
from tests.conftest import ROOT

ANY = frozenset(range(256))
FUNCTIONS = {"compile": "search", "search": "search", "sub": "search", "findall": "search", "finditer": "search"} | {
    "split": "search",
    "match": "match",
    "fullmatch": "match",
}
OWN_TEXT = {
    "service.setting_files",
    "service.setting_readers",
    "service.settings",
    "service.web.docs.document",
    "service.cli.tokens",
    "service.trusted_keys",
    "service.cli.rollout",
}
"""Modules whose patterns meet settings, rules of ours or what an operator types, and no client's text."""


# Patterns ----------------------------------------------------------------------------------------------------------


def characters(node, flags):
    """The characters that a node of one character takes, of the first 256; None for a node of another kind."""
    code, value = node
    if code is op.LITERAL:
        found = {value}
    elif code is op.NOT_LITERAL:
        return ANY - {value}
    elif code is op.ANY:
        return ANY
    elif code is op.IN:
        found = {char for char in ANY if takes(value, char)}
    else:
        return None
    if flags & re.IGNORECASE:
        found |= {ord(case) for char in found if char < 128 for case in (chr(char).lower(), chr(char).upper())}
    return frozenset(found)


CATEGORIES = {
    op.CATEGORY_DIGIT: r"\d",
    op.CATEGORY_NOT_DIGIT: r"\D",
    op.CATEGORY_SPACE: r"\s",
    op.CATEGORY_NOT_SPACE: r"\S",
    op.CATEGORY_WORD: r"\w",
    op.CATEGORY_NOT_WORD: r"\W",
}


def takes(items, char):
    """Whether a set takes a character."""
    negated = items[0][0] is op.NEGATE
    for code, value in items:
        if code is op.LITERAL:
            hit = value == char
        elif code is op.RANGE:
            hit = value[0] <= char <= value[1]
        else:
            hit = code is op.CATEGORY and re.match(CATEGORIES[value], chr(char)) is not None
        if hit:
            return not negated
    return negated


def starts(nodes, flags):
    """The characters with which a match of these nodes may begin, and whether it may be empty."""
    found = frozenset()
    for code, value in nodes:
        single = characters((code, value), flags)
        if single is not None:
            return found | single, False
        if code in (op.AT, op.ASSERT, op.ASSERT_NOT):
            continue
        if code is op.BRANCH:
            parts = [starts(branch, flags) for branch in value[1]]
        elif code is op.SUBPATTERN:
            parts = [starts(value[3], (flags | value[1]) & ~value[2])]
        elif code is op.ATOMIC_GROUP:
            parts = [starts(value, flags)]
        elif code in (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT):
            inner, empty = starts(value[2], flags)
            parts = [(inner, empty or value[0] == 0)]
        else:
            raise AssertionError(f"{code} is not known to be linear")
        found |= frozenset().union(*(part for part, _ in parts))
        if not any(empty for _, empty in parts):
            return found, False
    return found, True


def unbounded(nodes, flags, follow, inside=False, kept=False, ends=True):
    """Each repeat without a bound: its characters, what is wrong with it, and whether it ends the pattern.

    ``follow`` are the characters that may begin what comes after, None where that may be nothing.
    """
    nodes = list(nodes)
    for index, (code, value) in enumerate(nodes):
        last = ends and index == len(nodes) - 1
        after, empty = starts(nodes[index + 1 :], flags)
        after = after | follow if empty and follow is not None else None if empty else after
        if code is op.BRANCH:
            for branch in value[1]:
                yield from unbounded(branch, flags, after, inside, kept, last)
        elif code is op.SUBPATTERN:
            yield from unbounded(value[3], (flags | value[1]) & ~value[2], after, inside, kept, last)
        elif code is op.ATOMIC_GROUP:
            yield from unbounded(value, flags, after, inside, True, last)
        elif code in (op.ASSERT, op.ASSERT_NOT):
            yield from unbounded(value[1], flags, None, inside, kept, False)
        elif code in (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT):
            _, most, repeated = value
            if most is not op.MAXREPEAT and most <= 1024:
                yield from unbounded(repeated, flags, after, inside or most > 1, kept, last)
                continue
            taken, _ = starts(repeated, flags)
            single = len(repeated) == 1 and characters(next(iter(repeated)), flags) is not None
            gives_nothing = kept or code is op.POSSESSIVE_REPEAT or last or (after is not None and not taken & after)
            wrong = []
            once = code is op.POSSESSIVE_REPEAT and reads_once(repeated, flags)
            if (inside or not single) and not once:
                wrong.append("a repeat within a repeat")
            if not gives_nothing:
                wrong.append("what follows it may begin with what it takes")
            yield taken, wrong, last


def reads_once(nodes, flags):
    """Whether a possessive repeat of these reads each character once.

    What repeats in them without a bound is possessive, of single characters and in no alternative: a round that fails
    ends the repeat, and no other way of the same round is tried beyond a bound.
    """
    for code, value in nodes:
        if characters((code, value), flags) is not None:
            continue
        if code is op.SUBPATTERN:
            fits = reads_once(value[3], (flags | value[1]) & ~value[2])
        elif code is op.POSSESSIVE_REPEAT:
            fits = len(value[2]) == 1 and characters(next(iter(value[2])), flags) is not None
        elif code is op.BRANCH:
            fits = not any(list(unbounded(branch, flags, None)) for branch in value[1])
        elif code in (op.MAX_REPEAT, op.MIN_REPEAT):
            fits = value[1] is not op.MAXREPEAT and not list(unbounded(value[2], flags, None))
        else:
            fits = False
        if not fits:
            return False
    return True


def required(nodes, flags):
    """The sets of characters, one each, that every match begins with."""
    for code, value in nodes:
        single = characters((code, value), flags)
        if single is not None:
            yield single
        elif code is op.SUBPATTERN:
            yield from required(value[3], (flags | value[1]) & ~value[2])
        elif code is op.BRANCH:
            firsts = [list(required(branch, flags)) for branch in value[1]]
            yield from (frozenset().union(*sets) for sets in zip(*firsts, strict=False))
            return
        elif code not in (op.AT, op.ASSERT, op.ASSERT_NOT):
            return


def alternatives(nodes, flags):
    """The alternatives of a pattern: its branches, where it is nothing else; each is tried at each place alone."""
    nodes = list(nodes)
    if len(nodes) == 1 and nodes[0][0] is op.BRANCH:
        for branch in nodes[0][1][1]:
            yield from alternatives(branch, flags)
    else:
        yield nodes


def faults(pattern, flags=0, searched=True):
    """What keeps a pattern from being linear for every text."""
    tree = parser.parse(pattern, flags)
    flags = tree.state.flags
    found = []
    for nodes in alternatives(tree, flags):
        heads = list(required(nodes, flags))
        for taken, wrong, last in unbounded(nodes, flags, None):
            found += wrong
            if searched and not last and not any(not head & taken for head in heads):
                found.append("a search may begin again inside what it takes")
    return found


def patterns():
    """Every pattern in the source of what a request reaches: place, pattern, flags and whether it is searched for."""
    for package in ("service", "schemas", "inference"):
        for path in sorted((ROOT / package).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            if name in OWN_TEXT or "migrations" in name:
                continue
            tree = ast.parse(path.read_text())
            for call in ast.walk(tree):
                function = call.func if isinstance(call, ast.Call) else None
                if not isinstance(function, ast.Attribute) or getattr(function.value, "id", "") != "re":
                    continue
                if function.attr not in FUNCTIONS:
                    continue
                namespace = vars(importlib.import_module(name))
                values = [eval(compile(ast.Expression(part), name, "eval"), namespace) for part in call.args[:1]]
                flags = namespace["re"].VERBOSE if "re.VERBOSE" in ast.unparse(call) else 0
                yield pytest.param(values[0], flags, path, call.lineno, id=f"{name}:{call.lineno}")


def only_matched(path, line):
    """Whether a compiled pattern is only matched at the start: no method that searches is called on its name."""
    source = path.read_text()
    assigned = re.search(r"^(\w+) = re\.", source.splitlines()[line - 1])
    used = re.findall(rf"\b{assigned[1]}\.(\w+)\(", source) if assigned else []
    inline = re.search(r"re\.(?:full)?match\(|\)\.(?:full)?match$", source.splitlines()[line - 1]) is not None
    return inline or (bool(used) and set(used) <= {"match", "fullmatch"})


@pytest.mark.parametrize(("pattern", "flags", "path", "line"), list(patterns()))
def test_each_pattern_that_meets_text_of_clients_is_linear(pattern, flags, path, line):
    assert faults(pattern, flags, searched=not only_matched(path, line)) == []


@pytest.mark.parametrize(
    ("pattern", "searched"),
    [
        (rb"(://[^\s/@]*:)[^\s/@]+(?=@)", True),  # the one that took 100 ms
        (r"(a+)+b", False),
        (r"(?:a|b)*c*a", False),
        (r"a*a*b", False),
        (r"\s*;", True),
        (r".*x", False),
        (r"(?:x\s*)*y", False),
        (r"\d+(?:\.\d+)?$", True),
        (r"[^@]+(?=@)", True),
        (r"=[^@]+(?=@)", False),
    ],
)
def test_patterns_that_are_not_linear_are_found(pattern, searched):
    assert faults(pattern, 0, searched)


# Loops -------------------------------------------------------------------------------------------------------------

HOSTILE = {
    "colons": lambda n: "/ ://" + ":" * n,
    "addresses": lambda n: "://a:" * (n // 5),
    "secrets": lambda n: "token=" * (n // 6),
    "spaces": lambda n: "token=" + " " * n + "!",
    "commas": lambda n: "," * n,
    "quotes": lambda n: '"' * n,
    "backslashes": lambda n: '"' + "\\" * n,
    "parameters": lambda n: "application/json" + "; a=b" * (n // 5),
    "qualities": lambda n: "a/b;q=0," * (n // 8),
    "brackets": lambda n: "[" * n,
    "digits": lambda n: "1" * n,
    "dots": lambda n: "1." * (n // 2),
    "percent": lambda n: "%25" * (n // 3),
    "slashes": lambda n: "/" * n,
    "pairs": lambda n: "a=b&" * (n // 4),
    "letters": lambda n: "a" * n,
    "not ASCII": lambda n: "\xe9" * n,
}
READERS = {
    "redact": lambda text: redact(text.encode()),
    "the address of X-Forwarded-For": lambda text: client_address("192.0.2.1", text, 2),
    "the client of a limit": limit_key.__wrapped__,
    "Content-Type": is_json.__wrapped__,
    "a line of the log": lambda text: fit(
        {"time": "", "level": "info", "event": "request", "pid": 1, "path": text}, as_text
    ),
}


def calls(work):
    """How many functions are called and how many lines of Python run."""
    count = 0

    def profile(frame, event, argument):
        nonlocal count
        count += 1

    def trace(frame, event, argument):
        nonlocal count
        count += 1
        return trace

    before = sys.gettrace()
    sys.setprofile(profile)
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
        sys.setprofile(None)
    return count


def assert_linear(work, size=1000):
    work(64)  # caches and late imports
    few, many = calls(lambda: work(size)), calls(lambda: work(2 * size))
    assert many <= 2.2 * few + 200, f"{few} steps for {size} characters, {many} for twice as many"


@pytest.mark.parametrize("shape", HOSTILE)
@pytest.mark.parametrize("reader", READERS)
def test_twice_the_text_takes_at_most_twice_the_steps(reader, shape):
    assert_linear(lambda size: READERS[reader](HOSTILE[shape](size)))


PLACES = {
    "path": lambda client, text: client.get("/x" + text.replace("?", "")),
    "query": lambda client, text: client.get("/model/info?model_version=" + text),
    "window": lambda client, text: client.get("/model/drift?window=" + text),
    "body": lambda client, text: client.post("/predict", data=text, content_type="application/json"),
} | {
    name: lambda client, text, name=name: client.post("/predict", data=b"{}", headers={name: text})
    for name in (
        "Accept",
        "Authorization",
        "Content-Encoding",
        "Content-Type",
        "Cookie",
        "If-None-Match",
        "Origin",
        "X-Client-Key",
        "X-Forwarded-For",
        "X-Request-ID",
        "X-Request-Start",
    )
}


@pytest.fixture
def client(make_client):
    return make_client(TRUSTED_PROXIES="2", RATE_LIMIT="100000/minute", CORS_ORIGINS="https://example.org")


@pytest.mark.parametrize("place", PLACES)
def test_a_request_with_twice_the_text_takes_at_most_twice_the_steps(client, place):
    for shape in HOSTILE.values():
        assert_linear(lambda size, shape=shape: PLACES[place](client, shape(size)))
