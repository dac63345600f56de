"""A gafferd that registers: lookupd always converges to the jobs that run."""

import base64
import hashlib
import json
import re
import tempfile
from contextlib import asynccontextmanager
from functools import partial

import pytest
import trio
from gaffer_client.address import Address
from gaffer_client.errors import make_response_error
from gaffer_client.settings import Settings
from gaffer_http.plugin import plugin as http_plugin
from gaffer_kernel import Config, JobConfig, open_kernel
from gaffer_kernel.testing import FakeSystem
from gaffer_testing.waiting import until
from trio_websocket import ConnectionClosed, serve_websocket

from gaffer_lookup.node.lookupd_registration import LookupdRegistration, NodeIdentity
from gaffer_lookup.plugin import plugin as lookup_plugin


@asynccontextmanager
async def open_node(*addresses, name="web1", more="", system=None):
    """Open a kernel that registers with lookupds."""
    text = f"[lookup]\naddress = {' '.join(addresses)}\nname = {name}\n{more}\n"
    if "heartbeat" not in more:
        text += "heartbeat = 0.1\n"
    config = Config.from_string(text)
    config.options["bind"] = "127.0.0.1:0"
    plugins = [http_plugin, lookup_plugin]
    async with open_kernel(config, plugins=plugins, system=system or FakeSystem()) as kernel:
        yield kernel


def known(lookupd, name="web1"):
    """Return the jobs of the nodes with a name, and their pids; None if there is no such node."""
    store = lookupd.lookupd.registry.store
    found = [node for node in store.nodes() if node.name == name]
    if not found:
        return None
    return {str(job): set(pids) for node in found for job, pids in store.get_jobs(node).items()}


def running_jobs(kernel):
    return {str(job.name): set(job.pids()) for job in kernel.manager.jobs()}


async def agree(kernel, *lookupds):
    for lookupd in lookupds:
        await until(lambda lookupd=lookupd: known(lookupd) == running_jobs(kernel))


def load(kernel, name="web", **fields):
    return kernel.manager.load(JobConfig(name=name, **{"cmd": "serve", **fields}))


async def test_changes_are_sent_once_in_order(lookupd):
    async with lookupd.observer() as observer:
        async with open_node(lookupd.url) as kernel:
            events = [await observer.receive() for _ in range(2)]
            job = load(kernel)
            events += [await observer.receive() for _ in range(2)]
            job.stop()
            events.append(await observer.receive())
            kernel.manager.unload("web")
            events.append(await observer.receive())
        events.append(await observer.receive())
        assert [each["event"] for each in events] == [
            *("add_node", "identify", "add_job", "add_process"),
            *("remove_process", "remove_job", "remove_node"),
        ]


async def test_node_advertises_its_api(lookupd):
    async with open_node(lookupd.url) as kernel:
        await until(lambda: known(lookupd) is not None)
        [node] = (await lookupd.get("/nodes"))["nodes"]
        [address] = kernel.services["http"].addresses
        assert node["name"] == "web1"
        assert node["origin"] == kernel.services["lookup"].origin == address


async def test_jobs_loaded_before_the_connection_are_registered(lookupd):
    async with open_node(lookupd.url) as kernel:
        load(kernel, numprocesses=3)
        await agree(kernel, lookupd)
        assert len(known(lookupd)["web"]) == 3


async def test_node_registers_with_every_lookupd(running_lookupd):
    async with (
        running_lookupd() as one,
        running_lookupd() as other,
        open_node(one.url, other.url) as kernel,
    ):
        load(kernel)
        await agree(kernel, one, other)
        assert [each.registered for each in kernel.services["lookup"].lookupds()] == [True] * 2


async def test_restarts_and_scaling_are_sent(lookupd):
    system = FakeSystem()
    async with open_node(lookupd.url, system=system) as kernel:
        job = load(kernel)
        await agree(kernel, lookupd)
        before = known(lookupd)
        next(iter(system.processes.values())).exit(1)
        await until(lambda: known(lookupd) == running_jobs(kernel) != before)
        job.scale("+4")
        await until(lambda: len(known(lookupd)["web"]) == 5)
        job.scale("=0")
        await until(lambda: known(lookupd) == {"web": set()})


async def test_dropped_events_lose_no_change(lookupd):
    async with open_node(lookupd.url) as kernel:
        job = load(kernel)
        await agree(kernel, lookupd)
        for _ in range(30_000):  # Without a pause, so that the event log drops those before.
            kernel.events.publish("noise", name="test")
        job.scale("+1")
        for _ in range(30_000):
            kernel.events.publish("noise", name="test")
        await agree(kernel, lookupd)


async def test_heartbeat_renews_the_lease(running_lookupd):
    async with running_lookupd(lease=0.5) as lookupd, lookupd.observer() as observer:
        async with open_node(lookupd.url) as kernel:
            await agree(kernel, lookupd)
            await trio.sleep(1.2)  # More than two leases: time is what is tested.
            assert known(lookupd) == {}
        events = [(await observer.receive())["event"] for _ in range(3)]
        assert events == ["add_node", "identify", "remove_node"]


