"""The queue of a URL and its file: bounds, torn ends, rewriting, full disks."""

import os
import resource
from contextlib import contextmanager

import msgspec
import pytest
import trio

from gaffer_webhooks import messages as letters_module
from gaffer_webhooks.flusher import Keeper
from gaffer_webhooks.journal import SMALL
from gaffer_webhooks.messages import Added
from gaffer_webhooks.outbox import Outbox

NESTED = (
    b'{"op":"add","id":"\xff","event":"e","body":{}}',
    b'{"op":"add","id":"x","event":"e","body":%s' % (b"[" * 100_000),
)
"""Lines that msgspec refuses with errors of Python."""

LIMITER = trio.CapacityLimiter(1)


def letter(number, size=10):
    return Added(f"msg_{number}", "tick", msgspec.Raw(b'"%s"' % (b"x" * size)))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.queue"


@contextmanager
def opened(path, most=1000, written=lambda outbox: None):
    outbox = Outbox("webhook test", path, most, written)
    outbox.open()
    try:
        yield outbox
    finally:
        outbox.journal.close()


def pending(outbox):
    """The ids of those that wait, in order; it is empty afterwards."""
    found = []
    while (first := outbox.first()) is not None:
        found.append(first.id)
        outbox.remove(first.id)
    return found


def kept(path, most=1000):
    """What the file holds: who waits, and who is dead."""
    copy = path.with_name("copy")
    copy.write_bytes(path.read_bytes())
    with opened(copy, most) as outbox:
        dead = [each.id for each in outbox.dead()]
        return pending(outbox), dead


def test_what_waits_and_what_is_dead_is_there_again(path):
    with opened(path) as outbox:
        outbox.add([letter(n) for n in range(6)])
        outbox.remove("msg_0")
        outbox.give_up("msg_1", "no reason", 7)
        outbox.give_up("msg_2", "no reason", 7)
        outbox.give_up("msg_3", "no reason", 7)
        assert outbox.revive(["msg_1", "msg_99"]) == 1
        assert outbox.forget(["msg_2"]) == 1
    with opened(path) as outbox:
        [dead] = outbox.dead()
        assert (dead.id, dead.event, dead.reason, dead.tries) == ("msg_3", "tick", "no reason", 7)
        assert bytes(dead.body) == b'"xxxxxxxxxx"'
        assert pending(outbox) == ["msg_4", "msg_5", "msg_1"]


def test_it_is_for_its_owner_alone(path):
    with opened(path) as outbox:
        outbox.add([letter(1)])
    assert path.stat().st_mode & 0o777 == 0o600


def test_wherever_the_file_is_torn_all_before_is_there(path):
    with opened(path) as outbox:
        outbox.add([letter(n) for n in range(3)])
    whole = path.read_bytes()
    ends = [index + 1 for index, byte in enumerate(whole) if byte == ord("\n")]
    for length in range(len(whole) + 1):
        path.write_bytes(whole[:length])
        complete = sum(end <= length for end in ends)
        with opened(path) as outbox:
            assert len(outbox) == complete
            outbox.add([letter(9)])
        assert kept(path)[0] == [f"msg_{n}" for n in (*range(complete), 9)]


@pytest.mark.parametrize(
    "damage", [b"\0" * 50, b"{}", b'{"op":"what"}', b"\xff", b'{"op":"add"}', *NESTED]
)
def test_a_damaged_line_costs_that_line_only(path, damage, caplog):
    with opened(path) as outbox:
        outbox.add([letter(1)])
    with path.open("ab") as file:
        file.write(damage + b"\n")
    with opened(path) as outbox:
        outbox.add([letter(2)])
    assert kept(path) == (["msg_1", "msg_2"], [])
    assert "1 lines are damaged" in caplog.text


def test_too_many_messages_push_out_the_oldest_and_are_counted(path, caplog):
    with opened(path, most=5) as outbox:
        outbox.add([letter(n) for n in range(8)])
        outbox.add([letter(8)])
        assert (len(outbox), outbox.dropped) == (5, 4)
    assert kept(path, most=5)[0] == [f"msg_{n}" for n in range(4, 9)]
    assert caplog.text.count("dropping the oldest") == 1


def test_too_many_bytes_push_out_the_oldest(path, monkeypatch):
    monkeypatch.setattr(letters_module, "MAX_BYTES", 1000)
    with opened(path) as outbox:
        outbox.add([letter(n, size=300) for n in range(5)])
        assert (len(outbox), outbox.dropped) == (3, 2)
        outbox.add([letter(9, size=2000)])
        assert (len(outbox), outbox.dropped) == (0, 6)


def test_too_many_dead_messages_push_out_the_oldest(path):
    with opened(path, most=2) as outbox:
        for number in range(4):
            outbox.add([letter(number)])
            outbox.give_up(f"msg_{number}", "no reason", 1)
        assert [each.id for each in outbox.dead()] == ["msg_2", "msg_3"]
        assert outbox.dropped == 2


def test_a_lower_bound_counts_at_the_next_opening(path):
    with opened(path) as outbox:
        outbox.add([letter(n) for n in range(10)])
    with opened(path, most=3) as outbox:
        assert pending(outbox) == ["msg_7", "msg_8", "msg_9"]


async def test_a_long_file_is_written_anew_without_what_is_over(path):
    with opened(path) as outbox:
        outbox.add([letter(0)])
        outbox.give_up("msg_0", "no reason", 1)
        for number in range(1, 500):
            outbox.add([letter(number, size=200)])
            if number > 3:
                outbox.remove(f"msg_{number}")
        assert path.stat().st_size > SMALL
        await outbox.journal.tend(LIMITER)
        assert path.stat().st_size < 1500
        outbox.add([letter(999)])
        assert kept(path) == (["msg_1", "msg_2", "msg_3", "msg_999"], ["msg_0"])
    assert [each.name for each in path.parent.glob("*.new")] == []


