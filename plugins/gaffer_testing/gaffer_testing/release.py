"""Ending tasks of plugins that do not react to cancellation, so that the test ends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import outcome
import trio
from trio.lowlevel import Task
from trio.testing import wait_all_tasks_blocked

_BLOCKED_TIMEOUT = 1.0


class DoesNotEndError(Exception):
    """Raised in a plugin that waits and has not ended in any other way."""


async def release(names: Iterable[str]) -> None:
    """Raise DoesNotEndError in the tasks of plugins that a kernel has abandoned.

    Otherwise `trio.run` would wait for them forever.
    """
    task_names = {f"plugin {name}" for name in names}
    if not task_names:
        return
    with trio.move_on_after(_BLOCKED_TIMEOUT):
        await wait_all_tasks_blocked()
    for task in list(_descendants(trio.lowlevel.current_root_task())):
        if task.name in task_names:
            for waiting in [
                each for each in (task, *_descendants(task)) if not each.child_nurseries
            ]:
                trio.lowlevel.reschedule(waiting, outcome.Error(DoesNotEndError()))


def _descendants(task: Task | None) -> Iterator[Task]:
    for nursery in task.child_nurseries if task else ():
        for child in nursery.child_tasks:
            yield child
            yield from _descendants(child)
