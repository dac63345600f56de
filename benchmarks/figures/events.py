"""Events for many subscribers: one shared log with cursors against a memory channel for each."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import trio
from harness.rounds import take_turns
from harness.table import Bound, Row

from gaffer_kernel.events import Event, EventBus

ROUNDS = 3
SUBSCRIBERS = (1, 10, 100)
BURST = 50
EVENTS = 10_000
FAN_OUT = Bound(limit=30.0, relative=True, at_least=True)
"""For the highest number of subscribers: with few, creating the event dominates the cost."""
CHANNEL_DELIVERIES = 20_000
NAMES = 2
"""Each event is delivered twice, as `spawn` and as `proc.web.spawn`."""
KNOWN: dict[str, Any] = {"name": "web", "session": "default", "job": "web"}
DATA: dict[str, Any] = {"pid": 1, "os_pid": 4711, "detach": False}


def rows() -> Iterator[Row]:
    """Measure deliveries a second for each number of subscribers."""
    for count in SUBSCRIBERS:
        rate = take_turns(
            {
                "bus": partial(trio.run, _bus, count),
                "channels": partial(trio.run, _channels, count),
            },
            ROUNDS,
        )
        yield Row(
            figure=f"events to {count} subscriber{'s' * (count > 1)}, deliveries",
            gaffer=rate["bus"].median,
            unit="/s",
            baseline=rate["channels"].median,
            baseline_name="channel each",
            ratio=rate["bus"].over(rate["channels"]),
            bound=FAN_OUT if count == SUBSCRIBERS[-1] else None,
        )


async def _bus(count: int) -> float:
    bus = EventBus()
    delivered = 0

    async def subscriber(*, task_status: trio.TaskStatus[None]) -> None:
        nonlocal delivered
        async with bus.subscribe(".") as subscription:
            task_status.started()
            while batch := await subscription.batch():
                delivered += len(batch)

    async with trio.open_nursery() as nursery:
        for _ in range(count):
            await nursery.start(subscriber)
        begin = time.perf_counter()
        for number in range(EVENTS):
            bus.publish("spawn", **KNOWN, **DATA)
            if number % BURST == BURST - 1:
                await trio.lowlevel.checkpoint()
        bus.close()
    elapsed = time.perf_counter() - begin
    if delivered != count * EVENTS * NAMES:
        raise RuntimeError(f"{delivered} of {count * EVENTS * NAMES} were delivered")
    return delivered / elapsed


async def _channels(count: int) -> float:
    events = CHANNEL_DELIVERIES // count // NAMES
    delivered = 0

    async def subscriber(channel: trio.MemoryReceiveChannel[Event]) -> None:
        nonlocal delivered
        async for _ in channel:
            delivered += 1

    async with trio.open_nursery() as nursery:
        pairs = [trio.open_memory_channel[Event](math.inf) for _ in range(count)]
        for _, receive in pairs:
            nursery.start_soon(subscriber, receive)
        await trio.lowlevel.checkpoint()
        begin = time.perf_counter()
        for number in range(events):
            for name in ("spawn", "proc.web.spawn"):
                event = Event(seq=number, time=time.time(), event=name, **KNOWN, data=DATA)
                for send, _ in pairs:
                    send.send_nowait(event)
            if number % BURST == BURST - 1:
                await trio.lowlevel.checkpoint()
        for send, _ in pairs:
            send.close()
    assert delivered == events * count * NAMES
    return delivered / (time.perf_counter() - begin)
