"""Retries of the delivery worker, on a virtual clock, with a fake sender."""

from contextlib import asynccontextmanager

import msgspec
import pytest
import trio

from gaffer_webhooks.delivery import DeliveryWorker
from gaffer_webhooks.messages import Enqueued
from gaffer_webhooks.outbox import Outbox
from gaffer_webhooks.retry import MAX_DELAY, MAX_RETRY_AFTER, Outcome, SendResult, decide

DOWN = SendResult(None, "cannot connect")
BUSY = SendResult(503, "answered 503")
TAKEN = SendResult(204)


class FakeSender:
    """Record what is sent and when; return the planned results, the last one forever."""

    def __init__(self, *results):
        self.results = list(results)
        self.sent = []
        self.open = 0

    @asynccontextmanager
    async def connect(self):
        self.open += 1
        try:
            yield self.post
        finally:
            self.open -= 1

    async def post(self, headers, body):
        await trio.lowlevel.checkpoint()
        self.sent.append((trio.current_time(), headers["webhook-id"]))
        return self.results.pop(0) if len(self.results) > 1 else self.results[0]

    def times(self):
        first = self.sent[0][0]
        return [round(time - first, 3) for time, _ in self.sent]

    def ids(self):
        return [name for _, name in self.sent]


@pytest.fixture
def outbox(tmp_path):
    box = Outbox("webhook test", tmp_path / "a.queue", 100, lambda outbox: None)
    box.open()
    yield box
    box.journal.close()


def messages(*names):
    return [Enqueued(name, "tick", msgspec.Raw(b"{}")) for name in names]


