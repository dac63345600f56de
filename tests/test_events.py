"""EventBus and its subscriptions."""

from contextlib import AsyncExitStack

import pytest
import trio

from gaffer_kernel.events import Event, EventBus, Subscription


def job_event(bus: EventBus, event: str, job: str = "dummy", **data: object) -> Event:
    return bus.publish(event, name=job, session="default", job=job, **data)


async def names(subscription: Subscription) -> list[str]:
    return [event.event for event in await subscription.batch()]


def test_events_are_numbered_from_one_and_have_the_wall_clock():
    bus = EventBus(wall=lambda: 1234.5)
    published = [job_event(bus, "start"), bus.publish("plugin.opened", name="http")]
    published.append(job_event(bus, "spawn", pid=1))
    assert [event.seq for event in published] == [1, 2, 3]
    assert {event.time for event in published} == {1234.5}


def test_to_dict_has_the_documented_keys():
    bus = EventBus(wall=lambda: 7.0)
    event = bus.publish("exit", name="shop.web", session="shop", job="web", pid=3, exit_code=1)
    assert event.to_dict() == {
        "event": "exit",
        "name": "shop.web",
        "session": "shop",
        "job": "web",
        "pid": 3,
        "exit_code": 1,
        "seq": 1,
        "time": 7.0,
    }
    assert bus.publish("plugin.failed", name="http", reason="x").to_dict() == {
        "event": "plugin.failed",
        "name": "http",
        "reason": "x",
        "seq": 2,
        "time": 7.0,
    }


async def test_an_event_of_a_job_has_two_names_and_one_number_and_no_third():
    bus = EventBus()
    async with bus.subscribe(".") as everything:
        job_event(bus, "spawn", pid=1)
        bus.publish("plugin.opened", name="http")
        seen = [(event.seq, event.event) for event in await everything.batch()]
    assert seen == [(1, "spawn"), (1, "proc.dummy.spawn"), (2, "plugin.opened")]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("spawn", ["spawn", "spawn"]),
        ("spawn.", ["spawn", "spawn"]),
        ("proc.dummy", ["proc.dummy.spawn", "proc.dummy.exit"]),
        ("proc.dummy.", ["proc.dummy.spawn", "proc.dummy.exit"]),
        ("proc.dummy.exit", ["proc.dummy.exit"]),
        (
            "proc",
            ["proc.dummy.spawn", "proc.dummy.exit", "proc.dummy2.spawn", "proc.shop.web.exit"],
        ),
        ("proc.shop", ["proc.shop.web.exit"]),
        ("proc.dum", []),
        ("Spawn", []),
        ("plugin", ["plugin.opened"]),
        ("nothing", []),
    ],
)
async def test_a_pattern_is_a_name_or_the_dotted_beginning_of_one(pattern, expected):
    bus = EventBus()
    async with bus.subscribe(pattern) as subscription:
        job_event(bus, "spawn")
        job_event(bus, "exit")
        job_event(bus, "spawn", "dummy2")
        bus.publish("exit", name="shop.web", session="shop", job="web")
        bus.publish("plugin.opened", name="http")
        bus.close()
        assert [event.event async for event in subscription] == expected


async def test_several_patterns_deliver_a_matching_event_once():
    bus = EventBus()
    async with bus.subscribe("proc", "proc.dummy", "proc.dummy.spawn") as subscription:
        job_event(bus, "spawn")
        assert await names(subscription) == ["proc.dummy.spawn"]


async def test_without_a_pattern_all_events_match():
    bus = EventBus()
    async with bus.subscribe() as subscription:
        job_event(bus, "spawn")
        assert await names(subscription) == ["spawn", "proc.dummy.spawn"]


async def test_a_subscription_begins_with_its_block():
    bus = EventBus()
    bus.publish("before", name="x")
    async with bus.subscribe() as subscription:
        bus.publish("inside", name="x")
        assert await names(subscription) == ["inside"]
    assert bus.subscribers == 0


async def test_every_subscriber_receives_events_in_order():
    bus = EventBus()
    received: list[list[int]] = [[] for _ in range(5)]

    async def follow(subscription: Subscription, into: list[int]) -> None:
        async for event in subscription:
            into.append(event.data["n"])

    async with AsyncExitStack() as stack, trio.open_nursery() as nursery:
        for into in received:
            subscription = await stack.enter_async_context(bus.subscribe("tick"))
            nursery.start_soon(follow, subscription, into)
        for n in range(100):
            bus.publish("tick", name="x", n=n)
            if n % 10 == 0:
                await trio.lowlevel.checkpoint()
        bus.close()
    assert received == [list(range(100))] * 5


async def test_publishing_wakes_a_waiting_subscriber(autojump_clock):
    bus = EventBus()
    async with bus.subscribe("late") as subscription, trio.open_nursery() as nursery:

        async def publish_later() -> None:
            await trio.sleep(1)
            bus.publish("other", name="x")
            await trio.sleep(1)
            bus.publish("late", name="x")

        nursery.start_soon(publish_later)
        assert await names(subscription) == ["late"]
    assert trio.current_time() >= 2


