"""A job on the fake system: the effect of each verb, and the events it publishes."""

import pytest
import trio

from gaffer_kernel.errors import InvalidField, SpawnError
from gaffer_kernel.testing import Plan
from tests.fake_jobs import SLOW, Span, fakes, idle, web


async def test_load_publishes_create_start_and_spawn(autojump_clock, kernel, recorder):
    job = kernel.manager.load(web(numprocesses=2))
    assert recorder.names("web") == ["create", "start"]
    await job.settled()
    assert recorder.names("web") == ["create", "start", *["spawn", "ready"] * 2]
    assert job.pids() == [1, 2]


async def test_load_without_start_publishes_only_create(autojump_clock, kernel, recorder):
    for config, start in ((web(), False), (web(name="other", start=False), None)):
        job = kernel.manager.load(config, start=start)
        await idle()
        assert recorder.names(config.name) == ["create"]
        assert (job.active, job.pids()) == (False, [])


async def test_start_argument_of_load_overrides_the_configuration(autojump_clock, kernel):
    job = kernel.manager.load(web(start=False), start=True)
    await job.settled()
    assert job.active


async def test_a_job_of_zero_processes_starts_and_spawns_nothing(autojump_clock, kernel, recorder):
    job = kernel.manager.load(web(numprocesses=0))
    await job.settled()
    assert recorder.names("web") == ["create", "start"]
    assert (job.active, job.pids()) == (True, [])


async def test_stop_is_published_before_stop_pid_of_each_process(autojump_clock, kernel, recorder):
    job = kernel.manager.load(web(numprocesses=2))
    await job.settled()
    recorder.events.clear()
    job.stop()
    assert recorder.names("web") == ["stop", "stop_pid", "stop_pid"]
    await job.settled()
    assert recorder.names("web")[3:] == ["exit", "exit"]
    assert job.numprocesses == 2


async def test_state_is_updated_before_the_event_is_published(autojump_clock, kernel, adviser):
    seen = []
    job = kernel.manager.load(web(), start=False)

    def look(event):
        seen.append((event.event, job.active, job.pids(), kernel.manager.pids()))

    adviser.on_event = look
    job.start()
    await job.settled()
    job.stop()
    await job.settled()
    assert seen == [
        ("start", True, [], []),
        ("spawn", True, [1], [1]),
        ("ready", True, [1], [1]),
        ("stop", False, [1], [1]),
        ("stop_pid", False, [1], [1]),
        ("exit", False, [], []),
    ]


async def test_events_of_a_process_have_their_fields(autojump_clock, kernel, system, recorder):
    job = kernel.manager.load(web(), "shop")
    await job.settled()
    [fake] = fakes(job, system)
    await trio.sleep(2.5)
    fake.exit(3)
    exited = await recorder.wait_for("exit")
    spawned = await recorder.wait_for("spawn", pid=1)
    same = {"name": "shop.web", "session": "shop", "job": "web", "pid": 1}
    same |= {"os_pid": fake.os_pid, "detach": False}
    assert _content(spawned) == {"event": "spawn", **same}
    assert _content(exited) == {
        "event": "exit",
        **same,
        "exit_code": 3,
        "term_signal": 0,
        "once": False,
        "uptime": 2.5,
        "asked": False,
        "reason": "exited with status 3 after 2.5 s",
    }
    job.stop()
    stopped = await recorder.wait_for("stop_pid")
    assert (stopped.data["pid"], stopped.topic) == (2, "proc.shop.web.stop_pid")


def _content(event):
    return {key: value for key, value in event.to_dict().items() if key not in ("seq", "time")}


async def test_exit_by_a_signal_has_exit_code_zero(autojump_clock, kernel, system, recorder):
    job = kernel.manager.load(web())
    await job.settled()
    fakes(job, system)[0].exit(term_signal=11)
    exited = await recorder.wait_for("exit")
    assert (exited.data["exit_code"], exited.data["term_signal"]) == (0, 11)


async def test_scale_up_publishes_update_and_spawns(autojump_clock, kernel, recorder):
    job = kernel.manager.load(web())
    await job.settled()
    recorder.events.clear()
    assert job.scale(2) == 3
    await job.settled()
    assert recorder.names("web") == ["update", *["spawn", "ready"] * 2]
    assert recorder.events[0].data == {"numprocesses": 3}


async def test_scale_down_reaps_the_oldest_first(autojump_clock, kernel, recorder):
    job = kernel.manager.load(web(numprocesses=4))
    await job.settled()
    recorder.events.clear()
    assert job.scale("=2") == 2
    await job.settled()
    assert recorder.names("web") == ["update", "reap", "reap", "exit", "exit"]
    assert [event.data["pid"] for event in recorder.events if event.event == "reap"] == [1, 2]
    assert job.pids() == [3, 4]


