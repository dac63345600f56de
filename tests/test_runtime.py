"""Kernels outside trio: one clear sentence."""

import asyncio
import contextlib

import pytest

from gaffer_kernel import Kernel, open_kernel
from gaffer_kernel.testing import FakeSystem

REMEDY = ": run it with trio.run, in a thread of its own if need be; docs/embedding.md shows how"


async def open_it():
    async with open_kernel(system=FakeSystem()):
        pass  # pragma: no cover


async def run_it():
    await Kernel(system=FakeSystem()).run()


@pytest.mark.parametrize(("start", "name"), [(open_it, "open_kernel"), (run_it, "Kernel.run")])
def test_a_kernel_in_asyncio_fails_with_one_sentence(start, name):
    with pytest.raises(RuntimeError) as caught:
        asyncio.run(start())
    assert str(caught.value) == (
        f"{name} works in trio only, and a task of asyncio called it{REMEDY}"
    )


def test_a_kernel_without_an_event_loop_fails_with_one_sentence():
    opening = run_it()
    with contextlib.closing(opening), pytest.raises(RuntimeError) as caught:
        opening.send(None)
    assert (
        str(caught.value) == f"Kernel.run works in trio only, and no task of trio called it{REMEDY}"
    )