async def test_a_cancelled_wait_loses_nothing(autojump_clock):
    bus = EventBus()
    async with bus.subscribe() as subscription:
        with trio.move_on_after(1):
            await subscription.batch()
        bus.publish("one", name="x")
        with trio.CancelScope() as scope:
            scope.cancel()
            await subscription.batch()
        bus.publish("two", name="x")
        with trio.CancelScope() as scope:
            scope.cancel()
            await anext(subscription)
        assert [(await anext(subscription)).event for _ in range(2)] == ["one", "two"]


async def test_batch_begins_with_the_rest_of_the_iteration():
    bus = EventBus()
    async with bus.subscribe() as subscription:
        for name in ("one", "two", "three"):
            bus.publish(name, name="x")
        assert (await anext(subscription)).event == "one"
        assert await names(subscription) == ["two", "three"]


async def test_a_slow_subscriber_loses_the_oldest_events_and_counts_them():
    bus = EventBus(length=10)
    async with bus.subscribe() as slow, bus.subscribe() as fast:
        seen = []
        for n in range(1000):
            bus.publish("tick", name="x", n=n)
            seen += [event.data["n"] for event in await fast.batch()]
        late = [event.data["n"] for event in await slow.batch()]
    assert seen == list(range(1000))
    assert fast.dropped == 0
    assert 10 <= len(late) <= 20
    assert late == list(range(1000 - len(late), 1000))
    assert slow.dropped == 1000 - len(late)


async def test_the_log_can_be_read_again_from_a_number():
    bus = EventBus()
    for n in range(1, 6):
        bus.publish("tick", name="x", n=n)
    async with bus.subscribe(since=3) as subscription:
        bus.publish("tick", name="x", n=6)
        assert [event.data["n"] for event in await subscription.batch()] == [4, 5, 6]
        assert subscription.dropped == 0


async def test_since_does_not_deliver_the_second_name_of_an_event_already_seen():
    bus = EventBus()
    job_event(bus, "start")
    job_event(bus, "spawn")
    async with bus.subscribe(since=1) as subscription:
        assert await names(subscription) == ["spawn", "proc.dummy.spawn"]


@pytest.mark.parametrize("since", [0, 1, 10**9])
async def test_a_number_of_an_earlier_run_means_from_now_on(since):
    bus = EventBus()
    async with bus.subscribe(since=since) as subscription:
        bus.publish("first", name="x")
        assert await names(subscription) == ["first"]
        assert subscription.dropped == 0


async def test_since_counts_what_the_log_no_longer_holds():
    bus = EventBus(length=10)
    for n in range(1, 101):
        bus.publish("tick", name="x", n=n)
    async with bus.subscribe(since=20) as subscription:
        kept = [event.data["n"] for event in await subscription.batch()]
    assert kept[-1] == 100
    assert subscription.dropped == kept[0] - 21


async def test_dropped_counts_events_and_not_log_entries():
    bus = EventBus(length=11)
    async with bus.subscribe(since=0) as subscription:
        for _ in range(100):
            job_event(bus, "spawn")
        first, *others = await subscription.batch()
        assert (first.event, subscription.dropped) == ("spawn", first.seq - 1)
        assert others[-1].seq == 100


async def test_close_ends_subscriptions_after_the_rest_of_the_log():
    bus = EventBus()
    async with bus.subscribe() as subscription, bus.subscribe("nothing") as idle:
        bus.publish("last", name="x")
        bus.close()
        bus.close()
        assert [event.event async for event in subscription] == ["last"]
        assert await subscription.batch() == []
        assert [event async for event in idle] == []


async def test_subscribers_can_come_and_go_during_delivery():
    bus = EventBus()
    async with bus.subscribe() as steady:
        async with bus.subscribe() as passing:
            bus.publish("one", name="x")
            await passing.batch()
            async with bus.subscribe() as late:
                bus.publish("two", name="x")
                assert await names(late) == ["two"]
        bus.publish("three", name="x")
        assert await names(steady) == ["one", "two", "three"]


def test_on_event_is_called_once_for_each_event_in_order():
    heard = []

    def listen(event: Event) -> None:
        heard.append((event.seq, event.event))
        if event.event == "spawn":
            bus.publish("echo", name="x")
            heard.append((event.seq, "end of spawn"))

    bus = EventBus(on_event=listen)
    job_event(bus, "spawn")
    bus.publish("after", name="x")
    assert heard == [(1, "spawn"), (1, "end of spawn"), (2, "echo"), (3, "after")]


def test_the_memory_of_the_log_is_bounded():
    bus = EventBus(length=100)
    for _ in range(10_000):
        job_event(bus, "spawn")
    assert len(bus._log) <= 200
