"""Decoding of JSON bodies, valid and invalid."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaffer_http.errors import ApiError
from gaffer_http.views.body import MAX_DEPTH, parse


def refusal(data):
    with pytest.raises(ApiError) as raised:
        parse(data)
    assert (raised.value.status, raised.value.slug) == (400, "invalid_json")
    return raised.value.reason


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"{}", {}),
        (b' {"a": [1, -2, 3.5e3, true, null]}\r\n', {"a": [1, -2, 3500.0, True, None]}),
        ('{"ä": "\\ud83d\\ude00 😀"}'.encode(), {"ä": "😀 😀"}),
        (b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, None),
    ],
)
def test_valid_json_is_decoded(data, value):
    assert value is None or parse(data) == value


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "Expecting value: line 1 column 1"),
        (b"{", "line 1 column 2"),
        (b'{"a": 1,}', "line 1"),
        (b"{'a': 1}", "line 1"),
        (b"{} {}", "Extra data"),
        (b'{"a": NaN}', "NaN is not JSON"),
        (b'{"a": -Infinity}', "-Infinity is not JSON"),
        (b'{"a": 1e400}', "too large"),
        (b'{"a": ' + b"9" * 5000 + b"}", "5000 digits"),
        (b'{"a": 0.' + b"9" * 5000 + b"}", "too long"),
        (b'{"a": 1, "b": 2, "a": 3}', "the key 'a' is there twice"),
        (b'{"x": {"a": 1, "a": 3}}', "the key 'a' is there twice"),
        (b'{"a": "\\ud800"}', "surrogate"),
        (b'{"\\ud800": 1}', "surrogate"),
        (b'["\\udc00"]', "surrogate"),
        (b"\xff{}", "byte 0 is not UTF-8"),
        ("{}".encode("utf-16"), "byte 0 is not UTF-8"),
        ("{}".encode("utf-16-be"), "line 1"),
        (b"\xef\xbb\xbf{}", "BOM"),
        (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), "deeper than 32"),
        (b"[" * 100_000, "deeper than 32"),
        (b'{"a":' * 100_000, "deeper than 32"),
        (b'{"a": "\n"}', "control character"),
    ],
)
def test_invalid_json_is_refused_with_a_reason(data, words):
    reason = refusal(data)
    assert words in reason
    assert len(reason) < 200


@given(st.binary(max_size=50))
def test_any_bytes_are_decoded_or_refused(data):
    with suppress(ApiError):
        parse(data)