async def test_lookupd_started_later_gets_all_jobs(running_lookupd):
    with trio.socket.socket() as reserved:
        await reserved.bind(("127.0.0.1", 0))
        bind = "{}:{}".format(*reserved.getsockname())
    async with open_node(f"http://{bind}") as kernel:
        load(kernel)
        await until(lambda: kernel.services["lookup"].lookupds()[0].error is not None)
        for _ in range(2):  # The second time after it was stopped.
            async with running_lookupd(bind=bind) as lookupd:
                await agree(kernel, lookupd)
                assert known(lookupd).keys() == {"web"}


async def test_node_registers_again_after_its_session_is_closed(lookupd):
    async with open_node(lookupd.url) as kernel:
        load(kernel)
        await agree(kernel, lookupd)
        [first] = lookupd.lookupd.registry.store.nodes()
        for node_session in list(lookupd.lookupd.registry._leases._ends):
            node_session.close()
        await until(lambda: known(lookupd) == running_jobs(kernel))
        assert first not in lookupd.lookupd.registry.store.nodes()


async def test_second_node_with_the_same_origin_is_refused_and_logged(lookupd, caplog):
    same_origin = "broadcast_address = web1.example:5000"
    async with open_node(lookupd.url, more=same_origin) as kernel:
        await agree(kernel, lookupd)
        async with open_node(lookupd.url, more=same_origin) as other:
            link = await until(lambda: get_failed(other))
            assert "is registered on another connection" in link.error
        await until(lambda: known(lookupd) is not None)
    assert caplog.text.count("not registered with") == 1


def get_failed(kernel):
    [link] = kernel.services["lookup"].lookupds()
    return link if link.error else None


@pytest.fixture
async def on_socket(running_lookupd):
    """A lookupd on a unix socket, to which a node sends a token without TLS."""
    with tempfile.TemporaryDirectory(prefix="g") as folder:
        async with running_lookupd(bind=f"unix:{folder}/lookupd") as lookupd:
            yield lookupd


async def test_token_is_sent(on_socket):
    async with open_node(on_socket.url, more="token = web1"):
        await until(lambda: known(on_socket) is not None)
        [node] = on_socket.lookupd.registry.store.nodes()
        assert node.owner == "token web1"


async def test_token_bound_to_another_node_is_an_error(on_socket):
    async with open_node(on_socket.url, name="web2", more="token = web1") as kernel:
        link = await until(lambda: get_failed(kernel))
        assert link.error.startswith("token web1 registers node web1 only, not web2: ")
        assert known(on_socket, "web2") is None


async def test_token_without_write_permission_is_an_error(on_socket):
    async with open_node(on_socket.url, more="token = reader") as kernel:
        link = await until(lambda: get_failed(kernel))
        assert "no permission to write" in link.error


@pytest.mark.parametrize(("status", "limit"), [(401, 2), (429, 2), (403, 30)])
async def test_refused_token_is_retried_slowly(monkeypatch, autojump_clock, status, limit):
    tries = []

    @asynccontextmanager
    async def refused(*args):
        tries.append(trio.current_time())
        raise make_response_error(status, "refused", "no")
        yield

    monkeypatch.setattr("gaffer_lookup.node.lookupd_registration.open_websocket", refused)
    settings = Settings(address=Address.parse("http://127.0.0.1:9"))
    link = LookupdRegistration(
        settings, NodeIdentity("web1", "http://web1:5000", "0.1"), 15, lambda job: None, lambda: ()
    )
    with trio.move_on_after(59):
        await link.run()
    assert limit // 2 < len(tries) <= limit


# Faulty lookupds


def replying(answer):
    """Make a lookupd that replies to each message with the result of a function."""

    async def handle(request):
        socket = await request.accept()
        try:
            while True:
                found = answer(json.loads(await socket.get_message()))
                if found is None:
                    await trio.sleep_forever()
                await socket.send_message(found)
        except ConnectionClosed:
            pass  # The node has closed the connection.

    return handle


def ok(message):
    return json.dumps({"ok": True, "msgid": message["msgid"]})


REPLIES = {
    "no JSON": lambda message: "nonsense",
    "no object": lambda message: "[]",
    "another number": lambda message: json.dumps({"ok": True, "msgid": -1}),
    "too deep": lambda message: "[" * 100_000,
    "an error of no kind": lambda message: json.dumps({"msgid": message["msgid"], "errno": "x"}),
    "no": lambda message: json.dumps({"msgid": message["msgid"], "errno": 500, "reason": "no"}),
    "yes, then no": lambda message: (
        ok(message) if message["type"] == "IDENTIFY" else json.dumps({"msgid": message["msgid"]})
    ),
    "yes, then silence": lambda message: ok(message) if message["type"] == "IDENTIFY" else None,
    "silence": lambda message: None,
}


