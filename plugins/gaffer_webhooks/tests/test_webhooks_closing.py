"""Hooks that come and go while the plugin closes."""

import threading

import pytest
import trio
from gaffer_kernel import NotFound
from tests.waiting import until

from gaffer_webhooks import hook_registry as hooks
from gaffer_webhooks.state_dir import InUse, open_folder

from .conftest import happen


@pytest.fixture
def slow_disk(monkeypatch):
    """Writing the hooks takes until `go` is set; `begun` tells of it."""
    write_hooks = hooks.write_hooks

    class Disk:
        begun, go = threading.Event(), threading.Event()

    def writing(path, some):
        Disk.begun.set()
        assert Disk.go.wait(20)
        write_hooks(path, some)

    monkeypatch.setattr(hooks, "write_hooks", writing)
    return Disk


async def test_a_hook_that_is_registered_while_the_plugin_closes_is_there_at_the_next_opening(
    posting, receiver, slow_disk, state
):
    refused = []
    async with posting() as kernel:
        webhooks = kernel.services["webhooks"]

        async def register():
            with pytest.raises(NotFound):
                await webhooks.register("tick", receiver.url)
            refused.append(True)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(register)
            await until(slow_disk.begun.is_set)
            await kernel.plugins.close("webhooks")
            slow_disk.go.set()
        assert refused
        assert not list(state.glob("*.queue"))
        await kernel.plugins.open("webhooks")
        assert [hook.pattern for hook in kernel.services["webhooks"].list()] == ["tick"]


async def test_a_receiver_that_is_gone_while_the_plugin_closes_breaks_nothing(
    posting, receiver, slow_disk, state, monkeypatch
):
    monkeypatch.setattr("gaffer_webhooks.service.GRACE", 0.1)
    receiver.answers = [410]
    async with receiver.up(), posting(f"tick = {receiver.url}") as kernel:
        happen(kernel, 1)
        await until(slow_disk.begun.is_set)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(kernel.plugins.close, "webhooks")
            await until(lambda: is_free(state))
            slow_disk.go.set()
        [info] = [each for each in kernel.plugins.info() if each.name == "webhooks"]
        assert (info.state, info.error) == ("closed", None)


def is_free(state):
    """Whether the plugin has let go of its folder."""
    try:
        open_folder(state).close()
    except InUse:
        return False
    return True


async def test_a_service_that_was_kept_after_its_end_registers_nothing(posting, receiver, state):
    async with posting() as kernel:
        webhooks = kernel.services["webhooks"]
        await kernel.plugins.close("webhooks")
        with pytest.raises(NotFound):
            await webhooks.register("tick", receiver.url)
    assert not state.exists()