async def test_scale_down_keeps_the_first_ports_of_a_job(autojump_clock, kernel):
    job = kernel.manager.load(web(numprocesses=4, port=8000))
    await job.settled()
    job.scale("=2")
    await job.settled()
    assert [process.number for process in job.processes] == [1, 2]


@pytest.mark.parametrize("wrong", ["many", "1.5", None, "=-1"])
async def test_an_invalid_scale_changes_nothing(autojump_clock, kernel, recorder, wrong):
    job = kernel.manager.load(web())
    await job.settled()
    before = recorder.names("web")
    with pytest.raises(InvalidField):
        job.scale(wrong)
    assert recorder.names("web") == before
    assert job.numprocesses == 1


async def test_scale_up_and_down_at_once_changes_nothing(autojump_clock, kernel, recorder):
    job = kernel.manager.load(web(numprocesses=2))
    await job.settled()
    for change in (5, -3, "=9", "-7"):
        job.scale(change)
    await job.settled()
    assert job.pids() == [1, 2]


async def test_restart_starts_each_successor_before_it_stops_the_predecessor(
    autojump_clock, kernel, system, recorder
):
    job = kernel.manager.load(web(numprocesses=3))
    await job.settled()
    recorder.events.clear()
    alive, fewest = 3, 3
    job.restart()
    await job.settled()
    assert recorder.names("web")[0] == "restart"
    for event in recorder.events:
        alive += {"spawn": 1, "reap": -1}.get(event.event, 0)
        fewest = min(fewest, alive)
    assert fewest == 3
    assert [event.data["pid"] for event in recorder.events if event.event == "reap"] == [1, 2, 3]
    assert job.pids() == [4, 5, 6]
    assert "stop" not in recorder.names("web")


@pytest.mark.parametrize("number", [1, 2])
async def test_restart_of_a_job_with_a_port_stops_each_process_before_its_successor_starts(
    autojump_clock, kernel, plans, recorder, number
):
    plans["serve"] = Plan(stop_delay=2.0)
    job = kernel.manager.load(web(numprocesses=number, port=8000))
    await job.settled()
    recorder.events.clear()
    span = Span()
    job.restart()
    job.restart()
    await job.settled()
    assert span.seconds == pytest.approx(2)
    for _ in range(number):
        names = [
            event.event
            for event in recorder.events
            if event.data.get("pid") in (1, 1 + number) and not event.event.startswith("proc")
        ]
        assert names == ["reap", "exit", "spawn", "ready"]
    assert job.pids() == list(range(number + 1, 2 * number + 1))
    assert (job.status()["restarts"], list(job.history)) == (0, [])
    assert "stop" not in recorder.names("web")


async def test_restart_keeps_the_old_process_when_the_successor_cannot_start(
    autojump_clock, kernel, plans, recorder
):
    job = kernel.manager.load(web())
    await job.settled()
    plans["serve"] = Plan(error=SpawnError("command_not_found", "no such program: serve"))
    job.restart()
    await recorder.wait_for("spawn_error")
    await job.settled()
    assert job.pids() == [1]
    assert "no such program" in job.status()["last_error"]


async def test_two_restarts_at_once_stop_every_older_process(autojump_clock, kernel, plans):
    plans["serve"] = SLOW
    job = kernel.manager.load(web(numprocesses=2))
    await job.settled()
    job.restart()
    job.restart()
    await job.settled()
    assert job.pids() == [3, 4]
    job.restart()
    await idle()
    job.restart()
    await job.settled()
    assert (len(job.pids()), min(job.pids())) == (2, 7)


async def test_reload_returns_to_the_configured_number(autojump_clock, kernel, recorder):
    job = kernel.manager.load(web())
    await job.settled()
    job.scale(2)
    await job.settled()
    recorder.events.clear()
    job.reload()
    await job.settled()
    assert job.pids() == [4]
    assert job.numprocesses == 1
    assert sorted(recorder.names("web")[:4]) == ["stop_pid"] * 3 + ["update"]


async def test_stopall_of_an_active_job_replaces_every_process(autojump_clock, kernel):
    job = kernel.manager.load(web(numprocesses=3))
    await job.settled()
    job.stopall()
    await job.settled()
    assert job.pids() == [4, 5, 6]


async def test_stop_of_one_process_replaces_it(autojump_clock, kernel, recorder):
    job = kernel.manager.load(web(numprocesses=2))
    await job.settled()
    recorder.events.clear()
    kernel.manager.process(1).stop()
    await job.settled()
    assert job.pids() == [2, 3]
    assert recorder.names("web") == ["stop_pid", "exit", "spawn", "ready"]
    assert list(job.history) == []


