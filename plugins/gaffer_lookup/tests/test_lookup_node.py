"""A gafferd that registers: what lookupd knows of it follows what runs, come what may."""

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
from tests.waiting import until
from trio_websocket import ConnectionClosed, serve_websocket

from gaffer_lookup.node.lookupd_registration import Link, Me
from gaffer_lookup.plugin import plugin as lookup_plugin


@asynccontextmanager
async def open_node(*addresses, name="web1", more="", system=None):
    """A kernel that registers with lookupds."""
    text = f"[lookup]\naddress = {' '.join(addresses)}\nname = {name}\n{more}\n"
    if "heartbeat" not in more:
        text += "heartbeat = 0.1\n"
    config = Config.from_string(text)
    config.options["bind"] = "127.0.0.1:0"
    plugins = [http_plugin, lookup_plugin]
    async with open_kernel(config, plugins=plugins, system=system or FakeSystem()) as kernel:
        yield kernel


def known(lookupd, name="web1"):
    """The jobs of the nodes of a name, and their pids; None if there is no such node."""
    store = lookupd.lookupd.registry.store
    found = [node for node in store.nodes() if node.name == name]
    if not found:
        return None
    return {str(job): set(pids) for node in found for job, pids in store.jobs_of(node).items()}


def true(kernel):
    return {str(job.name): set(job.pids()) for job in kernel.manager.jobs()}


async def agree(kernel, *lookupds):
    for lookupd in lookupds:
        await until(lambda lookupd=lookupd: known(lookupd) == true(kernel))


def load(kernel, name="web", **fields):
    return kernel.manager.load(JobConfig(name=name, **{"cmd": "serve", **fields}))


async def test_what_happens_is_told_once_in_order(lookupd):
    async with lookupd.observer() as observer:
        async with open_node(lookupd.url) as kernel:
            told = [await observer.hear() for _ in range(2)]
            job = load(kernel)
            told += [await observer.hear() for _ in range(2)]
            job.stop()
            told.append(await observer.hear())
            kernel.manager.unload("web")
            told.append(await observer.hear())
        told.append(await observer.hear())
        assert [each["event"] for each in told] == [
            *("add_node", "identify", "add_job", "add_process"),
            *("remove_process", "remove_job", "remove_node"),
        ]


async def test_a_node_says_where_it_is(lookupd):
    async with open_node(lookupd.url) as kernel:
        await until(lambda: known(lookupd) is not None)
        [node] = (await lookupd.get("/nodes"))["nodes"]
        [address] = kernel.services["http"].addresses
        assert node["name"] == "web1"
        assert node["origin"] == kernel.services["lookup"].origin == address


async def test_what_ran_before_the_connection_is_told(lookupd):
    async with open_node(lookupd.url) as kernel:
        load(kernel, numprocesses=3)
        await agree(kernel, lookupd)
        assert len(known(lookupd)["web"]) == 3


async def test_it_is_told_to_every_lookupd(running_lookupd):
    async with (
        running_lookupd() as one,
        running_lookupd() as other,
        open_node(one.url, other.url) as kernel,
    ):
        load(kernel)
        await agree(kernel, one, other)
        assert [each.registered for each in kernel.services["lookup"].lookupds()] == [True] * 2


async def test_restarts_and_scaling_are_told(lookupd):
    system = FakeSystem()
    async with open_node(lookupd.url, system=system) as kernel:
        job = load(kernel)
        await agree(kernel, lookupd)
        before = known(lookupd)
        next(iter(system.processes.values())).exit(1)
        await until(lambda: known(lookupd) == true(kernel) != before)
        job.scale("+4")
        await until(lambda: len(known(lookupd)["web"]) == 5)
        job.scale("=0")
        await until(lambda: known(lookupd) == {"web": set()})


async def test_more_events_than_anybody_keeps_lose_nothing(lookupd):
    async with open_node(lookupd.url) as kernel:
        job = load(kernel)
        await agree(kernel, lookupd)
        for _ in range(30_000):  # Without a pause: the log forgets those before them.
            kernel.events.publish("noise", name="test")
        job.scale("+1")
        for _ in range(30_000):
            kernel.events.publish("noise", name="test")
        await agree(kernel, lookupd)


