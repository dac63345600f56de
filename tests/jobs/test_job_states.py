"""Every verb in every state, after every other, and in the middle of every event."""

import pytest
import trio

from gaffer_kernel.errors import Closing, SpawnError
from gaffer_kernel.jobs.config import Flapping
from gaffer_kernel.jobs.job import Job
from gaffer_kernel.kernel import Kernel
from gaffer_kernel.testing import Plan, Recorder
from tests.fake_jobs import CRASH, SLOW, web

# Every verb in every state

STATES = ["stopped", "running", "waiting", "resting", "given_up", "stopping", "unloading"]
VERBS = ["start", "stop", "restart", "reload", "scale", "commit", "killall", "stopall"]
VERBS += ["update", "update_start", "resize", "unload", "stop_each"]
# Active afterwards, with how many kept instances; for each state, by verb.
RUNS = {"start", "restart", "update_start"}
ENDS = {"stop", "unload"}


async def bring_into(state: str, job: Job, plans: dict[str, Plan], recorder: Recorder) -> None:
    """Bring a stopped job into one of the STATES; the next processes are healthy."""
    plans["serve"] = Plan() if state == "running" else SLOW
    if state in ("waiting", "resting", "given_up"):
        plans["serve"] = CRASH
    if state != "stopped":
        job.start()
        if state in ("resting", "given_up"):
            await recorder.wait_for("flap", gave_up=state == "given_up")
        elif state == "waiting":
            await trio.sleep(100)
        else:
            await job.settled()
    if state == "stopping":
        job.stop()
    elif state == "unloading":
        job.unload()
    plans["serve"] = Plan()


def call(kernel: Kernel, job: Job, verb: str) -> None:
    """Call one verb of VERBS, with arguments that change something."""
    arguments = {"scale": ("+1",), "killall": ("USR1",)}
    if verb in ("update", "update_start"):
        job.update(web(cmd="serve again", numprocesses=2), start=verb == "update_start")
    elif verb == "resize":
        kernel.manager.resize(web(numprocesses=3))
    elif verb == "stop_each":
        for process in job.processes:
            process.stop()
    else:
        getattr(job, verb)(*arguments.get(verb, ()))


def expected(state: str, verb: str) -> tuple[bool, int]:
    """Return whether the job is active at the end, and how many instances it keeps alive."""
    number = 3 if verb in ("scale", "resize") else 2
    if verb in ENDS or state == "unloading":
        return False, 0
    if verb in RUNS or state in ("running", "waiting", "resting"):
        return True, number
    if state == "given_up" and verb == "update":
        return True, number
    return False, 0


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("state", STATES)
async def test_every_verb_in_every_state(autojump_clock, kernel, plans, recorder, state, verb):
    flapping = {"resting": Flapping(), "given_up": Flapping(max_retry=0)}.get(state)
    job = kernel.manager.load(web(numprocesses=2, flapping=flapping), start=False)
    await bring_into(state, job, plans, recorder)
    if (state, verb) == ("unloading", "commit"):
        with pytest.raises(Closing):
            job.commit()
    else:
        call(kernel, job, verb)
    await job.settled()
    await trio.sleep(60)
    kept = [process for process in job.processes if not process.one_off]
    assert (job.active, len(kept)) == expected(state, verb)
    assert len(job.processes) - len(kept) == (verb == "commit" and state != "unloading")
    assert job.is_settled
    assert job.gone.is_set() == (verb == "unload" or state == "unloading")


def after(verbs: tuple[str, ...]) -> tuple[bool, int]:
    """Return whether a job of two processes is active after these verbs, and its size."""
    active, wanted, configured = True, 2, 2
    for verb in verbs:
        if verb == "unload":
            return False, wanted
        active = verb in RUNS or (active and verb != "stop")
        configured = {"resize": 3}.get(verb, configured)
        wanted = {"scale": wanted + 1, "resize": 3, "reload": configured}.get(verb, wanted)
        wanted = 2 if verb.startswith("update") else wanted
    return active, wanted


@pytest.mark.parametrize("second", [verb for verb in VERBS if verb != "commit"])
@pytest.mark.parametrize("first", VERBS)
async def test_every_verb_right_after_every_other(autojump_clock, kernel, first, second):
    job = kernel.manager.load(web(numprocesses=2))
    call(kernel, job, first)
    call(kernel, job, second)
    await job.settled()
    active, wanted = after((first, second))
    assert job.active == active
    assert len([process for process in job.processes if not process.one_off]) == active * wanted


# Hooks that call back in the middle of an event

EVENTS = [
    "create",
    "start",
    "spawn",
    "ready",
    "stop",
    "stop_pid",
    "exit",
    "update",
    "restart",
    "reap",
]


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("event", [*EVENTS, "crash", "flap", "spawn_error", "waiting", "delete"])
async def test_a_hook_can_call_any_verb_during_any_event(
    autojump_clock, kernel, plans, recorder, adviser, event, verb
):
    job = kernel.manager.load(web(numprocesses=2, flapping=Flapping(retry_in=5)), start=False)
    called = []

    def call_back(published):
        if published.event == event and not called:
            called.append(verb)
            try:
                call(kernel, job, verb)
            except Closing:
                assert event == "delete" or "delete" in recorder.names("web") or verb == "commit"

    adviser.on_event = call_back
    job.start()
    await job.settled()
    job.restart()
    await job.settled()
    job.scale(-1)
    await job.settled()
    plans["serve"] = CRASH if event in ("flap", "crash") else Plan()
    if event in ("spawn_error", "waiting"):
        plans["serve"] = Plan(error=SpawnError("bad_cwd", "no such directory"))
    job.stopall()
    await trio.sleep(2)
    plans["serve"] = Plan()
    await trio.sleep(20)
    assert job.is_settled
    job.stop()
    await job.settled()
    job.unload()
    await job.gone.wait()
    assert called or event in ("create",) or (event in ("spawn_error", "waiting") and verb in ENDS)
