"""Reading what is demanded."""

import re

import pytest

from gaffer_mandatory.requirement import read_demands


@pytest.mark.parametrize(
    ("text", "demands"),
    [
        ("", []),
        ("http", ["http"]),
        ("http webhooks>=1.2", ["http", "webhooks>=1.2"]),
        ("http, webhooks >= 1.2, < 2\nstats", ["http", "webhooks<2,>=1.2", "stats"]),
        ("a~=1.4.2 b==1.* c!=3,d===x", ["a~=1.4.2", "b==1.*", "c!=3", "d===x"]),
        (" a ,, b\t", ["a", "b"]),
    ],
)
def test_names_with_versions(text, demands):
    assert [str(each) for each in read_demands(text)] == demands


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("http >", "'>' is no name of a plugin"),
        (">=1.2", "'>=1.2' is no name of a plugin"),
        ("http>=one", "'>=one' after http are no versions as in http>=1.2"),
        ("http==1.2.", "after http are no versions"),
        ("http; rm", "'; rm' is no name of a plugin"),
        ("http=1", "'=1' is no name of a plugin"),
    ],
)
def test_what_is_not_understood_is_said(text, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        read_demands(text)
