"""The key `auth` of endpoints: how callers are identified, and where the owner needs a token."""

import logging

import pytest
from gaffer_kernel import Config, ConfigError, GafferError
from gaffer_testing import Callers, TokenCaller

from gaffer_http.listen.endpoints import read_endpoints

from ..auth.test_authentication import TOKEN, ask_with, ca, people, secure_ini

__all__ = ["ca", "people"]


def modes(ini):
    """Return the name, mode and note of each endpoint."""
    return [
        (each.name, each.auth, each.auth_note) for each in read_endpoints(Config.from_string(ini))
    ]


def test_default_auth_mode_depends_on_the_reachability_of_the_endpoint(ca, short_path):
    tls = f"certfile = {short_path}/server.pem\n"
    assert modes(
        "[endpoint:local]\nbind = 127.0.0.1:0, [::1]:0, unix:/run/g\n"
        f"[endpoint:both]\nbind = 127.0.0.1:0, 0.0.0.0:0\n{tls}"
        f"[endpoint:certified]\nbind = 0.0.0.0:0\n{tls}client_ca = {short_path}/ca.pem\n"
        f"[endpoint:trusting]\nbind = 0.0.0.0:0\nauth = owner\n{tls}"
    ) == [
        ("local", "owner", ""),
        ("both", "token", "tokens only"),
        ("certified", "token", "tokens or certificates only"),
        ("trusting", "owner", ""),
    ]


@pytest.mark.parametrize(
    ("ini", "message"),
    [
        (
            "auth = tokens",
            "gaffer.ini:2: [endpoint:a] auth: must be owner, token, certificate, not",
        ),
        ("auth =", "auth: must be owner, token, certificate, not ''"),
        ("auth = certificate", "gaffer.ini:2: [endpoint:a] auth: certificate needs client_ca"),
    ],
)
def test_invalid_auth_mode_is_refused(ini, message):
    with pytest.raises(ConfigError) as raised:
        read_endpoints(Config.from_string(f"[endpoint:a]\n{ini}", "gaffer.ini"))
    assert message in str(raised.value)


@pytest.mark.parametrize("bind", ["127.0.0.1:0", "unix:{}/s"])
async def test_token_mode_does_not_accept_the_uid(running_api, people, short_path, bind, caplog):
    caplog.set_level(logging.INFO, "gaffer_http")
    ini = f"[endpoint:a]\nauth = token\nbind = {bind.format(short_path)}"
    async with running_api(people, ini=ini, bind=None) as api:
        assert f"listening on {api.urls[0]} (tokens only)" in caplog.messages
        for method, path in (("GET", "/jobs"), ("GET", "/ping"), ("POST", "/jobs/default")):
            answer = await api.ask(method, path)
            assert (answer.status, answer.slug) == (401, "unauthorized")
            assert answer.headers["www-authenticate"] == "Bearer"
        assert "callers with a token only" in answer.json["reason"]
        assert (await api.ask_websocket("/channel")).status == 401
        assert (await api.ask("GET", "/jobs", **TOKEN)).status == 200


async def test_certificate_mode_accepts_only_certificates(running_api, ca, short_path, caplog):
    caplog.set_level(logging.INFO, "gaffer_http")
    people = Callers(
        {"ops": TokenCaller("read", "certificate ops"), "good": TokenCaller("manage", "token ci")}
    )
    ini = secure_ini(short_path, "auth = certificate")
    async with running_api(people, ini=ini, bind=None) as api:
        assert f"listening on {api.urls[0]} (certificates only)" in caplog.messages
        ops = ca.issue_cert("x@y.z", common_name="ops")
        eve = ca.issue_cert("x@y.z", common_name="eve")
        assert await ask_with(api, ca, None) == 401
        assert await ask_with(api, ca, None, "Authorization: Bearer good") == 401
        assert await ask_with(api, ca, eve) == 401
        assert await ask_with(api, ca, ops) == 200


@pytest.mark.parametrize("mode", ["token", "certificate"])
async def test_auth_mode_requires_a_plugin_that_authenticates(running_api, ca, short_path, mode):
    ini = secure_ini(short_path, f"auth = {mode}")
    with pytest.RaisesGroup(GafferError, allow_unwrapped=True, flatten_subgroups=True) as raised:
        async with running_api(ini=ini, bind=None):
            pass
    [error] = getattr(raised.value, "exceptions", [raised.value])
    assert str(error).endswith(
        f"endpoint secure: auth = {mode}: no plugin here checks {mode}s: install gaffer-auth,"
        " or no longer disable it"
    )


def test_check_shows_the_auth_mode_of_each_endpoint(tmp_path):
    from gaffer_testing.gafferd import Home

    home = Home(tmp_path, "http", "auth")
    home.write(
        "gaffer.ini", "[endpoint:local]\n[endpoint:proxy]\nbind=127.0.0.1:5001\nauth=token\n"
    )
    shown = home.run("-c", "gaffer.ini", "--check").stdout
    assert "endpoint local: 127.0.0.1:5000\n" in shown
    assert "endpoint proxy: 127.0.0.1:5001, tokens only\n" in shown
