"""The queue of a URL and its file: limits, truncated files, rewriting, full disks."""

import os
import resource
from contextlib import ExitStack, contextmanager

import msgspec
import pytest
import trio

from gaffer_webhooks import messages
from gaffer_webhooks.flusher import Flusher
from gaffer_webhooks.journal import MIN_REWRITE_SIZE
from gaffer_webhooks.messages import Enqueued
from gaffer_webhooks.outbox import Outbox

NESTED = (
    b'{"op":"add","id":"\xff","event":"e","body":{}}',
    b'{"op":"add","id":"x","event":"e","body":%s' % (b"[" * 100_000),
)
"""Lines that msgspec rejects with UnicodeDecodeError and RecursionError."""

LIMITER = trio.CapacityLimiter(1)


def make_message(number, size=10):
    return Enqueued(f"msg_{number}", "tick", msgspec.Raw(b'"%s"' % (b"x" * size)))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.queue"


@contextmanager
def opened(path, limit=1000, on_write=lambda outbox: None):
    outbox = Outbox("webhook test", path, limit, on_write)
    outbox.open()
    try:
        yield outbox
    finally:
        outbox.journal.close()


def pending(outbox):
    """Remove all pending messages; return their ids in order."""
    found = []
    while (first := outbox.get_first()) is not None:
        found.append(first.id)
        outbox.remove(first.id)
    return found


def read_back(path, limit=1000):
    """Read a copy of the file; return the ids of pending messages and of dead letters."""
    copy = path.with_name("copy")
    copy.write_bytes(path.read_bytes())
    with opened(copy, limit) as outbox:
        dead = [each.id for each in outbox.list_dead()]
        return pending(outbox), dead


def test_pending_messages_and_dead_letters_survive_reopening(path):
    with opened(path) as outbox:
        outbox.enqueue([make_message(n) for n in range(6)])
        outbox.remove("msg_0")
        outbox.give_up("msg_1", "no reason", 7)
        outbox.give_up("msg_2", "no reason", 7)
        outbox.give_up("msg_3", "no reason", 7)
        assert outbox.requeue(["msg_1", "msg_99"]) == 1
        assert outbox.forget(["msg_2"]) == 1
    with opened(path) as outbox:
        [dead] = outbox.list_dead()
        assert (dead.id, dead.event, dead.reason, dead.tries) == ("msg_3", "tick", "no reason", 7)
        assert bytes(dead.body) == b'"xxxxxxxxxx"'
        assert pending(outbox) == ["msg_4", "msg_5", "msg_1"]


def test_journal_file_is_private(path):
    with opened(path) as outbox:
        outbox.enqueue([make_message(1)])
    assert path.stat().st_mode & 0o777 == 0o600


def test_truncated_journal_keeps_all_complete_lines(path):
    with opened(path) as outbox:
        outbox.enqueue([make_message(n) for n in range(3)])
    whole = path.read_bytes()
    aside = path.with_name("a.queue.damaged")
    ends = [index + 1 for index, byte in enumerate(whole) if byte == ord("\n")]
    for length in range(len(whole) + 1):
        path.write_bytes(whole[:length])
        aside.unlink(missing_ok=True)
        complete = sum(end <= length for end in ends)
        with opened(path) as outbox:
            assert len(outbox) == complete
            outbox.enqueue([make_message(9)])
        assert read_back(path)[0] == [f"msg_{n}" for n in (*range(complete), 9)]
        torn = length not in (0, *ends)
        assert aside.exists() == torn
        assert not torn or aside.read_bytes() == whole[:length]


@pytest.mark.parametrize(
    "damage", [b"\0" * 50, b"{}", b'{"op":"what"}', b"\xff", b'{"op":"add"}', *NESTED]
)
def test_damaged_line_is_skipped(path, damage, caplog):
    with opened(path) as outbox:
        outbox.enqueue([make_message(1)])
    with path.open("ab") as file:
        file.write(damage + b"\n")
    with opened(path) as outbox:
        outbox.enqueue([make_message(2)])
    assert read_back(path) == (["msg_1", "msg_2"], [])
    assert caplog.text.count("damaged lines are left out (1)") == 1


def test_file_of_nul_bytes_is_set_aside(path, caplog):
    path.write_bytes(bytes(5000))
    with opened(path) as outbox:
        assert len(outbox) == 0
        outbox.enqueue([make_message(1)])
    assert path.with_name("a.queue.damaged").read_bytes() == bytes(5000)
    assert [each.getMessage() for each in caplog.records] == [
        f"{path}: damaged lines are left out (1): the whole file is kept as a.queue.damaged"
    ]
    assert read_back(path) == (["msg_1"], [])


