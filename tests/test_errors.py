import pytest

from gaffer_kernel import errors
from gaffer_kernel.errors import (
    Closing,
    ConfigError,
    Conflict,
    GafferError,
    InvalidField,
    NotFound,
    PluginError,
    SpawnError,
    StreamUnavailable,
    did_you_mean,
    shown,
)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (
            ConfigError("must be x", file="a.ini", line=12, section="process:web", key="cmd"),
            "a.ini:12: [process:web] cmd: must be x",
        ),
        (ConfigError("is empty", file="a.ini", line=2), "a.ini:2: is empty"),
        (ConfigError("cannot be read", file="a.ini"), "a.ini: cannot be read"),
        (ConfigError("no file"), "no file"),
        (InvalidField("env.PORT", "must be text"), "env.PORT: must be text"),
        (NotFound("job", "web"), "no job 'web'"),
        (NotFound("process", 3), "no process '3'"),
        (Conflict("job", "web"), "job 'web' already exists"),
        (StreamUnavailable("out", "is not redirected"), "stream 'out': is not redirected"),
        (SpawnError("bad_cwd", "no folder /x"), "no folder /x"),
        (PluginError("http", "failed"), "plugin http: failed"),
        (
            PluginError("http", "failed", distribution="gaffer-http", version="1.2"),
            "plugin http (gaffer-http 1.2): failed",
        ),
        (Closing(), "gaffer is shutting down"),
        (GafferError("one\ntwo"), "one two"),
    ],
)
def test_every_error_prints_as_one_line(error, text):
    assert str(error) == text
    assert isinstance(error, GafferError)


def test_errors_derive_from_the_matching_builtin_exceptions():
    assert isinstance(InvalidField("a", "b"), ValueError)
    assert isinstance(NotFound("job", "a"), LookupError)


def test_only_no_resources_is_transient():
    assert SpawnError("no_resources", "too many open files").transient
    assert not SpawnError("command_not_found", "no such program").transient


def test_shown_is_short_and_printable_for_any_value():
    assert shown("a\nb") == r"'a\nb'"
    assert shown("\ud800") == r"'\ud800'"
    assert len(shown("x" * 1000)) == 60
    assert shown(10**5000) == "this int"


def test_did_you_mean_ignores_case():
    assert did_you_mean("CMD", ["cmd", "cwd"]) == ", did you mean 'cmd'?"
    assert did_you_mean("zzz", ["cmd", "cwd"]) == ""


def test_no_error_mentions_http():
    assert "http" not in (errors.__doc__ or "").lower()
    assert not any(hasattr(kind, "status") for kind in GafferError.__subclasses__())
