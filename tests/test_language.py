"""Test that no text or name uses a word that the glossary of CONTRIBUTING.md retired.

Checked are docstrings, comments, texts for users (string literals of sources that hold a space),
the prose of Markdown pages, and the names of modules, classes, functions and constants.
Code in Markdown and in backquotes is not prose: JSON fields, options and verbs stay as they are.
To add a word, add a line to `PROSE` or `NAMES`.
"""

import ast
import io
import os
import re
import sys
import tokenize
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
KINDS = {".py", ".md", ".toml", ".ini", ".txt", ""}
NOT_OURS = re.compile(r"\.|__pycache__|dist$|build$|LICENSE|uv\.lock|.*\.egg-info")
GENERATED = {"docs/commands.md": "plugins/gaffer_cli", "constraints.txt": "Makefile"}
"""Files that are written from the texts of another part."""

KEPT = ("told apart", "tell apart", "tell them apart", "letters, digits")
"""Phrases in which a retired word has its honest technical sense."""

KEPT_NAMES = {"settled"}
"""Names that stay: public fields of JSON, and words of the field."""

FIRST_WORDS = {
    r"(?:What|Who|Whose|Whom|Whatever)": "begin with a verb, or with a noun",
}
"""Retired beginnings of docstrings."""

PROSE = {
    # Pronouns instead of nouns
    r"(?:who|what)soever|whoever|whomever": "the caller, the client, ...",
    r"some(?:body|one)(?:'s)?": "the caller, a client, a plugin, ...",
    r"he|his|him|himself|she|her": "they, their",
    r"is to whom|to whom": "name the caller",
    # Old or rare words
    r"lest": "so that ... not",
    r"anew": "again",
    r"for ever": "forever",
    r"beside(?!s)": "next to, compared with",
    r"such that": "so that",
    r"of which": "whose, or a second sentence",
    r"of whom": "whose, or a second sentence",
    r"at the most": "at most",
    r"at the least": "at least",
    r"no more(?=\s*(?:[.,;:)]|$|(?:until|while|when|after|and|because|then)\b))": "no longer",
    r"(?:any|some)thing of": "name it",
    r"to be had|can be had|cannot be had|be had": "available",
    r"(?:what|whatever) (?:became|becomes|become) of": "the result of, the state of",
    r"(?:come|comes|came|coming) true": "take effect, be done",
    r"ha(?:ve|s|ving) gafferd? (?!been\b)[a-z]+": "make gafferd ...",
    r"have (?:it|them) (?:back|be|do|done|go|found|read|recorded|run)": "make it ..., or be direct",
    r"as [a-z]+(?: [a-z]+)? has it": "as ... defines it",
    # The old vocabulary
    r"(?:(?:is|are|be|being|was|were|been) )?told": "is notified, receives",
    r"tell|tells|telling": "report, notify, publish, show, send",
    r"hear|hears|heard|hearing": "receive",
    r"obey|obeys|obeyed|obeying": "react to, execute",
    r"patience|patient|patiently": "stop timeout, deadline, timeout",
    r"hurry|hurries|hurried": "kill now, shorten the deadline",
    r"forgive|forgives|forgiven|forgave": "reset the backoff",
    r"blame|blames|blamed": "report an error of",
    r"complain|complains|complained|complaint|complaints": "report, warn, error",
    r"courier|couriers": "delivery worker",
    r"(?<!dead[\s-])(?<!capital\s)(?<!case\s)letters?(?!,?\s(?:and\s)?digits)": "message, delivery",
    r"rights": "permissions",
    r"short lives|short life": "crashes",
    r"defect of gaffer": "internal error",
    r"one's": "the user's",
}
"""Retired words and phrases (regular expressions), and what to write instead."""

NAMES = {
    r"\w*_of|of_\w+": "get_..., from_...",
    r"wanted_\w+": "..._parameter",
    r"(?:MOST|LONGEST|LARGEST|MANY)_\w+": "MAX_...",
    r"LEAST_\w+": "MIN_...",
    r"(?:LAST|EVERY)(?:_\w+)?": "..._TIMEOUT, ..._INTERVAL",
    r"\w*(?:Refusal|Refused|Failure)": "...Error",
}
"""Retired forms of a whole name."""

