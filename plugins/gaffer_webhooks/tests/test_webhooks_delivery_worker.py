"""When messages are sent again, on a virtual clock, with a receiver that only pretends."""

from contextlib import asynccontextmanager

import msgspec
import pytest
import trio

from gaffer_webhooks.delivery import Courier
from gaffer_webhooks.messages import Added
from gaffer_webhooks.outbox import Outbox
from gaffer_webhooks.retry import MAX_DELAY, MAX_RETRY_AFTER, Answer, Verdict, judge

DOWN = Answer(None, "cannot connect")
BUSY = Answer(503, "answered 503")
TAKEN = Answer(204)


class Line:
    """What is sent, and when; answers as planned, at last always the same."""

    def __init__(self, *answers):
        self.answers = list(answers)
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
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

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


def letters(*names):
    return [Added(name, "tick", msgspec.Raw(b"{}")) for name in names]


@asynccontextmanager
async def working(outbox, line, limit=20, gone=None):
    courier = Courier(
        "webhook test",
        outbox,
        line.connect,
        secrets=lambda event: [],
        limit=lambda: limit,
        gone=gone or (lambda: None),
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(courier.run)
        yield courier
        nursery.cancel_scope.cancel()


@pytest.fixture
def no_chance(monkeypatch):
    """Every delay is as long as it may be."""
    monkeypatch.setattr("gaffer_webhooks.delivery.random.random", lambda: 1.0)


async def test_the_delay_doubles_up_to_a_limit(autojump_clock, outbox, no_chance):
    line = Line(*[DOWN] * 11, TAKEN)
    outbox.add(letters("a"))
    async with working(outbox, line):
        await trio.sleep(3000)
    delays = [after - before for before, after in zip(line.times(), line.times()[1:], strict=False)]
    assert delays == [1, 2, 4, 8, 16, 32, 64, 128, 256, MAX_DELAY, MAX_DELAY]
    assert not len(outbox)


async def test_the_next_is_not_sent_before_the_one_before_is_delivered(
    autojump_clock, outbox, no_chance
):
    line = Line(DOWN, BUSY, TAKEN, DOWN, TAKEN)
    outbox.add(letters("a", "b"))
    async with working(outbox, line):
        await trio.sleep(1.5)
        outbox.add(letters("c"))
        await trio.sleep(1000)
    assert line.ids() == ["a", "a", "a", "b", "b", "c"]
    # Each begins anew.
    assert line.times() == [0, 1, 3, 3, 4, 4]


async def test_after_the_last_try_a_message_is_dead_and_the_next_is_sent(
    autojump_clock, outbox, no_chance, caplog
):
    line = Line(DOWN, BUSY, BUSY, TAKEN)
    outbox.add(letters("a", "b"))
    async with working(outbox, line, limit=3):
        await trio.sleep(1000)
        assert line.ids() == ["a", "a", "a", "b"]
        [dead] = outbox.dead()
        assert (dead.id, dead.reason, dead.tries) == ("a", "answered 503", 3)
        assert "gave up a message (tick) after 3 tries: answered 503" in caplog.text
        assert outbox.revive(None) == 1
        await trio.sleep(1)
    assert line.ids() == ["a", "a", "a", "b", "a"]
    assert outbox.dead() == []


async def test_the_receiver_may_ask_for_patience_within_limits(autojump_clock, outbox, no_chance):
    line = Line(Answer(429, "", 90.0), Answer(503, "", 1e9), Answer(503, "", 0.5), TAKEN)
    outbox.add(letters("a"))
    async with working(outbox, line):
        await trio.sleep(10_000)
    times = line.times()
    assert times == [0, 90, 90 + MAX_RETRY_AFTER, 90 + MAX_RETRY_AFTER + 4]


async def test_chance_spreads_the_delay_over_the_whole_time():
    assert judge(DOWN, 4, 20, 0.0) == 0
    assert judge(DOWN, 4, 20, 0.5) == 4
    assert judge(DOWN, 999, 1000, 1.0) == MAX_DELAY


@pytest.mark.parametrize("status", [200, 201, 204, 299])
async def test_every_2xx_is_a_delivery(status):
    assert judge(Answer(status), 1, 1, 0.0) is Verdict.DELIVERED


@pytest.mark.parametrize("status", [None, 100, 199, 300, 301, 400, 401, 404, 429, 500, 599])
async def test_all_else_is_tried_again_but_gone(status):
    assert judge(Answer(status), 1, 2, 0.5) == 0.5
    assert judge(Answer(status), 2, 2, 0.5) is Verdict.DEAD
    assert judge(Answer(410), 1, 2, 0.5) is Verdict.GONE


async def test_with_nothing_to_send_it_sleeps_and_holds_no_connection(autojump_clock, outbox):
    line = Line(TAKEN)
    async with working(outbox, line) as courier:
        outbox.add(letters("a"))
        await courier.rested()
        await trio.testing.wait_all_tasks_blocked()
        assert line.open == 0
        before = trio.lowlevel.current_statistics().seconds_to_next_deadline
    assert before == float("inf")


async def test_while_it_waits_for_the_next_try_it_holds_no_connection(
    autojump_clock, outbox, no_chance
):
    line = Line(DOWN)
    outbox.add(letters("a"))
    async with working(outbox, line) as courier:
        await courier.rested()
        assert (line.open, len(outbox)) == (0, 1)
        assert courier.failing == "cannot connect"


async def test_the_log_tells_when_it_begins_to_fail_and_when_that_is_over(
    autojump_clock, outbox, caplog
):
    caplog.set_level("INFO")
    line = Line(DOWN, BUSY, DOWN, TAKEN)
    outbox.add(letters("a", "b"))
    async with working(outbox, line):
        await trio.sleep(1000)
    assert [record.getMessage() for record in caplog.records] == [
        "webhook test: will try again: cannot connect",
        "webhook test: works again",
    ]


async def test_a_receiver_that_takes_nothing_is_told_once(autojump_clock, outbox, caplog):
    line = Line(*[BUSY] * 5, TAKEN)
    outbox.add(letters("a", "b", "c", "d", "e", "f"))
    async with working(outbox, line, limit=1) as courier:
        await courier.rested()
    assert len(outbox.dead()) == 5
    [record] = [each for each in caplog.records if each.levelname == "WARNING"]
    assert "gave up a message (tick) after 1 tries: answered 503" in record.getMessage()
    assert courier.failing is None


async def test_a_sender_that_raises_is_one_failed_try(autojump_clock, outbox, caplog):
    class Broken(Line):
        async def post(self, headers, body):
            await super().post(headers, body)
            if len(self.sent) < 3:
                raise RuntimeError("strange")
            return TAKEN

    line = Broken(TAKEN)
    outbox.add(letters("a"))
    async with working(outbox, line):
        await trio.sleep(1000)
    assert len(line.sent) == 3
    assert "strange" in caplog.text
