"""Events to a hundred event-source clients of the API."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector

from harness.api import Api, free_port
from harness.follow import READ_TIMEOUT, following
from harness.processes import cpu_seconds
from harness.supervisors import gafferd, running, scratch
from harness.table import Bound, Row

CLIENTS = 100
RATE = 2000
SECONDS = 5
EVENTS = RATE * SECONDS
KEPT_UP = 0.95
"""Required part of the rate: the first and the last burst are slower."""
PLUGIN = f'''
"""Publishes {RATE} events a second as soon as a job is started."""
from contextlib import asynccontextmanager
import trio
from gaffer_kernel import hookimpl

gaffer_events = ("tick",)


async def tick(kernel):
    async with kernel.events.subscribe("start") as starts:
        await anext(aiter(starts))
    begin, published = trio.current_time(), 0
    while published < {EVENTS}:
        await trio.sleep(0.01)
        for _ in range(min({EVENTS}, int((trio.current_time() - begin) * {RATE})) - published):
            published += 1
            kernel.events.publish("tick", name="bench", number=published)


@hookimpl
def gaffer_service(kernel):
    @asynccontextmanager
    async def service():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(tick, kernel)
            yield
            nursery.cancel_scope.cancel()

    return service()
'''


def rows() -> Iterator[Row]:
    """Measure deliveries a second, and their cost."""
    with scratch() as folder:
        delivered, took, cost = _run(folder)
    yield Row(
        figure=f"{RATE} events/s to {CLIENTS} eventsource clients",
        gaffer=delivered / took,
        unit="/s",
        bound=Bound(limit=KEPT_UP * RATE * CLIENTS, at_least=True),
    )
    yield Row(figure="the same: gafferd, of a core", gaffer=cost * 100, unit="%")


def _run(folder: Path) -> tuple[int, float, float]:
    """Return the delivered events, the seconds, and the processor time of gafferd per second."""
    (folder / "plugins" / "ticker").mkdir(parents=True)
    (folder / "plugins" / "ticker" / "__init__.py").write_text(PLUGIN)
    port = free_port()
    options = ("--bind", f"127.0.0.1:{port}", "-p", str(folder / "plugins"))
    command = gafferd(folder, [], plugins=("signals", "http"), options=options)
    with running(command, folder) as daemon, Api(port, daemon) as api, ExitStack() as stack:
        with DefaultSelector() as selector:
            for _ in range(CLIENTS):
                feed = stack.enter_context(following(port, "/watch/tick?feed=eventsource"))
                feed.setblocking(False)
                selector.register(feed, EVENT_READ)
            before, _ = cpu_seconds(daemon.pid)
            api.post("/jobs/default", {"name": "go", "cmd": "true", "numprocesses": 0})
            begin = time.perf_counter()
            delivered = _count(selector)
            took = time.perf_counter() - begin
        after, _ = cpu_seconds(daemon.pid)
    return delivered, took, (after - before) / took


def _count(selector: DefaultSelector) -> int:
    """Read until each client has all events; return their number.

    Raises:
        TimeoutError: events are missing.
    """
    delivered = 0
    while delivered < EVENTS * CLIENTS:
        ready = selector.select(READ_TIMEOUT)
        if not ready:
            raise TimeoutError(f"{delivered} of {EVENTS * CLIENTS} events were delivered")
        for key, _ in ready:
            # Each message ends with these bytes, and they occur nowhere else in it.
            delivered += key.fileobj.recv(2**18).count(b"}\r\n")  # type: ignore[union-attr]
    return delivered