@pytest.mark.parametrize("kind", REPLIES)
async def test_invalid_reply_disturbs_neither_processes_nor_other_lookupds(
    lookupd, nursery, monkeypatch, kind
):
    monkeypatch.setattr("gaffer_lookup.node.lookupd_registration.MIN_ACK_TIMEOUT", 0.3)
    server = await nursery.start(serve_websocket, replying(REPLIES[kind]), "127.0.0.1", 0, None)
    faulty = f"http://127.0.0.1:{server.port}"
    async with open_node(faulty, lookupd.url) as kernel:
        job = load(kernel, numprocesses=2)
        await agree(kernel, lookupd)
        pids = job.pids()
        await until(lambda: kernel.services["lookup"].lookupds()[0].error)
        assert job.pids() == pids
        await agree(kernel, lookupd)
    nursery.cancel_scope.cancel()


UPGRADED = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n"

STREAMS = {
    "nothing": lambda key: b"",
    "no HTTP": lambda key: b"220 smtp ready\r\n",
    "an endless head": lambda key: b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 50_000,
    "another key": lambda key: UPGRADED + b"sec-websocket-accept: x\r\n\r\n",
    "noise": lambda key: opened(key) + b"\x00\xff" * 1000,
    "text that is none": lambda key: opened(key) + b"\x81\x04\xff\xfe\xff\xfe",
    "a frame of all there is": lambda key: opened(key) + b"\x81\x7f\x7f" + b"\xff" * 7 + b"x" * 100,
    "an end without a reason": lambda key: opened(key) + b"\x88\x00",
    "an end of noise": lambda key: opened(key) + b"\x88\x05\x03\xe8\xff\xfe\xff",
    "bytes": lambda key: opened(key) + b"\x82\x02{}",
}


def opened(key):
    accepted = base64.b64encode(
        hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
    )
    return UPGRADED + b"sec-websocket-accept: " + accepted + b"\r\n\r\n"


@pytest.mark.parametrize("kind", STREAMS)
async def test_invalid_websocket_is_one_line_in_the_log(
    lookupd, nursery, monkeypatch, caplog, kind
):
    monkeypatch.setattr("gaffer_lookup.node.lookupd_registration.MIN_ACK_TIMEOUT", 0.3)

    async def send_stream(stream):
        try:
            async with stream:
                head = await stream.receive_some()
                [key] = re.findall(rb"(?i)sec-websocket-key: (\S+)", head)
                await stream.send_all(STREAMS[kind](key))
                if kind == "bytes":
                    await trio.sleep_forever()
        except (trio.BrokenResourceError, ValueError):
            pass  # The node has closed the connection.

    serve = partial(trio.serve_tcp, send_stream, 0, host="127.0.0.1")
    [listener] = await nursery.start(serve)
    faulty = f"http://127.0.0.1:{listener.socket.getsockname()[1]}"
    async with open_node(faulty, lookupd.url) as kernel:
        job = load(kernel)
        await agree(kernel, lookupd)
        pids = job.pids()
        await until(lambda: kernel.services["lookup"].lookupds()[0].error)
        assert job.pids() == pids
        await agree(kernel, lookupd)
    assert f"not registered with {faulty}" in caplog.text
    assert "Traceback" not in caplog.text
    assert max(map(len, caplog.messages)) < 1000
    nursery.cancel_scope.cancel()


async def test_disconnecting_lookupd_is_logged_once(lookupd, nursery, monkeypatch, caplog):
    times = []

    async def disconnect(request):
        times.append(None)
        socket = await request.accept()
        await socket.send_message(ok(json.loads(await socket.get_message())))
        await socket.aclose()

    server = await nursery.start(serve_websocket, disconnect, "127.0.0.1", 0, None)
    async with open_node(f"http://127.0.0.1:{server.port}", more="heartbeat = 5"):
        await until(lambda: len(times) > 3)
    assert caplog.text.count("not registered") == 1
    nursery.cancel_scope.cancel()


async def test_lookupd_that_reads_nothing_delays_neither_others_nor_shutdown(
    lookupd, nursery, monkeypatch
):
    """It accepts the websocket and IDENTIFY, and then reads nothing."""
    monkeypatch.setattr("gaffer_lookup.node.settings.TIMEOUT", 1.0)

    async def read_nothing(request):
        socket = await request.accept()
        await socket.send_message(ok(json.loads(await socket.get_message())))
        await trio.sleep_forever()

    server = await nursery.start(serve_websocket, read_nothing, "127.0.0.1", 0, None)
    async with open_node(f"http://127.0.0.1:{server.port}", lookupd.url) as kernel:
        for number in range(300):
            load(kernel, f"job{number}x", numprocesses=10, cmd="x" * 1000)
        await agree(kernel, lookupd)
        ended = trio.current_time()
    assert trio.current_time() - ended < 5.0
    nursery.cancel_scope.cancel()
