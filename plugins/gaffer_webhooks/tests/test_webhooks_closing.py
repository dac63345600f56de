"""Hooks that are registered and removed while the plugin closes."""

import threading

import pytest
import trio
from gaffer_kernel import NotFound
from gaffer_testing.waiting import until

from gaffer_webhooks import hook_registry
from gaffer_webhooks.state_dir import StateDirInUseError, open_state_dir

from .conftest import publish


@pytest.fixture
def slow_disk(monkeypatch):
    """Block writing the hooks until `go` is set; `begun` is set when it starts."""
    write_hooks = hook_registry.write_hooks

    class Disk:
        begun, go = threading.Event(), threading.Event()

    def writing(path, some):
        Disk.begun.set()
        assert Disk.go.wait(20)
        write_hooks(path, some)

    monkeypatch.setattr(hook_registry, "write_hooks", writing)
    return Disk


async def test_hook_registered_during_close_exists_at_next_opening(
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


async def test_gone_receiver_during_close_does_not_fail_the_plugin(
    posting, receiver, slow_disk, state, monkeypatch
):
    monkeypatch.setattr("gaffer_webhooks.service.CLOSE_TIMEOUT", 0.1)
    receiver.answers = [410]
    async with receiver.up(), posting(f"tick = {receiver.url}") as kernel:
        publish(kernel, 1)
        await until(slow_disk.begun.is_set)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(kernel.plugins.close, "webhooks")
            await until(lambda: is_free(state))
            slow_disk.go.set()
        [info] = [each for each in kernel.plugins.info() if each.name == "webhooks"]
        assert (info.state, info.error) == ("closed", None)


def is_free(state):
    """Whether the plugin has released its folder."""
    try:
        open_state_dir(state).close()
    except StateDirInUseError:
        return False
    return True


async def test_closed_service_refuses_to_register(posting, receiver, state):
    async with posting() as kernel:
        webhooks = kernel.services["webhooks"]
        await kernel.plugins.close("webhooks")
        with pytest.raises(NotFound):
            await webhooks.register("tick", receiver.url)
    assert not state.exists()
