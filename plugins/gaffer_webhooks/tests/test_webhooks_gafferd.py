"""The command gafferd, killed and started again: events are posted after the restart."""

import signal

import pytest
from gaffer_testing.gafferd import Home, one_line
from gaffer_testing.waiting import until, wait_until


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path, "webhooks", "signals")


def write(home, receiver, *jobs):
    section = f"[webhooks]\nproc = {receiver.url}\n"
    return home.write("g.ini", section + "\n".join(jobs))


async def test_events_before_sigkill_are_posted_after_restart(home, receiver):
    jobs = [home.job(f"job{number}", start="true") for number in range(20)]
    file = write(home, receiver, *jobs)
    with home.running("-c", file, "-v") as process:
        for number in range(20):
            home.pid(f"job{number}.pid")
        queues = list((home / ".gaffer" / "webhooks").glob("*.queue"))
        # The pid files exist before the events are published and journaled.
        # Each message names its event twice; `ready` is the last one of a job.
        wait_until(lambda: sum(path.read_text().count(".ready") for path in queues) == 40)
        process.send_signal(signal.SIGKILL)
        process.wait()
    write(home, receiver)
    with home.running("-c", file, "-v"):
        async with receiver.up():
            await until(lambda: len(receiver.got) >= 80)
    posted = [(each.event["name"], each.event["event"].rpartition(".")[2]) for each in receiver.got]
    for number in range(20):
        own = [event for name, event in posted if name == f"job{number}"]
        assert own == ["create", "start", "spawn", "ready"]
    assert receiver.numbers() == sorted(receiver.numbers())


async def test_message_interrupted_by_sigkill_is_sent_again_with_same_id(home, receiver):
    receiver.hangs = True
    file = write(home, receiver, home.job("one"))
    async with receiver.up():
        with home.running("-c", file, "-v") as process:
            await until(lambda: receiver.got)
            process.send_signal(signal.SIGKILL)
            process.wait()
        receiver.hangs = False
        write(home, receiver)
        with home.running("-c", file, "-v"):
            await until(lambda: len(receiver.got) >= 4)
    assert receiver.got[0].id == receiver.got[1].id
    assert receiver.got[0].body == receiver.got[1].body


async def test_sigterm_posts_exit_of_jobs(home, receiver):
    file = write(home, receiver, home.job("one"))
    async with receiver.up():
        with home.running("-c", file, "-v") as process:
            await until(lambda: "proc.one.spawn" in receiver.events())
            process.send_signal(signal.SIGTERM)
            await until(lambda: "proc.one.exit" in receiver.events())
            wait_until(lambda: process.poll() is not None)
            assert process.returncode == 0
    assert "proc.one.delete" not in receiver.events()


def test_state_folder_open_to_others_is_rejected(home, receiver):
    state = home / "state"
    state.mkdir(mode=0o755)
    file = home.write("g.ini", f"[webhooks]\nstate = state\nspawn = {receiver.url}\n")
    error = one_line(home.run("-c", file))
    assert error.endswith(f"webhooks: {state} is open to others: chmod 700 {state}")