async def test_damaged_file_on_a_full_disk_is_set_aside(path):
    with opened(path) as outbox:
        outbox.enqueue([make_message(1, size=5000)])
    with path.open("ab") as file:
        file.write(bytes(10))
    damaged = path.read_bytes()
    with ExitStack() as stack:
        with limited_file_size(path, -100):
            outbox = stack.enter_context(opened(path))
        assert outbox.journal.error is not None
        assert path.read_bytes() == damaged
        await outbox.journal.flush(LIMITER)
        assert outbox.journal.error is None
    assert path.with_name("a.queue.damaged").read_bytes() == damaged
    assert read_back(path) == (["msg_1"], [])


def test_too_many_messages_drop_and_count_the_oldest(path, caplog):
    with opened(path, limit=5) as outbox:
        outbox.enqueue([make_message(n) for n in range(8)])
        outbox.enqueue([make_message(8)])
        assert (len(outbox), outbox.dropped) == (5, 4)
    assert read_back(path, limit=5)[0] == [f"msg_{n}" for n in range(4, 9)]
    assert caplog.text.count("dropping the oldest") == 1


def test_too_many_bytes_drop_the_oldest(path, monkeypatch):
    monkeypatch.setattr(messages, "MAX_BYTES", 1000)
    with opened(path) as outbox:
        outbox.enqueue([make_message(n, size=300) for n in range(5)])
        assert (len(outbox), outbox.dropped) == (3, 2)
        outbox.enqueue([make_message(9, size=2000)])
        assert (len(outbox), outbox.dropped) == (0, 6)


def test_too_many_dead_letters_drop_the_oldest(path):
    with opened(path, limit=2) as outbox:
        for number in range(4):
            outbox.enqueue([make_message(number)])
            outbox.give_up(f"msg_{number}", "no reason", 1)
        assert [each.id for each in outbox.list_dead()] == ["msg_2", "msg_3"]
        assert outbox.dropped == 2


def test_lowered_limit_applies_at_next_opening(path):
    with opened(path) as outbox:
        outbox.enqueue([make_message(n) for n in range(10)])
    with opened(path, limit=3) as outbox:
        assert pending(outbox) == ["msg_7", "msg_8", "msg_9"]


async def test_flush_rewrites_long_file_without_removed_messages(path):
    with opened(path) as outbox:
        outbox.enqueue([make_message(0)])
        outbox.give_up("msg_0", "no reason", 1)
        for number in range(1, 500):
            outbox.enqueue([make_message(number, size=200)])
            if number > 3:
                outbox.remove(f"msg_{number}")
        assert path.stat().st_size > MIN_REWRITE_SIZE
        await outbox.journal.flush(LIMITER)
        assert path.stat().st_size < 1500
        outbox.enqueue([make_message(999)])
        assert read_back(path) == (["msg_1", "msg_2", "msg_3", "msg_999"], ["msg_0"])
    assert [each.name for each in path.parent.glob("*.new")] == []


async def test_records_during_rewrite_are_in_old_and_new_file(path, monkeypatch):
    from gaffer_webhooks import journal

    write_new = journal._write_new

    def adding(new, records):
        result = write_new(new, records)
        trio.from_thread.run_sync(outbox.enqueue, [make_message(2)])
        # After a SIGKILL at this point, the old file would be read.
        assert read_back(path)[0] == ["msg_1", "msg_2"]
        trio.from_thread.run_sync(outbox.remove, "msg_1")
        return result

    monkeypatch.setattr(journal, "_write_new", adding)
    monkeypatch.setattr(journal, "MIN_REWRITE_SIZE", 0)
    with opened(path) as outbox:
        outbox.enqueue([make_message(number, size=500) for number in range(100, 105)])
        for number in range(100, 105):
            outbox.remove(f"msg_{number}")
        outbox.enqueue([make_message(1)])
        before = path.stat().st_ino
        await outbox.journal.flush(LIMITER)
        assert path.stat().st_ino != before
        assert read_back(path)[0] == ["msg_2"]