async def test_a_silent_node_stays_as_long_as_it_gives_signs_of_life(running_lookupd):
    async with running_lookupd(lease=0.5) as lookupd, lookupd.observer() as observer:
        async with open_node(lookupd.url) as kernel:
            await agree(kernel, lookupd)
            await trio.sleep(1.2)  # More than two leases: time is what is tested.
            assert known(lookupd) == {}
        told = [(await observer.hear())["event"] for _ in range(3)]
        assert told == ["add_node", "identify", "remove_node"]


async def test_a_lookupd_that_comes_later_is_told_everything(running_lookupd):
    with trio.socket.socket() as reserved:
        await reserved.bind(("127.0.0.1", 0))
        bind = "{}:{}".format(*reserved.getsockname())
    async with open_node(f"http://{bind}") as kernel:
        load(kernel)
        await until(lambda: kernel.services["lookup"].lookupds()[0].error is not None)
        for _ in range(2):  # And once more after it was gone.
            async with running_lookupd(bind=bind) as lookupd:
                await agree(kernel, lookupd)
                assert known(lookupd).keys() == {"web"}


async def test_a_node_that_has_lost_its_place_registers_again(lookupd):
    async with open_node(lookupd.url) as kernel:
        load(kernel)
        await agree(kernel, lookupd)
        [first] = lookupd.lookupd.registry.store.nodes()
        for registrant in list(lookupd.lookupd.registry._leases._ends):
            registrant.leave()
        await until(lambda: known(lookupd) == true(kernel))
        assert first not in lookupd.lookupd.registry.store.nodes()


async def test_a_second_node_of_the_same_place_is_refused_and_says_so(lookupd, caplog):
    place = "broadcast_address = web1.example:5000"
    async with open_node(lookupd.url, more=place) as kernel:
        await agree(kernel, lookupd)
        async with open_node(lookupd.url, more=place) as other:
            link = await until(lambda: refused_link(other))
            assert "is registered on another connection" in link.error
        await until(lambda: known(lookupd) is not None)
    assert caplog.text.count("not registered with") == 1


def refused_link(kernel):
    [link] = kernel.services["lookup"].lookupds()
    return link if link.error else None


@pytest.fixture
async def on_socket(running_lookupd):
    """A lookupd on a unix socket, to which a node sends a token without TLS."""
    with tempfile.TemporaryDirectory(prefix="g") as folder:
        async with running_lookupd(bind=f"unix:{folder}/lookupd") as lookupd:
            yield lookupd


async def test_a_token_is_sent(on_socket):
    async with open_node(on_socket.url, more="token = web1"):
        await until(lambda: known(on_socket) is not None)
        [node] = on_socket.lookupd.registry.store.nodes()
        assert node.owner == "token web1"


async def test_a_token_for_another_node_is_an_error(on_socket):
    async with open_node(on_socket.url, name="web2", more="token = web1") as kernel:
        link = await until(lambda: refused_link(kernel))
        assert link.error.startswith("token web1 registers node web1 only, not web2: ")
        assert known(on_socket, "web2") is None


async def test_a_token_without_the_right_is_an_error(on_socket):
    async with open_node(on_socket.url, more="token = reader") as kernel:
        link = await until(lambda: refused_link(kernel))
        assert "no right to write" in link.error


@pytest.mark.parametrize(("status", "most"), [(401, 2), (429, 2), (403, 30)])
async def test_a_wrong_token_was_shown_until_nobody_on_the_machine_was_listened_to(
    monkeypatch, autojump_clock, status, most
):
    tries = []

    @asynccontextmanager
    async def refused(*args):
        tries.append(trio.current_time())
        raise make_response_error(status, "refused", "no")
        yield

    monkeypatch.setattr("gaffer_lookup.node.lookupd_registration.open_websocket", refused)
    settings = Settings(address=Address.parse("http://127.0.0.1:9"))
    link = Link(settings, Me("web1", "http://web1:5000", "0.1"), 15, lambda job: None, lambda: ())
    with trio.move_on_after(59):
        await link.run()
    assert most // 2 < len(tries) <= most


# Lookupds that mean no good


def answering(answer):
    """A lookupd that answers each message as a function says."""

    async def handle(request):
        socket = await request.accept()
        try:
            while True:
                found = answer(json.loads(await socket.get_message()))
                if found is None:
                    await trio.sleep_forever()
                await socket.send_message(found)
        except ConnectionClosed:
            pass  # It has been found out.

    return handle


def ok(said):
    return json.dumps({"ok": True, "msgid": said["msgid"]})


