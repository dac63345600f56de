"""The quota of all URLs together: the fullest URL loses its oldest messages."""

import msgspec
import pytest
from gaffer_testing.waiting import until

from gaffer_webhooks import targets
from gaffer_webhooks.messages import Enqueued
from gaffer_webhooks.outbox import Outbox

from .conftest import Receiver, publish

TEXT = "x" * 1000


@pytest.fixture(autouse=True)
def small_quota(monkeypatch):
    """Lower the quota to about twenty messages with the text."""
    monkeypatch.setattr(targets, "MAX_TOTAL_BYTES", 28_000)
    monkeypatch.setattr(targets, "DROP_SIZE", 1)


def hooks(kernel):
    """Return the hooks by pattern."""
    return {hook.pattern: hook for hook in kernel.services["webhooks"].list()}


async def test_quota_limits_messages_of_all_urls_together(posting, state, caplog):
    down = {f"noise{n}": Receiver() for n in range(4)}
    lines = "\n".join(f"{name} = {each.url}" for name, each in down.items())
    async with posting(lines) as kernel:
        for name in down:
            publish(kernel, 15, name, text=TEXT)
        await until(
            lambda: sum(each.waiting + each.dropped for each in hooks(kernel).values()) == 60
        )
        left = {name: each.waiting for name, each in hooks(kernel).items()}
        assert 15 <= sum(left.values()) <= 23
        assert max(left.values()) - min(left.values()) <= 1
    assert caplog.text.count("the messages for all URLs take too much") == 4
    assert sum(path.stat().st_size for path in state.glob("*.queue")) < 3 * 28_000 + 60 * 100


async def test_quota_drops_messages_of_fullest_url_only(posting):
    noisy, quiet = Receiver(), Receiver()
    async with posting(f"noise = {noisy.url}\nquiet = {quiet.url}") as kernel:
        publish(kernel, 3, "quiet", text=TEXT)
        publish(kernel, 100, "noise", text=TEXT)
        await until(lambda: hooks(kernel)["noise"].dropped > 75)
        assert (hooks(kernel)["quiet"].waiting, hooks(kernel)["quiet"].dropped) == (3, 0)


async def test_quota_keeps_newest_messages_across_restart(posting):
    receiver = Receiver()
    lines = f"noise = {receiver.url}"
    async with posting(lines) as kernel:
        numbers = publish(kernel, 50, "noise", text=TEXT)
        await until(lambda: hooks(kernel)["noise"].dropped > 25)
        waiting = hooks(kernel)["noise"].waiting
    async with receiver.up(), posting(lines):
        await until(lambda: len(receiver.got) == waiting)
    assert receiver.numbers() == numbers[-waiting:]


async def test_lowered_quota_applies_at_start(posting, monkeypatch):
    receiver = Receiver()
    lines = f"noise = {receiver.url}"
    async with posting(lines) as kernel:
        publish(kernel, 10, "noise", text=TEXT)
        await until(lambda: hooks(kernel)["noise"].waiting == 10)
    monkeypatch.setattr(targets, "MAX_TOTAL_BYTES", 5000)
    async with posting(lines) as kernel:
        assert (hooks(kernel)["noise"].waiting, hooks(kernel)["noise"].dropped) == (3, 7)


def test_quota_drops_dead_letters_before_pending_messages(tmp_path):
    outbox = Outbox("webhook test", tmp_path / "a.queue", 100, lambda outbox: None)
    outbox.open()
    outbox.enqueue(
        [Enqueued(f"msg_{n}", "tick", msgspec.Raw(b'"%s"' % (b"x" * 998))) for n in range(30)]
    )
    outbox.give_up("msg_7", "no reason", 1)
    targets.enforce_quota([outbox])
    outbox.journal.close()
    assert outbox.list_dead() == []
    assert (outbox.get_first().id, len(outbox), outbox.dropped) == ("msg_6", 23, 7)
