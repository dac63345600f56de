"""The simulation: invariants hold, seeds can be replayed, and mutants of the kernel are caught."""

from collections import Counter
from math import inf

import pytest
from msgspec.structs import replace

from gaffer_kernel.jobs import restart
from gaffer_kernel.jobs.exit_handler import ExitHandler
from gaffer_kernel.jobs.instances import Instances
from gaffer_kernel.jobs.manager import Manager
from gaffer_kernel.jobs.restart import RestartState
from gaffer_kernel.jobs.rollout import Rollouts
from gaffer_kernel.jobs.slots import Slot, Slots
from gaffer_kernel.jobs.supervisor import Supervisor
from gaffer_kernel.plugin_advice import PluginAdvice
from gaffer_kernel.processes.stop import Stopper, StopSequence
from tests.simulation import REQUESTS, run_seed

SEEDS = 100
CHUNK = 10
ALL_EVENTS = {
    *("create", "start", "stop", "restart", "update", "delete"),
    *("spawn", "reap", "exit", "stop_pid", "flap", "spawn_error"),
    *("crash", "completed", "failed", "restart_failed", "waiting", "ready", "unready"),
}


ALL_STOPS = {"command", "1 signals", "2 signals", "3 signals"}


@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_invariants_hold_for_every_seed(first):
    events = Counter()
    requests = Counter()
    stops = Counter()
    for seed in range(first, first + CHUNK):
        result = run_seed(seed)
        events += result.events
        requests += result.requests
        stops += result.stops
    # A simulation that never reaches a state proves nothing about it.
    assert events.keys() >= ALL_EVENTS
    assert min(events[name] for name in ALL_EVENTS) >= 5, events
    assert set(REQUESTS) <= requests.keys()
    assert requests["bad file"] >= 1
    assert min(stops[name] for name in ALL_STOPS) >= 2, stops


def test_the_same_seed_gives_the_same_run():
    # Also guards the private generator of trio that the simulation seeds.
    assert run_seed(7).fingerprint == run_seed(7).fingerprint
    assert run_seed(7).fingerprint != run_seed(8).fingerprint


def run_seeds(count):
    for seed in range(count):
        run_seed(seed)


def start_twice(monkeypatch):
    spawn = Instances._spawn

    def mutant(self, process):
        if process.number == 2:
            process._child = self._system.spawn(request_like(process), process)
        return spawn(self, process)

    monkeypatch.setattr(Instances, "_spawn", mutant)


def request_like(process):
    from gaffer_kernel.system import SpawnRequest

    return SpawnRequest(argv=[process.config.cmd], environ={})


def forget_to_stop(monkeypatch):
    monkeypatch.setattr(Instances, "stop_all", lambda self, reason: None)


def forget_the_stop(monkeypatch):
    def mutant(self):
        self.publish("stop")
        self.instances.stop_all()

    monkeypatch.setattr(Supervisor, "handle_stop", mutant)


def miss_the_restart(monkeypatch):
    monkeypatch.setattr(Supervisor, "_next_time", lambda self: self.instances.next_step_at())


def never_kill(monkeypatch):
    monkeypatch.setattr(Instances, "next_step_at", lambda self: inf)


def skip_a_stop_step(monkeypatch):
    take_step = StopSequence.take_step

    def mutant(self, now):
        signum = take_step(self, now)
        return take_step(self, now) if self._taken == 2 and len(self._steps) == 3 else signum

    monkeypatch.setattr(StopSequence, "take_step", mutant)


def ignore_the_stop_command(monkeypatch):
    # The process exits while its stop_command runs, and the exit is forgotten.
    monkeypatch.setattr(Stopper, "_end_command", lambda self: None)


def publish_an_exit_twice(monkeypatch):
    handle_exit = Instances._handle_exit

    def mutant(self, process, status):
        handle_exit(self, process, status)
        if process.number == 3:
            self._publish("exit", process)

    monkeypatch.setattr(Instances, "_handle_exit", mutant)


def delete_before_the_last_exit(monkeypatch):
    unload = Supervisor.handle_unload

    def mutant(self):
        unload(self)
        self._empty.set()

    monkeypatch.setattr(Supervisor, "handle_unload", mutant)


def let_two_jobs_of_a_name_overlap(monkeypatch):
    unload = Manager.unload

    def mutant(self, name):
        job = unload(self, name)
        self._unloading.clear()
        return job

    monkeypatch.setattr(Manager, "unload", mutant)


def keep_surplus_instances(monkeypatch):
    shrink = Slots._shrink
    monkeypatch.setattr(Slots, "_shrink", lambda self, surplus: shrink(self, surplus) and [])


def reset_the_backoff_too_early(monkeypatch):
    decide = RestartState.decide

    def mutant(self, slot, crash, config, advise):
        return decide(self, slot, crash, replace(config, healthy_after=0.4), advise)

    monkeypatch.setattr(RestartState, "decide", mutant)


def ignore_the_restart_rules(monkeypatch):
    monkeypatch.setattr(restart, "forbids_restart", lambda *args: "")


def never_fail_a_job(monkeypatch):
    monkeypatch.setattr(ExitHandler, "check_ended", lambda self: None)


def stop_predecessors_at_once(monkeypatch):
    spawned = Rollouts.spawned
    monkeypatch.setattr(Rollouts, "spawned", lambda self, slot: spawned(self, slot) and False)


def go_on_after_a_failure(monkeypatch):
    def mutant(self, current, reason):
        current.unready.clear()
        self._owner.publish("restart_failed", reason=reason)

    monkeypatch.setattr(Rollouts, "_fail", mutant)


def keep_the_configuration_that_failed(monkeypatch):
    fail = Rollouts._fail

    def mutant(self, current, reason):
        config = self._owner.config
        fail(self, current, reason)
        self._owner.config = config

    monkeypatch.setattr(Rollouts, "_fail", mutant)


def ignore_start_conditions(monkeypatch):
    monkeypatch.setattr(PluginAdvice, "start_condition", lambda self, job, number: None)


def forget_to_reconsider(monkeypatch):
    monkeypatch.setattr(Slots, "unblock", lambda self, now: None)


def report_stopping_processes_ready(monkeypatch):
    def mutant(self, process, ready, reason):
        if process.readiness.set(ready, reason, 0.0):
            self._publish_ready(Slot(process.number), process)

    monkeypatch.setattr(Instances, "set_ready", mutant)


MUTANTS = (
    start_twice,
    forget_to_stop,
    forget_the_stop,
    miss_the_restart,
    never_kill,
    skip_a_stop_step,
    ignore_the_stop_command,
    publish_an_exit_twice,
    delete_before_the_last_exit,
    let_two_jobs_of_a_name_overlap,
    keep_surplus_instances,
    reset_the_backoff_too_early,
    ignore_the_restart_rules,
    never_fail_a_job,
    stop_predecessors_at_once,
    go_on_after_a_failure,
    keep_the_configuration_that_failed,
    ignore_start_conditions,
    forget_to_reconsider,
    report_stopping_processes_ready,
)


@pytest.mark.parametrize("mutate", MUTANTS)
def test_each_mutant_breaks_an_invariant(mutate, monkeypatch):
    mutate(monkeypatch)
    with pytest.raises((AssertionError, BaseExceptionGroup)):
        run_seeds(20)