LIES = {
    "no JSON": lambda said: "nonsense",
    "no object": lambda said: "[]",
    "another number": lambda said: json.dumps({"ok": True, "msgid": -1}),
    "too deep": lambda said: "[" * 100_000,
    "an error of no kind": lambda said: json.dumps({"msgid": said["msgid"], "errno": "x"}),
    "no": lambda said: json.dumps({"msgid": said["msgid"], "errno": 500, "reason": "no"}),
    "yes, then no": lambda said: (
        ok(said) if said["type"] == "IDENTIFY" else json.dumps({"msgid": said["msgid"]})
    ),
    "yes, then silence": lambda said: ok(said) if said["type"] == "IDENTIFY" else None,
    "silence": lambda said: None,
}


@pytest.mark.parametrize("lie", LIES)
async def test_a_lookupd_that_lies_disturbs_neither_processes_nor_others(
    lookupd, nursery, monkeypatch, lie
):
    monkeypatch.setattr("gaffer_lookup.node.lookupd_registration.MIN_PATIENCE", 0.3)
    server = await nursery.start(serve_websocket, answering(LIES[lie]), "127.0.0.1", 0, None)
    liar = f"http://127.0.0.1:{server.port}"
    async with open_node(liar, lookupd.url) as kernel:
        job = load(kernel, numprocesses=2)
        await agree(kernel, lookupd)
        pids = job.pids()
        await until(lambda: kernel.services["lookup"].lookupds()[0].error)
        assert job.pids() == pids
        await agree(kernel, lookupd)
    nursery.cancel_scope.cancel()


UPGRADED = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n"

NOISE = {
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


@pytest.mark.parametrize("noise", NOISE)
async def test_one_that_speaks_nonsense_is_a_line_in_the_log(
    lookupd, nursery, monkeypatch, caplog, noise
):
    monkeypatch.setattr("gaffer_lookup.node.lookupd_registration.MIN_PATIENCE", 0.3)

    async def speak(stream):
        try:
            async with stream:
                head = await stream.receive_some()
                [key] = re.findall(rb"(?i)sec-websocket-key: (\S+)", head)
                await stream.send_all(NOISE[noise](key))
                if noise == "bytes":
                    await trio.sleep_forever()
        except (trio.BrokenResourceError, ValueError):
            pass  # It has heard enough.

    serve = partial(trio.serve_tcp, speak, 0, host="127.0.0.1")
    [listener] = await nursery.start(serve)
    liar = f"http://127.0.0.1:{listener.socket.getsockname()[1]}"
    async with open_node(liar, lookupd.url) as kernel:
        job = load(kernel)
        await agree(kernel, lookupd)
        pids = job.pids()
        await until(lambda: kernel.services["lookup"].lookupds()[0].error)
        assert job.pids() == pids
        await agree(kernel, lookupd)
    assert f"not registered with {liar}" in caplog.text
    assert "Traceback" not in caplog.text
    assert max(map(len, caplog.messages)) < 1000
    nursery.cancel_scope.cancel()


async def test_one_that_says_yes_and_goes_is_logged_once(lookupd, nursery, monkeypatch, caplog):
    times = []

    async def fickle(request):
        times.append(None)
        socket = await request.accept()
        await socket.send_message(ok(json.loads(await socket.get_message())))
        await socket.aclose()

    server = await nursery.start(serve_websocket, fickle, "127.0.0.1", 0, None)
    async with open_node(f"http://127.0.0.1:{server.port}", more="heartbeat = 5"):
        await until(lambda: len(times) > 3)
    assert caplog.text.count("not registered") == 1
    nursery.cancel_scope.cancel()


async def test_one_that_takes_nothing_holds_up_neither_others_nor_the_end(
    lookupd, nursery, monkeypatch
):
    """It accepts, says yes to a websocket and to IDENTIFY, and reads no more."""
    monkeypatch.setattr("gaffer_lookup.node.settings.TIMEOUT", 1.0)

    async def deaf(request):
        socket = await request.accept()
        await socket.send_message(ok(json.loads(await socket.get_message())))
        await trio.sleep_forever()

    server = await nursery.start(serve_websocket, deaf, "127.0.0.1", 0, None)
    async with open_node(f"http://127.0.0.1:{server.port}", lookupd.url) as kernel:
        for number in range(300):
            load(kernel, f"job{number}x", numprocesses=10, cmd="x" * 1000)
        await agree(kernel, lookupd)
        ended = trio.current_time()
    assert trio.current_time() - ended < 5.0
    nursery.cancel_scope.cancel()
