"""The index of jobs and processes."""

import pytest
import trio

from gaffer_kernel.errors import Conflict, InvalidField, NotFound
from gaffer_kernel.names import JobName
from tests.fake_jobs import SLOW, Span, fakes, web

# Names, sessions, processes


async def test_jobs_are_listed_in_the_order_of_loading(autojump_clock, kernel, recorder):
    for name, session in (("a", "ga"), ("d", "gb"), ("b", "ga"), ("e", "default")):
        kernel.manager.load(web(name=name), session)
    assert [str(job.name) for job in kernel.manager.jobs()] == ["ga.a", "ga.b", "gb.d", "e"]
    assert [str(job.name) for job in kernel.manager.jobs("ga")] == ["ga.a", "ga.b"]
    assert kernel.manager.sessions() == ["ga", "gb", "default"]
    started = [event.name for event in recorder.events if event.event == "start"]
    assert started == ["ga.a", "gb.d", "ga.b", "e"]


async def test_a_session_is_removed_with_its_last_job(autojump_clock, kernel):
    for name in ("a", "b"):
        kernel.manager.load(web(name=name), "shop")
    kernel.manager.unload("shop.a")
    assert kernel.manager.sessions() == ["shop"]
    kernel.manager.unload("shop/b")
    assert (kernel.manager.sessions(), kernel.manager.jobs()) == ([], [])
    with pytest.raises(NotFound, match="shop"):
        kernel.manager.jobs("shop")


@pytest.mark.parametrize("text", ["shop.web", "shop/web", "shop:web", JobName("shop", "web")])
async def test_get_finds_a_job_by_every_form_of_its_name(autojump_clock, kernel, text):
    job = kernel.manager.load(web(), "shop")
    assert kernel.manager.get(text) is job


async def test_a_bare_name_is_in_the_default_session(autojump_clock, kernel):
    default, other = kernel.manager.load(web()), kernel.manager.load(web(), "shop")
    assert kernel.manager.get("web") is kernel.manager.get("default.web") is default
    assert kernel.manager.get("shop.web") is other
    assert (str(default.name), str(other.name)) == ("web", "shop.web")


@pytest.mark.parametrize("name", ["nobody", "shop.web", "default.nobody"])
async def test_an_unknown_job_is_named_in_the_error(autojump_clock, kernel, name):
    kernel.manager.load(web())
    for verb in (kernel.manager.get, kernel.manager.unload):
        with pytest.raises(NotFound, match=r"nobody|shop\.web") as caught:
            verb(name)
        assert caught.value.kind == "job"


@pytest.mark.parametrize("name", ["", ".", "a.b.c", "12", "default.", ".web", "we b", "web\n"])
async def test_an_invalid_name_is_an_error(autojump_clock, kernel, name):
    with pytest.raises(InvalidField):
        kernel.manager.get(name)


async def test_a_name_loaded_twice_in_a_session_is_a_conflict(autojump_clock, kernel, recorder):
    kernel.manager.load(web())
    with pytest.raises(Conflict, match="web"):
        kernel.manager.load(web(cmd="other"))
    kernel.manager.load(web(), "shop")
    assert recorder.names("web").count("create") == 1


@pytest.mark.parametrize("session", ["", "a.b", "a b", "-x"])
async def test_load_into_an_invalid_session_creates_no_session(autojump_clock, kernel, session):
    with pytest.raises(InvalidField, match="session"):
        kernel.manager.load(web(), session)
    assert kernel.manager.sessions() == []


async def test_pids_count_from_one_and_are_never_reused(autojump_clock, kernel, recorder):
    one = kernel.manager.load(web(numprocesses=2))
    await one.settled()
    two = kernel.manager.load(web(name="two"))
    await two.settled()
    one.stopall()
    await one.settled()
    kernel.manager.unload("web")
    await one.gone.wait()
    again = kernel.manager.load(web())
    await again.settled()
    pids = [event.data["pid"] for event in recorder.events if event.event == "spawn"]
    assert pids == [1, 2, 3, 4, 5, 6]


async def test_process_finds_a_pid_until_it_is_reaped(autojump_clock, kernel):
    job = kernel.manager.load(web(numprocesses=2))
    await job.settled()
    assert kernel.manager.pids() == [1, 2]
    assert kernel.manager.process(2).pid == 2
    assert [process.pid for process in kernel.manager.walk()] == [1, 2]
    job.scale("=1")
    await job.settled()
    with pytest.raises(NotFound, match="1") as caught:
        kernel.manager.process(1)
    assert caught.value.kind == "process"
    assert kernel.manager.pids() == [2]


