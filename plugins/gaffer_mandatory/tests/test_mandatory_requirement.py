"""Parsing lists of required plugins."""

import re

import pytest

from gaffer_mandatory.requirement import parse_requirements


@pytest.mark.parametrize(
    ("text", "requirements"),
    [
        ("", []),
        ("http", ["http"]),
        ("http webhooks>=1.2", ["http", "webhooks>=1.2"]),
        ("http, webhooks >= 1.2, < 2\nstats", ["http", "webhooks<2,>=1.2", "stats"]),
        ("a~=1.4.2 b==1.* c!=3,d===x", ["a~=1.4.2", "b==1.*", "c!=3", "d===x"]),
        (" a ,, b\t", ["a", "b"]),
    ],
)
def test_names_and_versions_are_parsed(text, requirements):
    assert [str(each) for each in parse_requirements(text)] == requirements


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("http >", "'>' is not the name of a plugin"),
        (">=1.2", "'>=1.2' is not the name of a plugin"),
        ("http>=one", "'>=one' after http are not versions as in http>=1.2"),
        ("http==1.2.", "after http are not versions"),
        ("http; rm", "'; rm' is not the name of a plugin"),
        ("http=1", "'=1' is not the name of a plugin"),
    ],
)
def test_an_invalid_list_is_an_error(text, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        parse_requirements(text)
