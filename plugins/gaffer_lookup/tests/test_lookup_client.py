"""Lookup and AsyncLookup of gaffer-client, with several lookupds at once."""

import inspect
import tempfile
from functools import partial

import pytest
import trio
from gaffer_auth.derivation import derive_secret
from gaffer_client import (
    ArgumentError,
    AsyncLookup,
    Lookup,
    LookupJob,
    LookupSession,
    Node,
    NoLookupdError,
    NotFoundError,
    NotGafferError,
    Source,
    UnauthorizedError,
    UnreachableError,
    node_token,
)

WEB1 = Node("web1", "http://web1:5000", "0.1")
WEB2 = Node("web2", "http://web2:5000", "0.1")
UNREACHABLE = "http://127.0.0.1:9"


async def do(method, *args):
    if inspect.iscoroutinefunction(method):
        return await method(*args)
    return await trio.to_thread.run_sync(partial(method, *args), abandon_on_cancel=True)


@pytest.fixture(params=[Lookup, AsyncLookup])
async def connect(request):
    """Return a function that makes a client, of either kind."""
    made = []

    def make(*urls, **options):
        made.append(request.param(urls, **options))
        return made[-1]

    yield make
    for lookup in made:
        await do(lookup.close if isinstance(lookup, Lookup) else lookup.aclose)


@pytest.fixture
async def two(running_lookupd):
    """Two lookupds: both know web1, in different states; the second knows web2 too."""
    async with (
        running_lookupd() as one,
        running_lookupd() as other,
        one.node() as web1,
        other.node() as other_web1,
        other.node() as web2,
    ):
        await web1.identify("web1")
        await web1.register("web", 1, 2)
        await other_web1.identify("web1")
        await other_web1.register("web", 2, 3)
        await web2.identify("web2")
        await web2.register("web", 1)
        await web2.register("prod.db", 2)
        yield one, other


WEB = [Source("web1", [1, 2, 3], WEB1), Source("web2", [1], WEB2)]
DB = [Source("web2", [2], WEB2)]


async def test_answers_of_all_lookupds_are_merged(connect, two):
    lookup = connect(*(each.url for each in two))
    assert (await do(lookup.nodes)).value == [WEB1, WEB2]
    jobs = [LookupJob("web", WEB), LookupJob("prod.db", DB)]
    assert (await do(lookup.jobs)).value == jobs
    assert (await do(lookup.sessions)).value == [
        LookupSession("default", {"web": WEB}),
        LookupSession("prod", {"prod.db": DB}),
    ]
    for name in (("web",), ("default.web",), ("web", "default")):
        found = await do(lookup.find_job, *name)
        assert (found.value, found.failed) == (WEB, {})
    assert (await do(lookup.find_session, "prod")).value == [LookupJob("prod.db", DB)]


async def test_unknown_job_and_session_are_empty(connect, two):
    lookup = connect(*(each.url for each in two))
    assert (await do(lookup.find_job, "nothing")).value == []
    assert (await do(lookup.find_session, "nothing")).value == []


async def test_node_unknown_to_one_lookupd_is_not_a_failure(connect, two):
    lookup = connect(*(each.url for each in two))
    found = await do(lookup.sessions, "web2")
    assert [session.sessionid for session in found.value] == ["default", "prod"]
    assert found.failed == {}
    assert (await do(lookup.sessions, "web3")).value == []


async def test_failed_lookupd_is_named_and_the_others_answer(connect, two):
    lookup = connect(UNREACHABLE, two[1].url)
    found = await do(lookup.find_job, "prod.db")
    assert found.value == DB
    [(address, error)] = found.failed.items()
    assert address == UNREACHABLE
    assert isinstance(error, UnreachableError)
    assert UNREACHABLE in str(error)


