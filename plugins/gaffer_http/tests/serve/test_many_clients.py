"""Many concurrent clients that disconnect without a close frame."""

import struct

import pytest
import trio
import trio.testing
from gaffer_kernel import JobConfig, hookimpl
from gaffer_testing.waiting import until
from quart import Blueprint

PATHS = ["/watch", "/streams/1/stdout"]
CLIENTS = 200


class Peek:
    """A plugin that keeps a reference to the application."""

    name = "peek"
    app = None

    @hookimpl(optionalhook=True)
    def gaffer_http_routes(self, kernel):
        routes = Blueprint("peek", __name__)
        routes.record(lambda state: setattr(self, "app", state.app))
        return routes


@pytest.fixture
async def crowded(running_api):
    """An API with the job `cat`, and a function that counts feeds, subscribers and readers."""
    peek = Peek()
    async with running_api(peek) as api:
        config = JobConfig(name="cat", cmd="cat", redirect_output=("stdout",), redirect_input=True)
        job = api.kernel.manager.load(config)
        await job.settled()
        log = job.processes[0].outputs.logs["stdout"]
        others = api.kernel.events.subscribers

        def count():
            return peek.app.feeds.open, api.kernel.events.subscribers - others, log.readers

        yield api, count


async def follow(api, path):
    stream = await api.connect()
    request = f"GET {path}?feed=eventsource HTTP/1.1\r\nHost: localhost\r\n\r\n"
    await stream.send_all(request.encode())
    return stream


async def read_until(stream, text):
    got = b""
    while text not in got:
        more = await stream.receive_some()
        assert more, got
        got += more


async def drop(stream, *, reset):
    if reset:
        stream.setsockopt(1, 13, struct.pack("ii", 1, 0))  # SO_LINGER: close resets
    await trio.aclose_forcefully(stream)


async def test_remaining_clients_receive_events_after_half_disconnect(crowded):
    api, count = crowded
    assert count() == (0, 0, 0)
    streams = [await follow(api, PATHS[number % 2]) for number in range(CLIENTS)]
    await until(lambda: count() == (CLIENTS, CLIENTS // 2, CLIENTS // 2))
    going, staying = streams[: CLIENTS // 2], streams[CLIENTS // 2 :]
    for number, stream in enumerate(going):
        await drop(stream, reset=number % 4 < 2)
    await until(lambda: count() == (CLIENTS // 2, CLIENTS // 4, CLIENTS // 4))
    api.kernel.events.publish("tick", name="here")
    await api.kernel.manager.process(1).write("here\n")
    for stream in staying:
        await read_until(stream, b"here")
    for number, stream in enumerate(staying):
        await drop(stream, reset=number % 4 < 2)
    await until(lambda: count() == (0, 0, 0))


async def test_many_clients_that_connect_and_disconnect_leave_nothing(crowded):
    api, count = crowded

    async def come_and_go(number):
        await drop(await follow(api, PATHS[number % 2]), reset=number % 4 < 2)

    async with trio.open_nursery() as nursery:
        for number in range(CLIENTS):
            nursery.start_soon(come_and_go, number)
    # This request is processed after all the others.
    assert (await api.ask("GET", "/ping")).body == b"OK"
    await trio.testing.wait_all_tasks_blocked(0.05)
    await until(lambda: count() == (0, 0, 0))