PARTS_OF_NAMES = {
    r"patience": "stop_timeout, ..._timeout, ..._deadline",
    r"hurry": "kill_stopping, shorten_deadline",
    r"tell|tells|told|telling|untold": "publish, notify, log, send",
    r"hear|hears|heard|hearing": "receive",
    r"say|says|said|saying": "write, print, log, emit",
    r"obey|obeys|obeyed": "execute, react to",
    r"converse|conversation|talk|talks|talking|talker": "serve, run_session",
    r"settle|settles|settling": "commit, finish, apply, drain; settled may stay",
    r"forgive|vacate|postpone|retire_all": "reset_backoff, mark_due, delay_until, replace_all",
    r"blame|complain|complaint|complaints|count_failure": "error, warn, report_failure",
    r"leave|leaves|leaving": "shutdown, close, remove_reader, request_stop",
    r"whoever|somebody|someone|who|whom": "the noun: caller, client, plugin, ...",
    r"lest|anew|beside|he|his|him": "plain English",
    r"puppets?|liars?|sharers?|bystander|neighbour|courier|holdings|calm": "fake, idle, leaks, ...",
    r"roll|roster|untold|dialogue|turnout|kin": "see the glossary",
}
"""Retired words in names of modules, classes, functions, parameters and constants.

A test is named with a sentence, to which `PROSE` and `SENTENCES` apply."""

SENTENCES = {
    r"(?:test|it) (?:who|whoever|whose|what|whatever|one who)": "name the thing, then the result",
}
"""Retired forms of the names of tests."""


class Text(NamedTuple):
    """A piece of prose, the line of its file in which it begins, and whether it is a docstring."""

    line: int
    text: str
    is_docstring: bool = False


class Name(NamedTuple):
    """A name that a module defines, and its line."""

    line: int
    name: str


def get_files():
    """Return the text files of the repository, by part."""
    parts = defaultdict(list)
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [each for each in folders if each == ".ci" or not NOT_OURS.match(each)]
        for path in sorted(Path(folder, name).relative_to(ROOT) for name in names):
            if path.suffix in KINDS and not NOT_OURS.match(path.name):
                parts[GENERATED.get(str(path)) or get_part(path)].append(path)
    return {part: parts[part] for part in sorted(parts)}


def get_part(path):
    """`plugins/gaffer_http`, `gaffer_kernel/jobs`, `tests/jobs`, `docs`, or a file of the root."""
    folders = path.parts[:-1]
    deep = folders[:1] and folders[0] in ("plugins", "gaffer_kernel", "tests")
    return "/".join(folders[: 2 if deep else 1]) or path.name


# Reading


def blank_code(match):
    """Replace code by a word; keep the number of lines."""
    return re.sub(r"[^\n]+", "CODE", match[0])


def read_prose(source):
    """Return the lines of a page, with blocks of code replaced."""
    source = re.sub(r"^( *)```.*?^\1```", blank_code, source, flags=re.M | re.S)
    source = re.sub(r"(?<=\n\n)(?: {4}.*\n)+", blank_code, source)
    return re.sub(r"<!--.*?-->", blank_code, source, flags=re.S)


def read_markdown(source):
    """The prose of a page: neither blocks of code nor code in backquotes nor targets of links."""
    yield Text(1, re.sub(r"\]\([^)]*\)", "]", read_prose(source)))


def read_comments(source):
    """Comments of files other than Python, and the descriptions in a pyproject.toml."""
    for number, line in enumerate(source.splitlines(), 1):
        if found := re.match(r"\s*(?:[#;]|description = )(.*)", line):
            yield Text(number, found[1])


def read_python(source, *, strings):
    """Comments, docstrings, and other strings with a space if they are wanted."""
    block = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            block.append((token.start[0], token.string.lstrip("#! ")))
        elif token.type not in (tokenize.NL, tokenize.NEWLINE, tokenize.INDENT) and block:
            yield Text(block[0][0], "\n".join(text for _, text in block))
            block = []
    docstrings = set()
    for node in ast.walk(tree := ast.parse(source)):
        if isinstance(node, ast.Expr) and is_text(node.value):
            docstrings.add(node.value)
            yield Text(node.lineno, node.value.value, True)
    for node in ast.walk(tree):
        if strings and is_text(node) and node not in docstrings and " " in node.value.strip():
            yield Text(node.lineno, node.value)


