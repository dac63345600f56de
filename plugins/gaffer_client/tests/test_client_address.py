"""Tests of addresses and job names."""

import re

import pytest

from gaffer_client.address import Address
from gaffer_client.errors import ArgumentError
from gaffer_client.names import JobName


@pytest.mark.parametrize(
    ("text", "base", "socket"),
    [
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000", None),
        ("http://localhost:5000/", "http://localhost:5000", None),
        ("https://gaffer.example", "https://gaffer.example", None),
        ("https://[::1]:5443", "https://[::1]:5443", None),
        ("http://proxy.example/gaffer/", "http://proxy.example/gaffer", None),
        ("unix:/run/gaffer.sock", "http://localhost", "/run/gaffer.sock"),
        ("unix:///run/gaffer.sock", "http://localhost", "/run/gaffer.sock"),
        ("unix:gaffer.sock", "http://localhost", "gaffer.sock"),
        ("http+unix:/run/gaffer.sock", "http://localhost", "/run/gaffer.sock"),
        ("https+unix:/run/gaffer.sock", "https://localhost", "/run/gaffer.sock"),
    ],
)
def test_address_parses(text, base, socket):
    address = Address.parse(text)
    assert (address.text, address.base, address.socket) == (text, base, socket)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "must begin with"),
        ("localhost:5000", "must begin with"),
        ("ftp://localhost", "must begin with"),
        ("127.0.0.1", "must begin with"),
        ("http://", "no host"),
        ("http:///jobs", "no host"),
        ("http://localhost:port", "port"),
        ("http://localhost:99999", "port"),
        ("http://[::1", "ipv6"),
        ("http://localhost/?a", "must end with the port"),
        ("http://local host", "no host"),
        ("unix:", "no path"),
    ],
)
def test_invalid_address_raises_one_line(text, words):
    with pytest.raises(ArgumentError) as raised:
        Address.parse(text)
    assert words in str(raised.value)
    assert repr(text) in str(raised.value)


@pytest.mark.parametrize(
    "text",
    [
        "http://me:secret@localhost",
        "https://me:se/cret@localhost",
        "http://localhost/?token=secret",
        "http://localhost#key=secret",
        "gfr_secret",
    ],
)
def test_error_masks_secrets_in_address(text):
    with pytest.raises(ArgumentError) as raised:
        Address.parse(text)
    assert "cret" not in str(raised.value)


@pytest.mark.parametrize("text", ["", "a b", "shop.", ".web", "a.b.c", "-a"])
def test_invalid_job_name_is_quoted_in_error(text):
    with pytest.raises(ArgumentError, match=f"^{re.escape(repr(text))} is not a job name: "):
        JobName.parse(text)
