"""The section `[webhooks]`: valid and invalid values."""

from pathlib import Path

import pytest
from gaffer_kernel import Config, ConfigError, InvalidField, Kernel

from gaffer_webhooks import WebHooks
from gaffer_webhooks.plugin import plugin as webhooks_plugin
from gaffer_webhooks.settings import read_settings

from .conftest import SECRET


def settings(text):
    return read_settings(Config.from_string(text, "a.ini"))


def test_missing_section_gives_defaults(monkeypatch):
    monkeypatch.setenv("HOME", "/home/user")
    found = settings("")
    assert found.state == Path("/home/user/.gaffer/webhooks")
    assert (found.tries, found.queue, found.hooks) == (20, 10_000, ())


def test_section_gives_settings_and_hooks():
    found = settings(
        "[webhooks]\nstate = /x/y\ntries = 3\nqueue = 5\n"
        "create = http://echohttp.com/echo\n"
        f"proc.Dummy.spawn = https://a.example/?a=1;b,c {SECRET}\n  http://127.0.0.1:1/\n"
        ". = http://10.0.0.1/\n"
    )
    assert (found.state, found.tries, found.queue) == (Path("/x/y"), 3, 5)
    assert [(hook.pattern, hook.url, hook.secret) for hook in found.hooks] == [
        ("create", "http://echohttp.com/echo", None),
        ("proc.Dummy.spawn", "https://a.example/?a=1;b,c", SECRET),
        ("proc.Dummy.spawn", "http://127.0.0.1:1/", None),
        (".", "http://10.0.0.1/", None),
    ]
    assert all(hook.trusted and hook.fixed for hook in found.hooks)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("spawn =", "spawn: names no URL"),
        ("spawn = ftp://x", "spawn: the URL 'ftp://x' must begin with http:// or https://"),
        ("spawn = http://x/echo you", "spawn: the URL 'you' must begin with http:// or https://"),
        (
            "spawn = http://169.254.169.254/",
            "spawn: the URL 'http://169.254.169.254/' leads to 169.254.169.254, "
            "a metadata address, which is not allowed here",
        ),
        (
            "sp awn = http://x",
            "sp awn: is neither one of state, tries, queue nor the name of an event",
        ),
        ("..a = http://x", "..a: is neither one of state, tries, queue nor the name of an event"),
        (
            "spawn = http://x whsec_QUJD",
            "spawn: the secret of a URL must be whsec_ and 24 to 64 bytes in base64",
        ),
        (
            f"spawn = http://x {SECRET}!",
            "spawn: the secret of a URL must be whsec_ and 24 to 64 bytes in base64",
        ),
        (
            f"spawn = {SECRET} http://x",
            "spawn: a secret must stand behind the URL that it is for",
        ),
        (
            f"spawn = http://x {SECRET} {SECRET}",
            "spawn: a secret must stand behind the URL that it is for",
        ),
        ("tries = 0", "tries: must be from 1 to 1000, not 0"),
        ("tries = many", "tries: must be a whole number, not 'many'"),
        ("queue = 100001", "queue: must be from 1 to 100000, not 100001"),
        ("state =", "state: names no folder"),
        ("tires = 5", "tires: the URL '5' must begin with http:// or https://"),
    ],
)
def test_invalid_line_is_named_in_error(line, reason):
    kernel = Kernel(
        Config.from_string(f"\n[webhooks]\n{line}\n", "a.ini"), plugins=[webhooks_plugin]
    )
    with pytest.raises(ConfigError) as caught:
        kernel.configure()
    assert str(caught.value) == f"a.ini:3: [webhooks] {reason}"


@pytest.mark.parametrize(
    ("word", "redacted"),
    [
        ("http://me:s3cret@x.example/", "http://x.example/"),
        ("htps://x.example/services/s3cret", "htps://x.example/..."),
        ("ftp://x.example?key=s3cret", "ftp://x.example..."),
        ("http://x.example/#s3cret", "http://x.example/..."),
        ("whsc_MfKQs3cret", "whsc_MfK..."),
    ],
)
def test_error_redacts_secrets_of_url(word, redacted):
    config = Config.from_string(f"[webhooks]\nspawn = {word}\n")
    with pytest.raises(ConfigError) as caught:
        Kernel(config, plugins=[webhooks_plugin]).configure()
    assert f"spawn: the URL {redacted!r} must" in str(caught.value)


@pytest.mark.parametrize(
    ("hook", "field"),
    [(("", "http://x"), "pattern"), (("a", "x"), "url"), (("a", "http://x", "short"), "secret")],
)
def test_invalid_hook_of_program_names_field(hook, field):
    with pytest.raises(InvalidField) as caught:
        WebHooks(hooks=[hook])
    assert caught.value.field == field
    assert "short" not in str(caught.value)
