"""Whose turn it is to start a process."""

from collections.abc import Callable

import trio
import trio.testing

from gaffer_kernel.jobs.spawn_queue import SpawnQueue


class Starter:
    """Takes as many turns as it has processes to start, and notes each."""

    def __init__(self, name: str, turns: SpawnQueue, wanted: int, notes: list[str]) -> None:
        self.name = name
        self.turns = turns
        self.wanted = wanted
        self.notes = notes

    def enqueue(self) -> None:
        self.turns.enqueue(self)

    def spawn_next(self) -> None:
        self.notes.append(self.name)
        self.wanted -= 1
        if self.wanted > 0:
            self.enqueue()


async def run_until_quiet(turns: SpawnQueue, start: Callable[[], None]) -> None:
    """Run the turns until nobody is left in the queue."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(turns.run)
        start()
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()


async def test_those_who_want_several_spawn_nexts():
    notes: list[str] = []
    turns = SpawnQueue()
    starters = [Starter(name, turns, 3, notes) for name in "abc"]

    def start() -> None:
        for starter in starters:
            starter.enqueue()

    await run_until_quiet(turns, start)
    assert "".join(notes) == "abcabcabc"


async def test_who_asks_twice_is_in_the_queue_once():
    notes: list[str] = []
    turns = SpawnQueue()
    starter = Starter("a", turns, 1, notes)

    def start() -> None:
        starter.enqueue()
        starter.enqueue()

    await run_until_quiet(turns, start)
    assert notes == ["a"]


async def test_everybody_else_runs_between_two_turns():
    notes: list[str] = []
    turns = SpawnQueue()
    starter = Starter("spawn", turns, 5, notes)

    async def somebody_else() -> None:
        for _ in range(5):
            notes.append("other")
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        starter.enqueue()
        nursery.start_soon(turns.run)
        nursery.start_soon(somebody_else)
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert sorted(notes) == ["other"] * 5 + ["spawn"] * 5
    # Trio runs the tasks of a round in any order, so that two spawns may meet where two rounds do;
    # as long as somebody else has something to do, three do not.
    busy = "".join(notes).rpartition("other")[0]
    assert "spawnspawnspawn" not in busy


async def test_who_asks_while_nobody_waits_gets_a_turn_at_once(autojump_clock):
    notes: list[str] = []
    turns = SpawnQueue()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(turns.run)
        await trio.sleep(100)
        Starter("late", turns, 1, notes).enqueue()
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert notes == ["late"]
    assert trio.current_time() == 100


async def test_what_was_asked_before_it_runs_is_not_forgotten():
    notes: list[str] = []
    turns = SpawnQueue()
    Starter("early", turns, 1, notes).enqueue()
    await run_until_quiet(turns, lambda: None)
    assert notes == ["early"]