async def test_walk_allows_to_stop_and_unload_on_the_way(autojump_clock, kernel):
    for name in "abc":
        await kernel.manager.load(web(name=name, numprocesses=2)).settled()
    for process in kernel.manager.walk():
        process.stop()
        if process.job.name in [job.name.name for job in kernel.manager.jobs()]:
            kernel.manager.unload(process.job)
    await trio.sleep(1)
    assert (kernel.manager.jobs(), kernel.manager.pids()) == ([], [])


async def test_update_finds_the_job_by_name_and_session(autojump_clock, kernel, system):
    job = kernel.manager.load(web(), "shop")
    with pytest.raises(NotFound):
        kernel.manager.update(web(cmd="new"))
    assert kernel.manager.update(web(cmd="new"), "shop") is job
    await job.settled()
    assert fakes(job, system)[0].request.argv == ["new"]


async def test_the_configuration_of_the_caller_is_not_changed(autojump_clock, kernel):
    config = web(env={"A": "1"})
    before = config.to_dict()
    job = kernel.manager.load(config)
    job.scale(3)
    job.commit(env={"B": "2"})
    await job.settled()
    assert config.to_dict() == before
    assert job.info()["config"] == before


async def test_variables_of_one_job_do_not_leak_into_another(autojump_clock, kernel, system):
    one = kernel.manager.load(web(name="one", env={"A": "1"}))
    two = kernel.manager.load(web(name="two"))
    one.commit(env={"B": "2"})
    await one.settled()
    await two.settled()
    assert not {"A", "B"} & fakes(two, system)[0].request.environ.keys()
    assert "B" not in fakes(one, system)[1].request.environ


# Unloading, and loading again


async def test_a_job_waits_for_an_unloaded_job_of_its_name(autojump_clock, kernel, plans, recorder):
    plans["old"] = SLOW
    old = kernel.manager.load(web(cmd="old"))
    await old.settled()
    assert kernel.manager.unload("web") is old
    new = kernel.manager.load(web(cmd="new", numprocesses=2))
    assert kernel.manager.get("web") is new
    assert new.pids() == []
    span = Span()
    await new.settled()
    assert span.seconds == pytest.approx(10)
    assert recorder.names("web")[4:] == [
        "stop",
        "stop_pid",
        "exit",
        "delete",
        "create",
        "start",
        *["spawn", "ready"] * 2,
    ]


async def test_a_name_can_be_reloaded_many_times_while_its_first_job_stops(
    autojump_clock, kernel, plans, recorder
):
    plans["serve"] = SLOW
    await kernel.manager.load(web()).settled()
    for number in range(5):
        kernel.manager.unload("web")
        last = kernel.manager.load(web(cmd=f"serve{number}"))
    span = Span()
    await last.settled()
    assert span.seconds == pytest.approx(10)
    assert recorder.names("web").count("spawn") == 2
    assert recorder.names("web").count("delete") == 5


async def test_verbs_called_while_a_job_waits_for_its_name_are_applied_later(
    autojump_clock, kernel, plans, system
):
    plans["old"] = SLOW
    await kernel.manager.load(web(cmd="old")).settled()
    kernel.manager.unload("web")
    new = kernel.manager.load(web(cmd="new"), start=False)
    new.start()
    new.scale(2)
    new.update(web(cmd="newer", numprocesses=2))
    pid = new.commit(env={"A": "1"})
    await new.settled()
    assert len(new.pids()) == 3
    assert kernel.manager.process(pid).one_off
    assert {fake.request.argv[0] for fake in fakes(new, system)} == {"newer"}


async def test_a_job_unloaded_while_it_waits_for_its_name_never_runs(
    autojump_clock, kernel, plans, system
):
    plans["old"] = SLOW
    await kernel.manager.load(web(cmd="old")).settled()
    kernel.manager.unload("web")
    new = kernel.manager.load(web(cmd="new"))
    kernel.manager.unload("web")
    await new.gone.wait()
    assert system.spawned == 1
    assert kernel.manager.jobs() == []


async def test_many_verbs_in_one_step_of_a_task_are_consistent(autojump_clock, kernel, system):
    for _ in range(10):
        kernel.manager.load(web()).scale(5)
        kernel.manager.get("web").restart()
        kernel.manager.unload("web")
    await trio.sleep(1)
    assert (kernel.manager.jobs(), kernel.manager.pids(), system.processes) == ([], [], {})