def is_text(node):
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def read_names(tree):
    """The names of classes, functions, their parameters, and of constants and fields."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield Name(node.lineno, node.name)
        if isinstance(node, ast.arg):
            yield Name(node.lineno, node.arg)
        if isinstance(node, ast.Module | ast.ClassDef):
            for each in node.body:
                targets = getattr(each, "targets", [getattr(each, "target", None)])
                for target in targets:
                    if isinstance(target, ast.Name):
                        yield Name(target.lineno, target.id)


# Searching


def compile_phrases(phrases):
    """Compile each phrase: whole words, in any case, with any white space between them."""
    compiled = {}
    for phrase, instead in phrases.items():
        spaced = phrase.replace(" ", r"\s+")
        compiled[re.compile(rf"(?<![\w`.-])(?:{spaced})(?![\w`]|\.\w)", re.I)] = instead
    return compiled


PROSE_PATTERNS = compile_phrases(PROSE)
SENTENCE_PATTERNS = {**PROSE_PATTERNS, **compile_phrases(SENTENCES)}


def check_text(text, patterns=PROSE_PATTERNS):
    """Yield the line, the word and what to write instead, for each retired word of a text."""
    prose = re.sub(r"`[^`\n]*`|https?://\S+", "CODE", text.text)
    for phrase in KEPT:
        prose = prose.replace(phrase, "KEPT")
    if text.is_docstring:
        for pattern, instead in FIRST_WORDS.items():
            if found := re.match(rf"{pattern}\b", prose):
                yield text.line, found[0], instead
    for pattern, instead in patterns.items():
        for found in pattern.finditer(prose):
            line = text.line + prose.count("\n", 0, found.start())
            yield line, " ".join(found[0].split()), instead


def check_name(name):
    if name.name.startswith("test_"):
        yield from check_text(Text(name.line, name.name.replace("_", " ")), SENTENCE_PATTERNS)
        return
    bare = name.name.strip("_")
    if bare in KEPT_NAMES:
        return
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", bare).lower()
    for pattern, instead in NAMES.items():
        if re.fullmatch(pattern, bare):
            yield name.line, bare, instead
    for pattern, instead in PARTS_OF_NAMES.items():
        if re.search(rf"(?:^|_)(?:{pattern})(?:_|$)", snake):
            yield name.line, bare, instead


def check_file(path):
    source = (ROOT / path).read_text()
    if path.suffix == ".md":
        texts, names = read_markdown(source), []
    elif path.suffix == ".py":
        tests = "tests" in path.parts[:-1] or path.name == "conftest.py"
        texts = read_python(source, strings=not tests)
        names = [Name(1, path.stem), *read_names(ast.parse(source))]
    else:
        texts, names = read_comments(source), []
    found = [each for text in texts for each in check_text(text)]
    found += [each for name in names for each in check_name(name)]
    return [f"{path}:{line}: {word!r}: write {instead}" for line, word, instead in sorted(found)]


FILES = get_files()


@pytest.mark.parametrize("part", FILES)
def test_no_retired_word_is_used(part):
    found = [line for path in FILES[part] for line in check_file(path)]
    assert not found, "\n".join(["", *found])


@pytest.mark.parametrize("part", FILES)
def test_lines_of_markdown_have_at_most_120_characters(part):
    long = [
        f"{path}:{number}"
        for path in FILES[part]
        if path.suffix == ".md" and str(path) not in GENERATED
        for number, line in enumerate(read_prose((ROOT / path).read_text()).splitlines(), 1)
        if len(line) > 120 and not line.lstrip().startswith("|")
    ]
    assert not long


if __name__ == "__main__":
    for part in sys.argv[1:] or FILES:
        print(*(line for path in FILES[part] for line in check_file(path)), sep="\n")
