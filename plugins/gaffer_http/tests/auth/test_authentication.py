"""Authentication by token, certificate or uid of the peer."""

import logging
import ssl

import pytest
import trio
import trustme
from gaffer_kernel import GafferError, hookimpl
from gaffer_testing import Callers, TokenCaller
from gaffer_testing.waiting import until
from quart import Blueprint
from trio_websocket import ConnectionClosed

from gaffer_http.auth.caller import Credentials
from gaffer_http.auth.wrong_tokens import WrongTokens
from gaffer_http.errors import ApiError
from gaffer_http.serve.peer import Peer

from ..channel_client import open_channel, readers, start

TOKEN = {"authorization": "Bearer good"}


@pytest.fixture
def people():
    return Callers({"good": TokenCaller("manage", "token ci")})


@pytest.fixture
async def api(running_api, people):
    async with running_api(people) as api:
        yield api


@pytest.mark.parametrize(
    "shown",
    [TOKEN, {"authorization": "bearer  good"}, {"x_api_key": "good"}],
    ids=lambda shown: " ".join(shown.values()),
)
async def test_token_in_a_header_identifies_the_caller(api, people, shown):
    assert (await api.ask("GET", "/jobs", **shown)).status == 200
    assert people.seen[-1].token == "good"


@pytest.mark.parametrize(
    "shown",
    [
        {"authorization": "Bearer bad"},
        {"authorization": "Basic Z29vZDpnb29k"},
        {"authorization": "good"},
        {"authorization": "Bearer"},
        {"x_api_key": "bad"},
        {"x_api_key": ""},
        {"authorization": "Bearer good", "x_api_key": "good"},
    ],
    ids=lambda shown: " ".join(shown.values()),
)
async def test_wrong_token_of_the_owner_is_refused(api, shown):
    answer = await api.ask("GET", "/jobs", **shown)
    assert (answer.status, answer.slug) == (401, "unauthorized")
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_token_is_ignored_without_a_plugin_that_checks_it(running_api):
    async with running_api() as api:
        answer = await api.ask("GET", "/jobs", **TOKEN)
        assert answer.status == 401
        assert "gaffer-auth" in answer.json["reason"]


async def test_token_is_accepted_in_a_request_through_a_proxy(api):
    proxied = {"x_forwarded_for": "10.0.0.1"}
    refused = await api.ask("GET", "/jobs", **proxied)
    assert (refused.status, refused.slug) == (401, "unauthorized")
    assert (await api.ask("GET", "/jobs", **proxied, **TOKEN)).status == 200


async def test_wrong_tokens_are_limited_without_refusing_valid_ones(api):
    for _ in range(10):
        assert (await api.ask("GET", "/", authorization="Bearer bad")).status == 401
    answer = await api.ask("GET", "/", authorization="Bearer bad")
    assert (answer.status, answer.slug) == (429, "too_many_requests")
    assert "10 wrong tokens within a minute" in answer.json["reason"]
    assert (await api.ask("GET", "/jobs", **TOKEN)).status == 200
    assert (await api.ask_websocket("/channel", authorization="Bearer bad")).status == 429
    async with open_channel(api, "/channel", **TOKEN) as channel:
        await channel.subscribe("EVENTS")
    assert (await api.ask("GET", "/jobs")).status == 200


NETWORKS = [
    (["192.0.2.7", "192.0.2.8"], 2),
    (["2001:db8::1", "2001:db8::ffff:2", "2001:db8:0:0:ffff::3"], 1),
    (["2001:db8::1", "2001:db8:0:1::1"], 2),
    (["192.0.2.7", "::ffff:192.0.2.7"], 1),
    (["::ffff:192.0.2.7", "::ffff:192.0.2.8"], 2),
    (["fe80::1%eth0", "fe80::2%eth1"], 1),
]


@pytest.mark.parametrize(("addresses", "groups"), NETWORKS)
def test_limit_of_wrong_tokens_counts_ipv6_by_network(addresses, groups):
    assert len({Peer(None, address=each).group for each in addresses}) == groups