async def test_killall_reaches_every_process_and_one_off(autojump_clock, kernel, system):
    job = kernel.manager.load(web(numprocesses=2))
    job.commit()
    await job.settled()
    assert job.killall("usr1") == 3
    assert [fake.signals for fake in fakes(job, system)] == [[10], [10], [10]]
    with pytest.raises(InvalidField):
        job.killall("SIGNOTHING")


async def test_killall_of_a_stopped_job_signals_nothing(autojump_clock, kernel):
    job = kernel.manager.load(web(), start=False)
    assert job.killall("HUP") == 0
    job.start()
    await job.settled()
    [process] = job.processes
    job.stop()
    await job.settled()
    assert not process.kill("HUP")


async def test_killall_with_a_fatal_signal_counts_as_a_crash(autojump_clock, kernel, recorder):
    job = kernel.manager.load(web())
    await job.settled()
    job.killall(9)
    exited = await recorder.wait_for("exit")
    assert exited.data["term_signal"] == 9
    await job.settled()
    assert job.pids() == [2]
    assert [end.term_signal for end in job.history] == [9]


async def test_update_takes_the_new_configuration_and_number(
    autojump_clock, kernel, system, recorder
):
    job = kernel.manager.load(web())
    job.scale(4)
    await job.settled()
    recorder.events.clear()
    job.update(web(cmd="serve --new", numprocesses=2))
    await job.settled()
    assert [fake.request.argv for fake in fakes(job, system)] == [["serve", "--new"]] * 2
    assert job.config.cmd == "serve --new"
    assert recorder.names("web")[0] == "update"
    assert recorder.names("web").count("update") == 1
    assert "stop" not in recorder.names("web")


async def test_update_starts_a_stopped_job_only_on_request(autojump_clock, kernel):
    job = kernel.manager.load(web(), start=False)
    job.update(web(cmd="new"))
    await job.settled()
    assert (job.active, job.pids()) == (False, [])
    job.update(web(cmd="newer"), start=True)
    await job.settled()
    assert (job.active, job.pids()) == (True, [1])


async def test_update_with_another_name_is_an_error(autojump_clock, kernel):
    job = kernel.manager.load(web())
    with pytest.raises(InvalidField, match="name"):
        job.update(web(name="other"))
    assert job.config.name == "web"


async def test_resize_keeps_the_processes_that_stay(autojump_clock, kernel, recorder):
    job = kernel.manager.load(web(numprocesses=2))
    await job.settled()
    recorder.events.clear()
    kernel.manager.resize(web(numprocesses=3))
    await job.settled()
    assert job.pids() == [1, 2, 3]
    assert recorder.names("web") == ["update", "spawn", "ready"]
    job.reload()
    assert job.numprocesses == 3


async def test_unload_stops_and_then_publishes_delete(autojump_clock, kernel, plans, recorder):
    plans["serve"] = SLOW
    job = kernel.manager.load(web(numprocesses=2))
    await job.settled()
    recorder.events.clear()
    job.unload()
    assert not job.gone.is_set()
    await job.gone.wait()
    assert recorder.names("web") == ["stop", "stop_pid", "stop_pid", "exit", "exit", "delete"]


async def test_unload_of_a_stopped_job_publishes_only_delete(autojump_clock, kernel, recorder):
    job = kernel.manager.load(web(), start=False)
    job.unload()
    await job.gone.wait()
    assert recorder.names("web") == ["create", "delete"]


async def test_every_verb_called_twice_acts_once(autojump_clock, kernel, recorder):
    job = kernel.manager.load(web())
    for verb, events in (
        (job.start, []),
        (job.stop, ["stop", "stop_pid", "exit"]),
        (job.start, ["start", "spawn", "ready"]),
        (job.stopall, ["stop_pid", "exit", "spawn", "ready"]),
        (job.unload, ["stop", "stop_pid", "exit", "delete"]),
    ):
        await job.settled()
        recorder.events.clear()
        verb()
        verb()
        await job.settled()
        await idle()
        assert recorder.names("web") == events
        recorder.events.clear()


async def test_a_likely_mistake_in_the_command_line_is_logged_once(kernel, autojump_clock, caplog):
    job = kernel.manager.load(web(cmd="serve $NO_SUCH | tee log", numprocesses=2))
    await job.settled()
    job.restart()
    await job.settled()
    assert [line for line in caplog.messages if line.startswith("web: cmd:")] == [
        "web: cmd: | has no meaning without a shell: set shell = true, or quote it",
        "web: cmd: $NO_SUCH is not set, so it stays as it is: set it, or write $$NO_SUCH",
    ]