async def test_queue_removed_during_rewrite_leaves_no_file(path, monkeypatch):
    from gaffer_webhooks import journal

    write_new = journal._write_new

    def removing(new, records):
        result = write_new(new, records)
        trio.from_thread.run_sync(outbox.journal.remove)
        return result

    monkeypatch.setattr(journal, "_write_new", removing)
    monkeypatch.setattr(journal, "MIN_REWRITE_SIZE", 0)
    with opened(path) as outbox:
        outbox.enqueue([make_message(1, size=5000)])
        outbox.remove("msg_1")
        await outbox.journal.flush(LIMITER)
        outbox.enqueue([make_message(2)])
    assert list(path.parent.iterdir()) == []


@contextmanager
def limited_file_size(path, more):
    """Limit files of this process to this many bytes more than a file has."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + more, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_full_disk_keeps_messages_in_memory_until_flush_succeeds(path):
    with opened(path) as outbox:
        outbox.enqueue([make_message(1)])
        with limited_file_size(path, 20):
            # A part of the line can be written.
            outbox.enqueue([make_message(2, size=100)])
            outbox.enqueue([make_message(3)])
            assert outbox.journal.error is not None
            assert read_back(path)[0] == ["msg_1"]
            assert path.read_bytes().endswith(b"\n")
            await outbox.journal.flush(LIMITER)
            assert outbox.journal.error is not None
        assert (len(outbox), outbox.dropped) == (3, 0)
        await outbox.journal.flush(LIMITER)
        assert outbox.journal.error is None
        assert read_back(path)[0] == ["msg_1", "msg_2", "msg_3"]
    assert [each.name for each in path.parent.glob("*.new")] == []


async def test_flusher_logs_full_disk_once_and_recovery_once(tmp_path, monkeypatch, caplog):
    caplog.set_level("INFO")
    monkeypatch.setattr("gaffer_webhooks.flusher.FLUSH_INTERVAL", 0.01)
    monkeypatch.setattr("gaffer_webhooks.flusher.RETRY_INTERVAL", 0.02)
    flusher = Flusher()
    paths = [tmp_path / "a.queue", tmp_path / "b.queue"]
    with (
        opened(paths[0], on_write=flusher.mark_written) as a,
        opened(paths[1], on_write=flusher.mark_written) as b,
    ):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(flusher.run)
            with limited_file_size(paths[0], 20):
                for number in range(5):
                    a.enqueue([make_message(number, size=100)])
                    b.enqueue([make_message(number, size=100)])
                    await trio.sleep(0.02)
            with trio.fail_after(20):
                while "can be written again" not in caplog.text:
                    await trio.sleep(0.005)
            nursery.cancel_scope.cancel()
    assert [read_back(path)[0] for path in paths] == [[f"msg_{n}" for n in range(5)]] * 2
    logged = [record.getMessage().partition(": ")[2] for record in caplog.records]
    reason = os.strerror(27)
    assert logged == [
        f"{reason}: until it can be written, messages are kept in memory only",
        "can be written again",
    ]


async def test_flusher_ignores_queue_removed_during_rewrite(path, monkeypatch, caplog):
    from gaffer_webhooks import journal

    write_new = journal._write_new
    flusher = Flusher()

    def removing(new, records):
        result = write_new(new, records)
        trio.from_thread.run_sync(flusher.remove_outbox, outbox)
        trio.from_thread.run_sync(outbox.journal.remove)
        return result

    monkeypatch.setattr(journal, "_write_new", removing)
    monkeypatch.setattr(journal, "MIN_REWRITE_SIZE", 0)
    with opened(path, on_write=flusher.mark_written) as outbox:
        outbox.enqueue([make_message(1, size=5000)])
        outbox.remove("msg_1")
        await flusher.flush_finally()
    assert caplog.text == ""


async def test_rewrite_syncs_the_folder(path, monkeypatch):
    from gaffer_webhooks import journal

    synced = []
    sync_folder = journal.sync_folder

    def recording(folder):
        synced.append(folder)
        sync_folder(folder)

    monkeypatch.setattr(journal, "MIN_REWRITE_SIZE", 0)
    monkeypatch.setattr(journal, "sync_folder", recording)
    path.write_bytes(b'{"op":"done","id":"x"}\n' * 100)
    with opened(path) as outbox:
        await outbox.journal.flush(LIMITER)
        assert path.read_bytes() == b""
        assert synced == [path.parent]


async def test_idle_flusher_sleeps(path, autojump_clock):
    flusher = Flusher()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(flusher.run)
        await trio.testing.wait_all_tasks_blocked()
        assert trio.lowlevel.current_statistics().seconds_to_next_deadline == float("inf")
        nursery.cancel_scope.cancel()
