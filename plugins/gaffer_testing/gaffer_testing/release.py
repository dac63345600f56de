"""Ending what ends by nothing else, so that the test of it can."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import outcome
import trio
from trio.lowlevel import Task
from trio.testing import wait_all_tasks_blocked

_PATIENCE = 1.0


class DoesNotEndError(Exception):
    """Raised where a plugin waits, once it did not end in any other way."""


async def release(names: Iterable[str]) -> None:
    """Raise DoesNotEndError in the tasks of plugins that a kernel has abandoned.

    Else the run of trio would wait for them for ever, and their author with it.
    """
    wanted = {f"plugin {name}" for name in names}
    if not wanted:
        return
    with trio.move_on_after(_PATIENCE):
        await wait_all_tasks_blocked()
    for task in list(_below(trio.lowlevel.current_root_task())):
        if task.name in wanted:
            for waiting in [each for each in (task, *_below(task)) if not each.child_nurseries]:
                trio.lowlevel.reschedule(waiting, outcome.Error(DoesNotEndError()))


def _below(task: Task | None) -> Iterator[Task]:
    for nursery in task.child_nurseries if task else ():
        for child in nursery.child_tasks:
            yield child
            yield from _below(child)