async def test_what_is_added_while_the_file_is_written_anew_is_in_both(path, monkeypatch):
    from gaffer_webhooks import journal

    write_new = journal._write_new

    def adding(new, records):
        result = write_new(new, records)
        trio.from_thread.run_sync(outbox.add, [letter(2)])
        # Were it killed here, the old file would be the one.
        assert kept(path)[0] == ["msg_1", "msg_2"]
        trio.from_thread.run_sync(outbox.remove, "msg_1")
        return result

    monkeypatch.setattr(journal, "_write_new", adding)
    monkeypatch.setattr(journal, "SMALL", 0)
    with opened(path) as outbox:
        outbox.add([letter(number, size=500) for number in range(100, 105)])
        for number in range(100, 105):
            outbox.remove(f"msg_{number}")
        outbox.add([letter(1)])
        before = path.stat().st_ino
        await outbox.journal.tend(LIMITER)
        assert path.stat().st_ino != before
        assert kept(path)[0] == ["msg_2"]


async def test_a_queue_that_is_removed_while_its_file_is_written_anew_stays_away(path, monkeypatch):
    from gaffer_webhooks import journal

    write_new = journal._write_new

    def removing(new, records):
        result = write_new(new, records)
        trio.from_thread.run_sync(outbox.journal.remove)
        return result

    monkeypatch.setattr(journal, "_write_new", removing)
    monkeypatch.setattr(journal, "SMALL", 0)
    with opened(path) as outbox:
        outbox.add([letter(1, size=5000)])
        outbox.remove("msg_1")
        await outbox.journal.tend(LIMITER)
        outbox.add([letter(2)])
    assert list(path.parent.iterdir()) == []


@contextmanager
def room(path, more):
    """Files of this process may grow to this many bytes more than this one has."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + more, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_without_room_it_goes_on_in_memory_and_is_whole_when_there_is_room_again(path):
    with opened(path) as outbox:
        outbox.add([letter(1)])
        with room(path, 20):
            # A part of the line finds room.
            outbox.add([letter(2, size=100)])
            outbox.add([letter(3)])
            assert outbox.journal.problem is not None
            assert kept(path)[0] == ["msg_1"]
            assert path.read_bytes().endswith(b"\n")
            await outbox.journal.tend(LIMITER)
            assert outbox.journal.problem is not None
        assert (len(outbox), outbox.dropped) == (3, 0)
        await outbox.journal.tend(LIMITER)
        assert outbox.journal.problem is None
        assert kept(path)[0] == ["msg_1", "msg_2", "msg_3"]
    assert [each.name for each in path.parent.glob("*.new")] == []


async def test_the_keeper_says_once_that_there_is_no_room_and_once_that_there_is(
    tmp_path, monkeypatch, caplog
):
    caplog.set_level("INFO")
    monkeypatch.setattr("gaffer_webhooks.flusher.EVERY", 0.01)
    monkeypatch.setattr("gaffer_webhooks.flusher.TRY_AGAIN", 0.02)
    keeper = Keeper()
    paths = [tmp_path / "a.queue", tmp_path / "b.queue"]
    with (
        opened(paths[0], written=keeper.written) as a,
        opened(paths[1], written=keeper.written) as b,
    ):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(keeper.run)
            with room(paths[0], 20):
                for number in range(5):
                    a.add([letter(number, size=100)])
                    b.add([letter(number, size=100)])
                    await trio.sleep(0.02)
            with trio.fail_after(20):
                while "can be written again" not in caplog.text:
                    await trio.sleep(0.005)
            nursery.cancel_scope.cancel()
    assert [kept(path)[0] for path in paths] == [[f"msg_{n}" for n in range(5)]] * 2
    told = [record.getMessage().partition(": ")[2] for record in caplog.records]
    reason = os.strerror(27)
    assert told == [
        f"{reason}: until it can be written, messages are kept in memory only",
        "can be written again",
    ]


async def test_a_keeper_forgets_a_queue_that_is_removed_while_its_file_is_written_anew(
    path, monkeypatch, caplog
):
    from gaffer_webhooks import journal

    write_new = journal._write_new
    keeper = Keeper()

    def removing(new, records):
        result = write_new(new, records)
        trio.from_thread.run_sync(keeper.leave, outbox)
        trio.from_thread.run_sync(outbox.journal.remove)
        return result

    monkeypatch.setattr(journal, "_write_new", removing)
    monkeypatch.setattr(journal, "SMALL", 0)
    with opened(path, written=keeper.written) as outbox:
        outbox.add([letter(1, size=5000)])
        outbox.remove("msg_1")
        await keeper.finish()
    assert caplog.text == ""


async def test_a_file_that_was_written_anew_is_on_the_disk_under_its_name(path, monkeypatch):
    from gaffer_webhooks import journal

    synced = []
    sync_folder = journal.sync_folder

    def noting(folder):
        synced.append(folder)
        sync_folder(folder)

    monkeypatch.setattr(journal, "SMALL", 0)
    monkeypatch.setattr(journal, "sync_folder", noting)
    path.write_bytes(b'{"op":"done","id":"x"}\n' * 100)
    with opened(path) as outbox:
        await outbox.journal.tend(LIMITER)
        assert path.read_bytes() == b""
        assert synced == [path.parent]


async def test_a_keeper_with_nothing_to_do_does_not_wake_up(path, autojump_clock):
    keeper = Keeper()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(keeper.run)
        await trio.testing.wait_all_tasks_blocked()
        assert trio.lowlevel.current_statistics().seconds_to_next_deadline == float("inf")
        nursery.cancel_scope.cancel()
