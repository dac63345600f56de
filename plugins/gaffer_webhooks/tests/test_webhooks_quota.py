"""The bound of all URLs together: whoever has most loses its oldest."""

import msgspec
import pytest
from tests.waiting import until

from gaffer_webhooks import room
from gaffer_webhooks.messages import Added
from gaffer_webhooks.outbox import Outbox

from .conftest import Receiver, happen

TEXT = "x" * 1000


@pytest.fixture(autouse=True)
def narrow(monkeypatch):
    """There is room for some twenty messages with the text."""
    monkeypatch.setattr(room, "MAX_BYTES", 28_000)
    monkeypatch.setattr(room, "STEP", 1)


def hooks(kernel):
    """The hooks by their patterns."""
    return {hook.pattern: hook for hook in kernel.services["webhooks"].list()}


async def test_urls_that_are_down_do_not_fill_the_disk_together(posting, state, caplog):
    down = {f"noise{n}": Receiver() for n in range(4)}
    lines = "\n".join(f"{name} = {each.url}" for name, each in down.items())
    async with posting(lines) as kernel:
        for name in down:
            happen(kernel, 15, name, text=TEXT)
        await until(
            lambda: sum(each.waiting + each.dropped for each in hooks(kernel).values()) == 60
        )
        left = {name: each.waiting for name, each in hooks(kernel).items()}
        assert 15 <= sum(left.values()) <= 23
        assert max(left.values()) - min(left.values()) <= 1
    assert caplog.text.count("the messages for all URLs take too much") == 4
    assert sum(path.stat().st_size for path in state.glob("*.queue")) < 3 * 28_000 + 60 * 100


async def test_a_url_that_is_down_costs_the_others_nothing(posting):
    noisy, calm = Receiver(), Receiver()
    async with posting(f"noise = {noisy.url}\ncalm = {calm.url}") as kernel:
        happen(kernel, 3, "calm", text=TEXT)
        happen(kernel, 100, "noise", text=TEXT)
        await until(lambda: hooks(kernel)["noise"].dropped > 75)
        assert (hooks(kernel)["calm"].waiting, hooks(kernel)["calm"].dropped) == (3, 0)


async def test_the_newest_stay_and_a_restart_has_them(posting):
    receiver = Receiver()
    lines = f"noise = {receiver.url}"
    async with posting(lines) as kernel:
        numbers = happen(kernel, 50, "noise", text=TEXT)
        await until(lambda: hooks(kernel)["noise"].dropped > 25)
        waiting = hooks(kernel)["noise"].waiting
    async with receiver.up(), posting(lines):
        await until(lambda: len(receiver.got) == waiting)
    assert receiver.numbers() == numbers[-waiting:]


async def test_more_than_there_is_room_for_by_now_is_dropped_at_the_start(posting, monkeypatch):
    receiver = Receiver()
    lines = f"noise = {receiver.url}"
    async with posting(lines) as kernel:
        happen(kernel, 10, "noise", text=TEXT)
        await until(lambda: hooks(kernel)["noise"].waiting == 10)
    monkeypatch.setattr(room, "MAX_BYTES", 5000)
    async with posting(lines) as kernel:
        assert (hooks(kernel)["noise"].waiting, hooks(kernel)["noise"].dropped) == (3, 7)


def test_the_dead_are_dropped_before_those_that_wait(tmp_path):
    outbox = Outbox("webhook test", tmp_path / "a.queue", 100, lambda outbox: None)
    outbox.open()
    outbox.add([Added(f"msg_{n}", "tick", msgspec.Raw(b'"%s"' % (b"x" * 998))) for n in range(30)])
    outbox.give_up("msg_7", "no reason", 1)
    room.make_room([outbox])
    outbox.journal.close()
    assert outbox.dead() == []
    assert (outbox.first().id, len(outbox), outbox.dropped) == ("msg_6", 23, 7)
