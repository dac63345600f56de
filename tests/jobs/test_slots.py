"""The places of a job: filled, emptied, let go, and the order in which they are filled again."""

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
    """Fills places as a job does: the place that is due first, with the next pid."""

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

    def place_of(self, process: Process) -> Slot:
        slot = self.slots.get_slot(process)
        assert slot is not None
        return slot


@pytest.fixture
def filler() -> Filler:
    return Filler()


def pids(processes: list[Process]) -> list[int]:
    return [process.pid for process in processes]


def test_places_are_numbered_from_one_and_filled_in_that_order(filler):
    assert filler.slots.resize(3, 0.0) == []
    assert [process.number for process in filler.fill_all()] == [1, 2, 3]
    assert filler.slots.next_due() is None


def test_surplus_places_are_those_of_the_oldest_processes_oldest_first(filler):
    filler.slots.resize(4, 0.0)
    filler.fill_all()
    assert pids(filler.slots.resize(2, 0.0)) == [1, 2]
    assert len(filler.slots) == 2


def test_the_oldest_is_the_one_with_the_lowest_pid_not_the_lowest_number(filler):
    filler.slots.resize(3, 0.0)
    first, *_ = filler.fill_all()
    filler.slots.mark_due(filler.place_of(first), 0.0)
    filler.fill()
    assert pids(filler.slots.resize(1, 0.0)) == [2, 3]


def test_empty_places_go_before_any_process(filler):
    filler.slots.resize(2, 0.0)
    filler.fill_all()
    filler.slots.resize(4, 5.0)
    assert filler.slots.resize(2, 5.0) == []
    assert filler.slots.next_due() is None


def test_numbers_that_were_let_go_are_used_again_lowest_first(filler):
    filler.slots.resize(4, 0.0)
    filler.fill_all()
    filler.slots.resize(2, 0.0)
    filler.slots.resize(5, 0.0)
    assert [process.number for process in filler.fill_all()] == [1, 2, 5]


def test_after_nothing_numbers_begin_at_one_again(filler):
    filler.slots.resize(3, 0.0)
    filler.fill_all()
    assert pids(filler.slots.resize(0, 0.0)) == [1, 2, 3]
    filler.slots.resize(2, 0.0)
    assert [process.number for process in filler.fill_all()] == [1, 2]


def test_an_emptied_place_is_due_when_it_was_said(filler):
    filler.slots.resize(3, 0.0)
    one, two, three = filler.fill_all()
    for process, due in ((one, 30.0), (two, 10.0), (three, 20.0)):
        filler.slots.mark_due(filler.place_of(process), due)
    assert [process.number for process in filler.fill_all()] == [2, 3, 1]


def test_the_last_word_on_when_a_place_is_due_counts(filler):
    filler.slots.resize(1, 0.0)
    slot = filler.place_of(filler.fill())
    filler.slots.mark_due(slot, 1.0)
    filler.slots.mark_due(slot, 9.0)
    due = filler.slots.next_due()
    assert (due, due.due) == (slot, 9.0)
    filler.fill()
    assert filler.slots.next_due() is None


def test_forgiving_makes_every_empty_place_due_now_and_early_crashes_forgotten(filler):
    filler.slots.resize(2, 0.0)
    one, two = filler.fill_all()
    slot = filler.place_of(one)
    slot.early_crashes = filler.place_of(two).early_crashes = 7
    filler.slots.mark_due(slot, 100.0)
    filler.slots.reset_backoff(5.0)
    assert filler.slots.next_due() is slot
    assert slot.due == 5.0
    assert slot.early_crashes == filler.place_of(two).early_crashes == 0


def test_predecessor_keeps_the_process_until_its_successor_is_there(filler):
    filler.slots.resize(2, 0.0)
    one, two = filler.fill_all()
    filler.slots.replace_all(3.0)
    assert filler.slots.get_slot(one) is None
    slot = filler.slots.next_due()
    assert slot.predecessor is one
    assert filler.fill().number == 1
    assert filler.slots.next_due().predecessor is two


def test_predecessor_twice_in_a_row_retires_the_same_process(filler):
    filler.slots.resize(1, 0.0)
    one = filler.fill()
    filler.slots.replace_all(1.0)
    filler.slots.replace_all(2.0)
    assert filler.slots.next_due().predecessor is one


def test_a_place_that_is_let_go_while_predecessor_gives_back_both_processes(filler):
    filler.slots.resize(1, 0.0)
    one = filler.fill()
    filler.slots.replace_all(1.0)
    successor = filler.fill()
    assert filler.place_of(successor).predecessor is one
    assert filler.slots.resize(0, 1.0) == [one, successor]


def test_a_process_that_ended_before_its_successor_came_is_forgotten(filler):
    filler.slots.resize(1, 0.0)
    one = filler.fill()
    filler.slots.replace_all(1.0)
    filler.slots.drop_predecessor(one)
    assert filler.slots.next_due().predecessor is None


def test_neither_a_one_off_nor_a_stranger_holds_a_place(filler):
    filler.slots.resize(1, 0.0)
    filler.fill()
    assert filler.slots.get_slot(filler.process(0)) is None
    assert filler.slots.get_slot(filler.process(1)) is None
    assert filler.slots.get_slot(filler.process(7)) is None


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("resize"), st.integers(0, 6)),
        st.tuples(st.just("fill"), st.just(0)),
        st.tuples(st.just("end"), st.integers(0, 5)),
        st.tuples(st.just("retire"), st.just(0)),
        st.tuples(st.just("forgive"), st.just(0)),
    ),
    max_size=40,
)


@settings(derandomize=True, deadline=None)
@given(steps=STEPS)
def test_whatever_happens_every_place_is_filled_or_due_and_no_process_is_lost(steps):
    filler = Filler()
    slots = filler.slots
    held: list[Process] = []
    for now, (step, number) in enumerate(steps):
        if step == "resize":
            released = slots.resize(number, now)
            assert len(slots) == number
            held = [process for process in held if process not in released]
        elif step == "fill":
            slot = slots.next_due()
            if (process := filler.fill()) is not None:
                held.append(process)
                if slot.predecessor is not None:
                    held.remove(slot.predecessor)
                    slot.predecessor = None
        elif step == "end" and held:
            process = held.pop(number % len(held))
            slots.drop_predecessor(process)
            if (slot := slots.get_slot(process)) is not None:
                slots.mark_due(slot, now)
        elif step == "retire":
            slots.replace_all(now)
        else:
            slots.reset_backoff(now)
    filling = sum(slots.get_slot(process) is not None for process in held)
    predecessor = len(held) - filling
    fresh = filler.fill_all()
    assert filling + len(fresh) == len(slots)
    assert set(pids(slots.resize(0, 0.0))) == {*pids(held), *pids(fresh)}
    assert predecessor <= len(fresh)