async def test_limit_of_wrong_tokens_holds_for_a_network_and_a_minute(autojump_clock):
    wrong = WrongTokens()
    for host in range(10):
        wrong.count(Peer(None, address=f"2001:db8::{host}"))
    with pytest.raises(ApiError, match="2001:db8::/64 has shown 10 wrong tokens") as refused:
        wrong.count(Peer(None, address="2001:db8::ffff"))
    assert refused.value.status == 429
    wrong.count(Peer(None, address="2001:db8:0:1::1"))
    wrong.count(Peer(1000))
    await trio.sleep(61)
    wrong.count(Peer(None, address="2001:db8::ffff"))


async def test_plugin_that_raises_authenticates_no_caller(running_api):
    broken = Callers()
    broken.tokens = None
    async with running_api(broken) as api:
        assert (await api.ask("GET", "/jobs", **TOKEN)).status == 401
        assert (await api.ask("GET", "/jobs")).status == 200


async def test_feed_ends_when_its_caller_is_revoked(api, people):
    async with api.client() as client:
        await client.follow("/watch?feed=continuous", **TOKEN)
        people.known["good"].revoke()
        with trio.fail_after(10):
            assert not await client.stream.receive_some() or not await client.stream.receive_some()


@pytest.mark.parametrize("path", ["/channel", "/wstreams/1"])
async def test_websocket_of_a_revoked_caller_closes_with_an_error(api, people, path):
    process = await start(api)
    async with open_channel(api, path, **TOKEN) as channel:
        if path == "/channel":
            await channel.subscribe("EVENTS")
        else:
            await until(lambda: readers(process))
        people.known["good"].revoke()
        with pytest.raises(ConnectionClosed) as closed, trio.fail_after(10):
            await channel.receive()
    assert closed.value.reason.code == 4401


class Slow:
    """A plugin with a route that never returns; a request for it sets `begun`."""

    name = "slow"

    def __init__(self):
        self.begun = trio.Event()

    @hookimpl(optionalhook=True)
    def gaffer_http_routes(self):
        routes = Blueprint("slow", __name__)

        @routes.post("/slow")
        async def slow():
            self.begun.set()
            await trio.sleep_forever()

        return routes


async def test_caller_revoked_before_the_response_gets_401(running_api, people, caplog):
    caplog.set_level(logging.INFO, "gaffer.audit")
    slow = Slow()

    async def revoke():
        await slow.begun.wait()
        people.known["good"].revoke()

    async with running_api(people, slow) as api, trio.open_nursery() as nursery:
        nursery.start_soon(revoke)
        answer = await api.ask("POST", "/slow", **TOKEN)
        assert (answer.status, answer.slug) == (401, "unauthorized")
        assert answer.json["reason"] == "permissions of token ci were revoked during this request"
        assert caplog.messages[-1] == "token ci: POST /slow: no answer"


def test_repr_of_credentials_hides_the_token():
    assert "secret" not in repr(Credentials(Peer(0), "secret"))


# Certificates


@pytest.fixture
def ca(short_path):
    ca = trustme.CA()
    ca.cert_pem.write_to_path(short_path / "ca.pem")
    server = ca.issue_cert("localhost")
    server.private_key_and_cert_chain_pem.write_to_path(short_path / "server.pem")
    return ca


def secure_ini(folder, *more):
    return "\n".join(
        [
            "[endpoint:secure]",
            "bind = 127.0.0.1:0",
            f"certfile = {folder}/server.pem",
            f"client_ca = {folder}/ca.pem",
            *more,
        ]
    )


async def ask_with(api, ca, certificate, header="Accept: */*"):
    """Return the status of a request over TLS, with or without a client certificate."""
    context = ssl.create_default_context()
    ca.configure_trust(context)
    if certificate is not None:
        certificate.configure_cert(context)
    port = int(api.urls[0].rpartition(":")[2])
    tcp = await trio.open_tcp_stream("127.0.0.1", port)
    async with trio.SSLStream(tcp, context, server_hostname="localhost") as stream:
        await stream.send_all(f"GET /jobs HTTP/1.1\r\nHost: localhost\r\n{header}\r\n\r\n".encode())
        return int((await stream.receive_some()).split()[1])


