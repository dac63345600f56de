"""Test that docs/errors.md has every word of an error, and none that does not exist.

The words are collected from the sources: from each call that makes an error with a word.
"""

import ast
import functools
import json
import re
from pathlib import Path

import msgspec
from gaffer_http.app import Api
from gaffer_http.channel import messages
from gaffer_http.errors import error_from_status
from gaffer_http.plugin import plugin as http_plugin

from gaffer_kernel import Kernel
from gaffer_kernel.errors import SpawnError

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "errors.md").read_text()
SOURCES = sorted([*ROOT.glob("gaffer_kernel/**/*.py"), *ROOT.glob("plugins/*/gaffer_*/**/*.py")])

POSITIONS = {"ApiError": 1, "RegistryError": 1, "InvalidMessageError": 0, "SpawnError": 0}
"""Classes of errors with a word, and the position of the word among their arguments."""

PASSED_ON = {"error.slug", "slug of error_from_status"}
"""Expressions whose words come from another error, or from `error_from_status`."""

CLOSES = re.compile(r"websocket\.close\b|close_websocket\(")


@functools.cache
def parse(path):
    return ast.parse(path.read_text())


def get_name(node):
    return getattr(node, "id", None) or getattr(node, "attr", None)


def made_errors(kind):
    """Yield each call that makes an error of a class: module, scope, status and word.

    The scope is the function of the call, or the module; the status is None for classes without.
    """
    position = POSITIONS[kind]
    for path in SOURCES:
        if kind not in path.read_text():
            continue
        tree = parse(path)
        for scope in [tree, *filter(is_scope, ast.walk(tree))]:
            for call in walk_own(scope):
                if not isinstance(call, ast.Call) or len(call.args) <= position:
                    continue
                if get_name(call.func) == kind or is_init_of_subclass(tree, call, kind):
                    yield tree, scope, call.args[0] if position else None, call.args[position]


def is_scope(node):
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)


def walk_own(scope):
    """Yield the nodes of a scope without those of the functions in it."""
    for child in ast.iter_child_nodes(scope):
        yield child
        if not is_scope(child):
            yield from walk_own(child)


def is_init_of_subclass(tree, call, kind):
    """Return whether a call is `super().__init__(...)` in a subclass of a class of errors."""
    return get_name(call.func) == "__init__" and any(
        isinstance(each, ast.ClassDef)
        and kind in map(get_name, each.bases)
        and call in ast.walk(each)
        for each in ast.walk(tree)
    )


def read_words(tree, scope, word):
    """Return the words that an expression can have.

    Raises:
        AssertionError: it is not understood: the page could lack its words.
    """
    match word:
        case ast.Constant(value=str(text)):
            return {text}
        case ast.IfExp(body=body, orelse=other):
            return read_words(tree, scope, body) | read_words(tree, scope, other)
        case ast.Name(id=name):
            values = [each.value for each in ast.walk(scope) if is_assignment(each, name)]
            if f"{name} of {getattr(scope, 'name', '')}" in PASSED_ON:
                return set()
            values = values or list(passed_arguments(tree, scope, name))
            assert values, f"{scope.name}: {name}"
            return {each for value in values for each in read_words(tree, scope, value)}
        case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr="get"), args=[_, default]):
            [table] = [each.value for each in tree.body if is_assignment(each, name)]
            return {*ast.literal_eval(table).values(), *read_words(tree, scope, default)}
        case ast.JoinedStr():
            return get_missing_words()
    assert ast.unparse(word) in PASSED_ON, ast.unparse(word)
    return set()


def passed_arguments(tree, function, name):
    """Yield what the calls of a function in its module pass for a parameter."""
    names = [each.arg for each in function.args.args if each.arg != "self"]
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and get_name(call.func) == function.name and name in names:
            yield call.args[names.index(name)]


def is_assignment(node, name):
    return isinstance(node, ast.Assign) and [get_name(each) for each in node.targets] == [name]


