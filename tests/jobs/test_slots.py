"""Slots: numbers, times, and the order in which they are filled and removed."""

from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaffer_kernel.jobs.config import JobConfig
from gaffer_kernel.jobs.slots import Slot, Slots
from gaffer_kernel.names import JobName
from gaffer_kernel.processes.process import Process

WEB = JobConfig(name="web", cmd="serve")


class Filler:
    """Fills slots as a job does: the slot that is due first, with the next pid."""

    def __init__(self) -> None:
        self.slots = Slots()
        self._pids = count(1)

    def process(self, number: int) -> Process:
        return Process(next(self._pids), JobName("default", "web"), WEB, number=number)

    def fill(self) -> Process | None:
        slot = self.slots.next_due()
        if slot is None:
            return None
        slot.process = self.process(slot.number)
        return slot.process

    def fill_all(self) -> list[Process]:
        return list(iter(self.fill, None))

    def get_slot(self, process: Process) -> Slot:
        slot = self.slots.get_slot(process)
        assert slot is not None
        return slot


@pytest.fixture
def filler() -> Filler:
    return Filler()


def pids(processes: list[Process]) -> list[int]:
    return [process.pid for process in processes]


def test_slots_are_numbered_from_one_and_filled_in_order(filler):
    assert filler.slots.resize(3, 0.0) == []
    assert [process.number for process in filler.fill_all()] == [1, 2, 3]
    assert filler.slots.next_due() is None


def test_shrinking_removes_the_oldest_processes_first(filler):
    filler.slots.resize(4, 0.0)
    filler.fill_all()
    assert pids(filler.slots.resize(2, 0.0)) == [1, 2]
    assert len(filler.slots) == 2


def test_shrinking_can_remove_the_highest_numbers_first(filler):
    filler.slots.resize(4, 0.0)
    first, *_ = filler.fill_all()
    filler.slots.mark_due(filler.get_slot(first), 0.0)
    assert pids(filler.slots.resize(2, 0.0, keep_lowest=True)) == [4, 3]
    assert [slot.number for slot in filler.slots] == [1, 2]


def test_oldest_means_lowest_pid_not_lowest_number(filler):
    filler.slots.resize(3, 0.0)
    first, *_ = filler.fill_all()
    filler.slots.mark_due(filler.get_slot(first), 0.0)
    filler.fill()
    assert pids(filler.slots.resize(1, 0.0)) == [2, 3]


def test_shrinking_removes_empty_slots_before_processes(filler):
    filler.slots.resize(2, 0.0)
    filler.fill_all()
    filler.slots.resize(4, 5.0)
    assert filler.slots.resize(2, 5.0) == []
    assert filler.slots.next_due() is None


def test_removed_numbers_are_reused_lowest_first(filler):
    filler.slots.resize(4, 0.0)
    filler.fill_all()
    filler.slots.resize(2, 0.0)
    filler.slots.resize(5, 0.0)
    assert [process.number for process in filler.fill_all()] == [1, 2, 5]


def test_numbers_start_at_one_after_a_size_of_zero(filler):
    filler.slots.resize(3, 0.0)
    filler.fill_all()
    assert pids(filler.slots.resize(0, 0.0)) == [1, 2, 3]
    filler.slots.resize(2, 0.0)
    assert [process.number for process in filler.fill_all()] == [1, 2]


def test_empty_slots_are_filled_in_the_order_of_their_times(filler):
    filler.slots.resize(3, 0.0)
    one, two, three = filler.fill_all()
    for process, due in ((one, 30.0), (two, 10.0), (three, 20.0)):
        filler.slots.mark_due(filler.get_slot(process), due)
    assert [process.number for process in filler.fill_all()] == [2, 3, 1]


def test_last_mark_due_of_a_slot_counts(filler):
    filler.slots.resize(1, 0.0)
    slot = filler.get_slot(filler.fill())
    filler.slots.mark_due(slot, 1.0)
    filler.slots.mark_due(slot, 9.0)
    due = filler.slots.next_due()
    assert (due, due.due) == (slot, 9.0)
    filler.fill()
    assert filler.slots.next_due() is None