async def test_certificate_identifies_the_caller(running_api, ca, short_path):
    people = Callers({"ops": TokenCaller("read", "certificate ops")})
    async with running_api(people, ini=secure_ini(short_path), bind=None) as api:
        assert await ask_with(api, ca, ca.issue_cert("x@y.z", common_name="ops")) == 200
        assert people.seen[-1].certificate["subjectAltName"] == (("email", "x@y.z"),)
        # With an unknown certificate or none, the uid decides: here it is that of the owner.
        assert await ask_with(api, ca, ca.issue_cert("x@y.z", common_name="eve")) == 200
        assert await ask_with(api, ca, None) == 200


async def test_certificate_of_another_authority_is_refused(running_api, ca, short_path):
    foreign = trustme.CA().issue_cert("x@y.z", common_name="ops")
    async with running_api(Callers(), ini=secure_ini(short_path), bind=None) as api:
        with pytest.raises(trio.BrokenResourceError):
            await ask_with(api, ca, foreign)


async def test_certificate_can_be_required(running_api, ca, short_path):
    ini = secure_ini(short_path, "client_certificate = required")
    async with running_api(Callers(), ini=ini, bind=None) as api:
        with pytest.raises(trio.BrokenResourceError):
            await ask_with(api, ca, None)
        assert await ask_with(api, ca, ca.issue_cert("x@y.z", common_name="ops")) == 200


# The network


async def test_network_endpoint_opens_with_a_plugin_that_authenticates(running_api, ca, short_path):
    ini = secure_ini(short_path).replace("127.0.0.1:0", "0.0.0.0:0")
    people = Callers({"ops": TokenCaller("read", "certificate ops")})
    async with running_api(people, ini=ini, bind=None) as api:
        # The owner needs credentials here, too.
        assert await ask_with(api, ca, None) == 401
        assert await ask_with(api, ca, ca.issue_cert("x@y.z", common_name="ops")) == 200


async def test_network_endpoint_requires_a_plugin_that_authenticates(running_api, ca, short_path):
    ini = secure_ini(short_path).replace("127.0.0.1:0", "0.0.0.0:0")
    with pytest.RaisesGroup(GafferError, allow_unwrapped=True, flatten_subgroups=True) as raised:
        async with running_api(ini=ini, bind=None):
            pass
    [error] = getattr(raised.value, "exceptions", [raised.value])
    assert "0.0.0.0:0 can be reached from other machines" in str(error)
    assert str(error).endswith("install gaffer-auth, or no longer disable it")


# The audit log


async def test_each_change_is_logged_as_a_line(api, people, caplog):
    people.known["eye"] = TokenCaller("read", "token eye")
    caplog.set_level(logging.INFO, "gaffer.audit")
    await api.ask("GET", "/jobs", **TOKEN)
    await api.ask("POST", "/jobs/default", {"name": "nap", "cmd": "sleep 9"}, **TOKEN)
    await api.ask("DELETE", "/jobs/default/n%0aap", authorization="Bearer eye")
    lines = [each.getMessage() for each in caplog.records if each.name == "gaffer.audit"]
    assert lines == [
        "token ci: POST /jobs/default (sleep): 201",
        "token eye: DELETE /jobs/default/n%0aap: 400",
    ]


async def test_audit_log_names_the_user_of_a_request_without_token(api, caplog):
    caplog.set_level(logging.INFO, "gaffer.audit")
    await api.ask("POST", "/jobs/default", {"name": "nap", "cmd": "sleep 9"})
    [line] = [each.getMessage() for each in caplog.records if each.name == "gaffer.audit"]
    assert line.startswith("user ")
    assert line.endswith(": POST /jobs/default (sleep): 201")