@asynccontextmanager
async def working(outbox, sender, limit=20, gone=None):
    worker = DeliveryWorker(
        "webhook test",
        outbox,
        sender.connect,
        get_secrets=lambda event: [],
        get_limit=lambda: limit,
        on_gone=gone or (lambda: None),
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(worker.run)
        yield worker
        nursery.cancel_scope.cancel()


@pytest.fixture
def no_jitter(monkeypatch):
    """Make every delay as long as possible."""
    monkeypatch.setattr("gaffer_webhooks.delivery.random.random", lambda: 1.0)


async def test_delay_doubles_up_to_maximum(autojump_clock, outbox, no_jitter):
    sender = FakeSender(*[DOWN] * 11, TAKEN)
    outbox.enqueue(messages("a"))
    async with working(outbox, sender):
        await trio.sleep(3000)
    delays = [
        after - before for before, after in zip(sender.times(), sender.times()[1:], strict=False)
    ]
    assert delays == [1, 2, 4, 8, 16, 32, 64, 128, 256, MAX_DELAY, MAX_DELAY]
    assert not len(outbox)


async def test_next_message_waits_for_delivery_of_previous_one(autojump_clock, outbox, no_jitter):
    sender = FakeSender(DOWN, BUSY, TAKEN, DOWN, TAKEN)
    outbox.enqueue(messages("a", "b"))
    async with working(outbox, sender):
        await trio.sleep(1.5)
        outbox.enqueue(messages("c"))
        await trio.sleep(1000)
    assert sender.ids() == ["a", "a", "a", "b", "b", "c"]
    # The delay of each message starts again at one second.
    assert sender.times() == [0, 1, 3, 3, 4, 4]


async def test_message_is_dead_after_last_try_and_next_is_sent(
    autojump_clock, outbox, no_jitter, caplog
):
    sender = FakeSender(DOWN, BUSY, BUSY, TAKEN)
    outbox.enqueue(messages("a", "b"))
    async with working(outbox, sender, limit=3):
        await trio.sleep(1000)
        assert sender.ids() == ["a", "a", "a", "b"]
        [dead] = outbox.list_dead()
        assert (dead.id, dead.reason, dead.tries) == ("a", "answered 503", 3)
        assert "gave up a message (tick) after 3 tries: answered 503" in caplog.text
        assert outbox.requeue(None) == 1
        await trio.sleep(1)
    assert sender.ids() == ["a", "a", "a", "b", "a"]
    assert outbox.list_dead() == []


async def test_retry_after_is_honoured_up_to_maximum(autojump_clock, outbox, no_jitter):
    sender = FakeSender(
        SendResult(429, "", 90.0), SendResult(503, "", 1e9), SendResult(503, "", 0.5), TAKEN
    )
    outbox.enqueue(messages("a"))
    async with working(outbox, sender):
        await trio.sleep(10_000)
    times = sender.times()
    assert times == [0, 90, 90 + MAX_RETRY_AFTER, 90 + MAX_RETRY_AFTER + 4]


async def test_jitter_scales_delay_from_zero_to_maximum():
    assert decide(DOWN, 4, 20, 0.0) == 0
    assert decide(DOWN, 4, 20, 0.5) == 4
    assert decide(DOWN, 999, 1000, 1.0) == MAX_DELAY


@pytest.mark.parametrize("status", [200, 201, 204, 299])
async def test_2xx_is_delivered(status):
    assert decide(SendResult(status), 1, 1, 0.0) is Outcome.DELIVERED


@pytest.mark.parametrize("status", [None, 100, 199, 300, 301, 400, 401, 404, 429, 500, 599])
async def test_other_statuses_are_retried_except_410(status):
    assert decide(SendResult(status), 1, 2, 0.5) == 0.5
    assert decide(SendResult(status), 2, 2, 0.5) is Outcome.DEAD
    assert decide(SendResult(410), 1, 2, 0.5) is Outcome.GONE


async def test_idle_worker_sleeps_without_connection(autojump_clock, outbox):
    sender = FakeSender(TAKEN)
    async with working(outbox, sender) as worker:
        outbox.enqueue(messages("a"))
        await worker.wait_idle()
        await trio.testing.wait_all_tasks_blocked()
        assert sender.open == 0
        before = trio.lowlevel.current_statistics().seconds_to_next_deadline
    assert before == float("inf")


async def test_worker_holds_no_connection_during_retry_delay(autojump_clock, outbox, no_jitter):
    sender = FakeSender(DOWN)
    outbox.enqueue(messages("a"))
    async with working(outbox, sender) as worker:
        await worker.wait_idle()
        assert (sender.open, len(outbox)) == (0, 1)
        assert worker.failing == "cannot connect"


async def test_log_has_one_line_for_failure_and_one_for_recovery(autojump_clock, outbox, caplog):
    caplog.set_level("INFO")
    sender = FakeSender(DOWN, BUSY, DOWN, TAKEN)
    outbox.enqueue(messages("a", "b"))
    async with working(outbox, sender):
        await trio.sleep(1000)
    assert [record.getMessage() for record in caplog.records] == [
        "webhook test: will try again: cannot connect",
        "webhook test: works again",
    ]


async def test_repeated_dead_letters_are_logged_once(autojump_clock, outbox, caplog):
    sender = FakeSender(*[BUSY] * 5, TAKEN)
    outbox.enqueue(messages("a", "b", "c", "d", "e", "f"))
    async with working(outbox, sender, limit=1) as worker:
        await worker.wait_idle()
    assert len(outbox.list_dead()) == 5
    [record] = [each for each in caplog.records if each.levelname == "WARNING"]
    assert "gave up a message (tick) after 1 tries: answered 503" in record.getMessage()
    assert worker.failing is None


async def test_exception_of_sender_is_failed_try(autojump_clock, outbox, caplog):
    class BrokenSender(FakeSender):
        async def post(self, headers, body):
            await super().post(headers, body)
            if len(self.sent) < 3:
                raise RuntimeError("strange")
            return TAKEN

    sender = BrokenSender(TAKEN)
    outbox.enqueue(messages("a"))
    async with working(outbox, sender):
        await trio.sleep(1000)
    assert len(sender.sent) == 3
    assert "strange" in caplog.text