async def test_error_names_every_lookupd_if_all_fail(connect, running_lookupd, tmp_path):
    unreachable = f"unix:{tmp_path}/unreachable"
    with tempfile.TemporaryDirectory(prefix="g") as folder:
        async with running_lookupd(bind=f"unix:{folder}/lookupd") as lookupd:
            lookup = connect(unreachable, lookupd.url, token="wrong", timeout=5)
            with pytest.raises(NoLookupdError) as raised:
                await do(lookup.nodes)
    assert set(raised.value.failed) == {unreachable, lookupd.url}
    assert isinstance(raised.value.failed[lookupd.url], UnauthorizedError)
    assert unreachable in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "http://localhost:9", "http://web1:9"])
async def test_token_is_not_sent_to_a_lookupd_over_http(connect, url):
    with pytest.raises(ArgumentError, match="a token is sent over https or a unix socket only"):
        connect("https://localhost:9", url, token="secret")


async def test_server_of_a_node_gets_a_derived_token(connect):
    lookup = connect("https://lookup:5010", token="secret", timeout=3, ca_file="ca")
    origin = "https://web1.example.org:5443"
    server = lookup.server(Node("web1", origin, "0.1"))
    settings = server._transport.settings
    assert (settings.address.text, settings.timeout, settings.ca_file) == (origin, 3, "ca")
    assert settings.token == node_token("secret", origin)
    for invalid in ("http://web1:5000", "unix:/run/evil", "https://a:1/x", "https://u@a:1"):
        with pytest.raises(ArgumentError):
            lookup.server(Node("web1", invalid, "0.1"))


async def test_server_of_a_node_without_a_token(connect):
    server = connect("http://127.0.0.1:5010").server(WEB1)
    assert (server.url, server._transport.settings.token) == (WEB1.origin, None)


def test_derived_token_is_the_same_in_all_packages():
    derived = "gfr_CFb5hwVt5Tws3HS92d9YcS3y3a1DUgAiZNy90r_Z6ds"
    secret, origin = "gfr_" + 43 * "A", "https://web1.example.org:5443"
    assert node_token(secret, origin) == derive_secret(secret, origin) == derived


async def test_other_server_is_a_failure(connect, nursery, lookupd):
    async def other(stream):
        async with stream:
            await stream.receive_some()
            await stream.send_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")

    [listener] = await nursery.start(partial(trio.serve_tcp, other, 0, host="127.0.0.1"))
    port = listener.socket.getsockname()[1]
    found = await do(connect(f"http://127.0.0.1:{port}", lookupd.url).nodes)
    assert found.value == []
    assert isinstance(*found.failed.values(), NotGafferError)
    nursery.cancel_scope.cancel()


async def test_unknown_path_is_a_failure(connect, lookupd):
    lookup = connect(f"{lookupd.url}/elsewhere")
    with pytest.raises(NoLookupdError) as raised:
        await do(lookup.nodes)
    assert isinstance(*raised.value.failed.values(), NotFoundError)


async def test_silent_lookupd_times_out(connect, nursery, lookupd):
    async def silent(stream):
        async with stream:
            await trio.sleep_forever()

    [listener] = await nursery.start(partial(trio.serve_tcp, silent, 0, host="127.0.0.1"))
    url = f"http://127.0.0.1:{listener.socket.getsockname()[1]}"
    found = await do(connect(url, lookupd.url, timeout=0.3).nodes)
    assert set(found.failed) == {url}
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize("kind", [Lookup, AsyncLookup])
@pytest.mark.parametrize("urls", [(), ("127.0.0.1:5010",), "ftp://a"])
def test_invalid_addresses_are_rejected_at_once(kind, urls):
    with pytest.raises(ArgumentError):
        kind(urls)


async def test_invalid_names_are_rejected_at_once(connect):
    lookup = connect(UNREACHABLE)
    for method, *args in (
        (lookup.find_job, "a b"),
        (lookup.find_session, "a.b"),
        (lookup.sessions, ".."),
    ):
        with pytest.raises(ArgumentError):
            await do(method, *args)


async def test_unusable_ca_file_is_named(connect):
    lookup = connect("https://127.0.0.1:9", ca_file="/none")
    with pytest.raises(ArgumentError, match="/none"):
        await do(lookup.nodes)