def get_missing_words():
    """Return the words for a message of /channel without a required key."""
    return {
        f"{'cmd_' if kind is messages.Call else ''}{field.name}_missing"
        for kind in (messages.Subscribe, messages.Unsubscribe, messages.Credit, messages.Call)
        for field in msgspec.structs.fields(kind)
        if field.required
    }


def collect(*kinds):
    """Return each status and word of the sources; the status is "" where there is none."""
    return {
        (str(status.value) if isinstance(status, ast.Constant) else "", each)
        for kind in kinds
        for tree, scope, status, word in made_errors(kind)
        for each in read_words(tree, scope, word)
    }


def collect_by_status():
    """Return the status and word of each error that is made by its status alone."""
    errors = [
        error_from_status(call.args[0].value)
        for path in SOURCES
        if "gaffer_http" in path.parts
        for call in ast.walk(parse(path))
        if isinstance(call, ast.Call)
        and get_name(call.func) == "error_from_status"
        and isinstance(call.args[0], ast.Constant)
    ]
    return {(str(error.status), error.slug) for error in errors}


def collect_of_quart():
    """Return the status and word of the errors of Quart: statuses of the OpenAPI document alone."""
    document = json.loads(Api(Kernel(plugins=[http_plugin])).document.make())
    made = {status for status, _ in collect("ApiError") | collect_by_status()}
    shown = document["components"]["responses"]
    return {(each, error_from_status(int(each)).slug) for each in shown if each not in made}


def read_table(heading):
    """Return the rows of the table below a heading of the page, each a list of cells."""
    [_, section] = re.split(rf"^## {re.escape(heading)}\n", PAGE, flags=re.M)
    lines = re.split(r"^## ", section, flags=re.M)[0].splitlines()
    rows = [line[1:-1].split("|") for line in lines if line[:1] == "|"]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def read_pairs(heading):
    """Return the status and the word of each row; the status is "" where there is none."""
    rows = read_table(heading)
    pairs = [
        (row[0], row[1].strip("`")) if len(row) == 4 else ("", row[0].strip("`")) for row in rows
    ]
    assert len(set(pairs)) == len(pairs)
    return set(pairs)


def test_index_has_every_word_of_the_api_and_no_other():
    listed = read_pairs("HTTP") | read_pairs("Messages of /channel")
    made = collect("ApiError", "InvalidMessageError") | collect_by_status() | collect_of_quart()
    # A call without a number passes on the status of another error.
    listed_words, passed_on = {word for _, word in listed}, {w for status, w in made if not status}

    assert {(status, word) for status, word in made if status} <= listed
    assert passed_on <= listed_words
    assert {(status, word) for status, word in listed - made if word not in passed_on} == set()


def test_every_cause_and_remedy_is_written():
    for heading, columns in (
        ("HTTP", 4),
        ("Messages of /channel", 4),
        ("Processes that cannot start", 3),
        ("Messages to lookupd", 4),
    ):
        for row in read_table(heading):
            assert len(row) == columns, row
            assert all(row[-2:]), row


def test_index_has_every_word_of_a_spawn_error_and_no_other():
    assert read_pairs("Processes that cannot start") == collect("SpawnError")


def test_docstring_of_spawn_error_has_every_word():
    words = set(re.findall(r"`(\w+)`", SpawnError.__doc__))
    assert words == {word for _, word in collect("SpawnError")}


def test_index_has_every_word_of_lookupd_and_no_other():
    assert read_pairs("Messages to lookupd") == collect("RegistryError")


def test_index_has_every_close_code_and_no_other():
    codes = {
        str(node.value.value)
        for path in SOURCES
        if CLOSES.search(path.read_text())
        for node in parse(path).body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        if node.value.value in {*range(1000, 1016), *range(4000, 5000)}
    }
    listed = {row[0].removesuffix(" + status") for row in read_table("Websocket close codes")}
    assert listed == codes
