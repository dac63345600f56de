"""The state folder: opened late, after another gafferd, or with damaged files."""

import pytest
from gaffer_kernel import Config, GafferError, StorageError, open_kernel
from gaffer_testing.waiting import until

from gaffer_webhooks.plugin import plugin as webhooks_plugin
from gaffer_webhooks.state_dir import open_state_dir

from .conftest import publish


def patterns(kernel):
    return [hook.pattern for hook in kernel.services["webhooks"].list()]


async def test_first_hook_keeps_hooks_of_earlier_gafferd(posting, receiver):
    async with posting() as earlier:
        await earlier.services["webhooks"].register("tick", f"{receiver.url}/tick")
        async with posting() as kernel:
            await earlier.plugins.close("webhooks")
            await kernel.services["webhooks"].register("tock", f"{receiver.url}/tock")
            assert patterns(kernel) == ["tick", "tock"]
    async with posting() as kernel:
        assert patterns(kernel) == ["tick", "tock"]


async def test_reload_reads_hooks_of_earlier_gafferd(receiver, tmp_path, state):
    file = tmp_path / "gaffer.ini"
    head = f"[webhooks]\nstate = {state}\n"
    file.write_text(head)
    async with open_kernel(Config.read(file), plugins=[webhooks_plugin]) as earlier:
        await earlier.services["webhooks"].register("tick", f"{receiver.url}/tick")
        running = open_kernel(Config.read(file), plugins=[webhooks_plugin])
        async with receiver.up(), running as kernel:
            await earlier.plugins.close("webhooks")
            file.write_text(f"{head}tock = {receiver.url}/tock\n")
            await kernel.reload()
            publish(kernel, 1, "tick")
            await until(lambda: receiver.got)
            assert patterns(kernel) == ["tick", "tock"]


async def test_unreadable_queue_keeps_messages_of_other_queues(
    posting, receiver, state, monkeypatch, caplog
):
    monkeypatch.setattr("gaffer_webhooks.service.CLOSE_TIMEOUT", 0.1)
    good, bad = f"{receiver.url}/good", f"{receiver.url}/bad"
    async with posting(f"tick = {good}") as kernel:
        publish(kernel, 3)
    folder = open_state_dir(state)
    folder.get_journal(bad, trusted=True).mkdir()
    folder.close()
    with pytest.raises(BaseExceptionGroup) as caught:
        async with posting(f"tick = {good} {bad}"):
            pass
    assert caught.group_contains(GafferError, match="Is a directory")
    async with receiver.up(), posting(f"tick = {good}"):
        await until(lambda: len(receiver.got) == 3)


@pytest.mark.parametrize(
    "damage",
    [
        b"[",
        b"\xff",
        b'[{"pattern":"\xff","url":"http://x"}]',
        b'[{"pattern":"x","url":"x"}]',
        b'[{"url":"http://x"}]',
    ],
)
async def test_damaged_hook_file_is_named_in_error(posting, receiver, state, damage):
    folder = open_state_dir(state)
    folder.hooks.write_bytes(damage)
    folder.close()
    with pytest.raises(BaseExceptionGroup) as caught:
        async with posting(f"tick = {receiver.url}"):
            pass
    assert caught.group_contains(GafferError, match=r"hooks.json is damaged: .*repair or remove it")
    assert folder.hooks.read_bytes() == damage


async def test_hook_that_cannot_be_stored_is_rejected_without_changes(posting, receiver, state):
    async with posting() as kernel:
        webhooks = kernel.services["webhooks"]
        stored = await webhooks.register("tick", receiver.url)
        (state / "hooks.json").unlink()
        (state / "hooks.json").mkdir()
        with pytest.raises(StorageError, match=r"hooks\.json: cannot be written: Is a directory"):
            await webhooks.register("tock", receiver.url)
        assert webhooks.list() == [stored]
        assert not list(state.glob("*.new"))
