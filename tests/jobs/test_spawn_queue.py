"""The spawn queue: order, and other tasks in between."""

from collections.abc import Callable

import trio
import trio.testing

from gaffer_kernel.jobs.spawn_queue import SpawnQueue


class Starter:
    """Spawns as many processes as wanted, one at a time, and notes each."""

    def __init__(self, name: str, queue: SpawnQueue, wanted: int, notes: list[str]) -> None:
        self.name = name
        self.queue = queue
        self.wanted = wanted
        self.notes = notes

    def enqueue(self) -> None:
        self.queue.enqueue(self)

    def spawn_next(self) -> None:
        self.notes.append(self.name)
        self.wanted -= 1
        if self.wanted > 0:
            self.enqueue()


async def run_until_quiet(queue: SpawnQueue, start: Callable[[], None]) -> None:
    """Run the queue until it is empty."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(queue.run)
        start()
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()


async def test_jobs_with_several_spawns_alternate():
    notes: list[str] = []
    queue = SpawnQueue()
    starters = [Starter(name, queue, 3, notes) for name in "abc"]

    def start() -> None:
        for starter in starters:
            starter.enqueue()

    await run_until_quiet(queue, start)
    assert "".join(notes) == "abcabcabc"


async def test_a_job_enqueued_twice_is_in_the_queue_once():
    notes: list[str] = []
    queue = SpawnQueue()
    starter = Starter("a", queue, 1, notes)

    def start() -> None:
        starter.enqueue()
        starter.enqueue()

    await run_until_quiet(queue, start)
    assert notes == ["a"]


async def test_other_tasks_run_between_two_spawns():
    notes: list[str] = []
    queue = SpawnQueue()
    starter = Starter("spawn", queue, 5, notes)

    async def other_task() -> None:
        for _ in range(5):
            notes.append("other")
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        starter.enqueue()
        nursery.start_soon(queue.run)
        nursery.start_soon(other_task)
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert sorted(notes) == ["other"] * 5 + ["spawn"] * 5
    # Trio runs the tasks of a round in any order, so two spawns can be neighbours where two rounds
    # meet. As long as the other task is runnable, three cannot.
    busy = "".join(notes).rpartition("other")[0]
    assert "spawnspawnspawn" not in busy


async def test_a_job_spawns_at_once_when_the_queue_is_empty(autojump_clock):
    notes: list[str] = []
    queue = SpawnQueue()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(queue.run)
        await trio.sleep(100)
        Starter("late", queue, 1, notes).enqueue()
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert notes == ["late"]
    assert trio.current_time() == 100


async def test_jobs_enqueued_before_run_are_not_lost():
    notes: list[str] = []
    queue = SpawnQueue()
    Starter("early", queue, 1, notes).enqueue()
    await run_until_quiet(queue, lambda: None)
    assert notes == ["early"]