def test_reset_backoff_makes_empty_slots_due_and_resets_their_restarts(filler):
    filler.slots.resize(2, 0.0)
    one, two = filler.fill_all()
    slot = filler.get_slot(one)
    slot.restarts = filler.get_slot(two).restarts = 7
    filler.slots.mark_due(slot, 100.0)
    filler.slots.reset_backoff(5.0)
    assert filler.slots.next_due() is slot
    assert slot.due == 5.0
    assert slot.restarts == filler.get_slot(two).restarts == 0


def test_replace_keeps_each_process_as_predecessor(filler):
    filler.slots.resize(2, 0.0)
    one, two = filler.fill_all()
    filler.slots.replace([1, 2], 3.0, "restarted")
    assert filler.slots.get_slot(one) is None
    slot = filler.slots.next_due()
    assert slot.predecessor is one
    assert filler.fill().number == 1
    assert filler.slots.next_due().predecessor is two


def test_replacing_twice_keeps_the_same_predecessor(filler):
    filler.slots.resize(1, 0.0)
    one = filler.fill()
    filler.slots.replace([1], 1.0, "restarted")
    filler.slots.replace([1], 2.0, "restarted")
    assert filler.slots.next_due().predecessor is one


def test_shrinking_returns_predecessor_and_successor(filler):
    filler.slots.resize(1, 0.0)
    one = filler.fill()
    filler.slots.replace([1], 1.0, "restarted")
    successor = filler.fill()
    assert filler.get_slot(successor).predecessor is one
    assert filler.slots.resize(0, 1.0) == [one, successor]


def test_drop_predecessor_forgets_an_exited_process(filler):
    filler.slots.resize(1, 0.0)
    one = filler.fill()
    filler.slots.replace([1], 1.0, "restarted")
    filler.slots.drop_predecessor(one)
    assert filler.slots.next_due().predecessor is None


def test_one_offs_and_unknown_processes_have_no_slot(filler):
    filler.slots.resize(1, 0.0)
    filler.fill()
    assert filler.slots.get_slot(filler.process(0)) is None
    assert filler.slots.get_slot(filler.process(1)) is None
    assert filler.slots.get_slot(filler.process(7)) is None


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("resize"), st.integers(0, 6)),
        st.tuples(st.just("fill"), st.just(0)),
        st.tuples(st.just("exit"), st.integers(0, 5)),
        st.tuples(st.just("replace"), st.just(0)),
        st.tuples(st.just("reset_backoff"), st.just(0)),
    ),
    max_size=40,
)


@settings(derandomize=True, deadline=None)
@given(steps=STEPS)
def test_every_slot_is_filled_or_due_and_no_process_is_lost(steps):
    filler = Filler()
    slots = filler.slots
    held: list[Process] = []
    for now, (step, number) in enumerate(steps):
        if step == "resize":
            removed = slots.resize(number, now)
            assert len(slots) == number
            held = [process for process in held if process not in removed]
        elif step == "fill":
            slot = slots.next_due()
            if (process := filler.fill()) is not None:
                held.append(process)
                if slot.predecessor is not None:
                    held.remove(slot.predecessor)
                    slot.predecessor = None
        elif step == "exit" and held:
            process = held.pop(number % len(held))
            slots.drop_predecessor(process)
            if (slot := slots.get_slot(process)) is not None:
                slots.mark_due(slot, now)
        elif step == "replace":
            slots.replace([slot.number for slot in slots], now, "restarted")
        else:
            slots.reset_backoff(now)
    filling = sum(slots.get_slot(process) is not None for process in held)
    predecessors = len(held) - filling
    fresh = filler.fill_all()
    assert filling + len(fresh) == len(slots)
    assert set(pids(slots.resize(0, 0.0))) == {*pids(held), *pids(fresh)}
    assert predecessors <= len(fresh)
