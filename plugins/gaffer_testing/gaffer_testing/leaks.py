"""What a program holds at a moment."""

from __future__ import annotations

import gc
import os
from dataclasses import dataclass

import trio
from gaffer_kernel import Kernel
from trio.lowlevel import Task

_PATIENCE = 5.0
"""Seconds that something may need to go after its plugin has."""

_POLL = 0.02


@dataclass(frozen=True, slots=True)
class Holdings:
    """Tasks by name, open descriptors and what they are, and the number of subscriptions."""

    tasks: tuple[str, ...]
    descriptors: tuple[str, ...]
    subscriptions: int

    def surplus(self, before: Holdings) -> str:
        """What is more than before, in words; empty if nothing is."""
        found = []
        if len(self.tasks) > len(before.tasks):
            found.append(f"tasks: {', '.join(_more(self.tasks, before.tasks))}")
        if len(self.descriptors) > len(before.descriptors):
            found.append(f"descriptors: {', '.join(_more(self.descriptors, before.descriptors))}")
        if self.subscriptions > before.subscriptions:
            found.append(f"{self.subscriptions - before.subscriptions} subscriptions to events")
        return "; ".join(found)


def count(kernel: Kernel) -> Holdings:
    """What is held now, by this program and a kernel in it."""
    gc.collect()
    tasks = tuple(sorted(_names(trio.lowlevel.current_root_task())))
    return Holdings(tasks, tuple(sorted(_descriptors())), kernel.events.subscribers)


async def surplus(kernel: Kernel, before: Holdings) -> str:
    """What is more than before, once it has had time to go."""
    deadline = trio.current_time() + _PATIENCE
    while (found := count(kernel).surplus(before)) and trio.current_time() < deadline:  # noqa: ASYNC110
        await trio.sleep(_POLL)  # nothing tells when a descriptor is closed
    return found


def _more(now: tuple[str, ...], before: tuple[str, ...]) -> list[str]:
    left = list(now)
    for each in before:
        if each in left:
            left.remove(each)
    return left


def _names(task: Task | None) -> list[str]:
    if task is None:
        return []
    children = [child for nursery in task.child_nurseries for child in nursery.child_tasks]
    return [task.name, *(name for child in children for name in _names(child))]


def _descriptors() -> list[str]:
    found = []
    for number in os.listdir("/proc/self/fd"):
        try:
            found.append(os.readlink(f"/proc/self/fd/{number}"))
        except FileNotFoundError:
            continue  # The one that lists them.
    return found
