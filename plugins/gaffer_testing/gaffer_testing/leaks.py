"""Counts of tasks, descriptors and subscriptions, to find leaks."""

from __future__ import annotations

import gc
import os
from dataclasses import dataclass

import trio
from gaffer_kernel import Kernel
from trio.lowlevel import Task

_CLEANUP_TIMEOUT = 5.0
"""Seconds that resources may need to disappear after their plugin has closed."""

_POLL = 0.02


@dataclass(frozen=True, slots=True)
class Resources:
    """Names of tasks, targets of open descriptors, and the number of subscriptions."""

    tasks: tuple[str, ...]
    descriptors: tuple[str, ...]
    subscriptions: int

    def surplus(self, before: Resources) -> str:
        """Describe the resources added since `before`; empty if there are none."""
        found = []
        if len(self.tasks) > len(before.tasks):
            found.append(f"tasks: {', '.join(_subtract(self.tasks, before.tasks))}")
        if len(self.descriptors) > len(before.descriptors):
            found.append(
                f"descriptors: {', '.join(_subtract(self.descriptors, before.descriptors))}"
            )
        if self.subscriptions > before.subscriptions:
            found.append(f"{self.subscriptions - before.subscriptions} subscriptions to events")
        return "; ".join(found)


def count(kernel: Kernel) -> Resources:
    """Count the resources of this program and of a kernel in it."""
    gc.collect()
    tasks = tuple(sorted(_names(trio.lowlevel.current_root_task())))
    return Resources(tasks, tuple(sorted(_descriptors())), kernel.events.subscribers)


async def surplus(kernel: Kernel, before: Resources) -> str:
    """Describe the resources added since `before`, after a time for cleanup."""
    deadline = trio.current_time() + _CLEANUP_TIMEOUT
    while (found := count(kernel).surplus(before)) and trio.current_time() < deadline:  # noqa: ASYNC110
        await trio.sleep(_POLL)  # there is no notification of a closed descriptor
    return found


def _subtract(now: tuple[str, ...], before: tuple[str, ...]) -> list[str]:
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
            continue  # The descriptor of the listing itself.
    return found
