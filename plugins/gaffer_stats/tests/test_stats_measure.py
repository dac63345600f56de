"""Passes over real processes."""

import os
import pwd
import resource
import subprocess
import sys

import psutil
import pytest
from gaffer_testing.waiting import wait_until

from gaffer_stats import measure
from gaffer_stats.measure import MAX_CMDLINE, MAX_DEPTH, Meter
from gaffer_stats.sample import Sample

CHAIN = """
import os, sys, time
for _ in range(int(sys.argv[1])):
    if os.fork():
        break
print("started", flush=True)
time.sleep(60)
"""

BUSY = "while True: pass"

WAITS = "print('started', flush=True); import sys; sys.stdin.read()"


@pytest.fixture
def start():
    """Start a process in a group of its own, which is killed after the test."""
    started = []

    def start(*argv, **options):
        process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True, **options
        )
        started.append(process)
        return process

    yield start
    for process in started:
        try:
            os.killpg(process.pid, 9)
        except ProcessLookupError:
            # A zombie whose group is gone.
            process.kill()
        process.communicate()


@pytest.fixture
def waiting(start):
    process = start(sys.executable, "-c", WAITS)
    process.stdout.readline()
    return process


def get_descendants(sample):
    """Return all descendants of a sample."""
    return [each for child in sample.children for each in (child, *get_descendants(child))]


def test_sample_agrees_with_psutil(waiting):
    meter = Meter()
    meter.measure([waiting.pid])
    sample = meter.measure([waiting.pid])[waiting.pid]
    expected = psutil.Process(waiting.pid)
    assert (sample.pid, sample.os_pid, sample.children) == (None, waiting.pid, ())
    assert sample.name == expected.name()
    assert sample.nice == os.nice(0)
    assert sample.username == pwd.getpwuid(os.getuid()).pw_name
    assert sample.cmdline.startswith(f"{sys.executable} -c 'print(")
    assert sample.mem_info1 == expected.memory_info().rss > 0
    assert sample.mem_info2 == expected.memory_info().vms > 0
    assert sample.mem == pytest.approx(expected.memory_percent(), abs=0.001)
    assert type(sample.cpu) is type(sample.mem) is type(sample.ctime) is float
    assert sample.cpu < 50
    assert sample.ctime >= 0


def test_busy_process_uses_processor(start):
    process = start(sys.executable, "-c", BUSY)
    meter = Meter()

    def busy():
        sample = meter.measure([process.pid])[process.pid]
        return sample if (sample.cpu or 0) > 50 else None

    first = wait_until(busy)
    assert wait_until(lambda: meter.measure([process.pid])[process.pid].ctime > first.ctime)


def test_cpu_is_measured_since_last_pass_or_start(waiting, start):
    def make_meter_after_start():
        meter = Meter()
        return meter if meter.measure([waiting.pid])[waiting.pid].cpu is None else None

    # A process that started within the same clock tick counts as started after the meter.
    meter = wait_until(make_meter_after_start)
    assert meter.measure([waiting.pid])[waiting.pid].cpu is not None
    newcomer = start(sys.executable, "-c", BUSY)
    samples = meter.measure([waiting.pid, newcomer.pid])
    assert samples[newcomer.pid].cpu is not None


def test_child_of_shell_is_listed(start):
    process = start("sh", "-c", "sleep 100 & wait")

    def child():
        children = Meter().measure([process.pid])[process.pid].children
        return children if children and children[0].name == "sleep" else None

    [only] = wait_until(child)
    assert (only.pid, only.cmdline, only.children) == (None, "sleep 100", ())
    assert only.mem_info1 > 0


@pytest.mark.parametrize("number", [3, MAX_DEPTH + 5])
def test_descendants_are_nested_to_maximum_depth(start, number):
    process = start(sys.executable, "-c", CHAIN, str(number))
    for _ in range(number + 1):
        process.stdout.readline()
    sample = Meter().measure([process.pid])[process.pid]
    assert len(get_descendants(sample)) == number
    depth, deeper = 0, sample.children
    while deeper:
        depth, deeper = depth + 1, deeper[0].children
    assert depth == min(number, MAX_DEPTH)


def test_zombie_has_sample_and_reaped_process_has_none(start):
    zombie = start("true")
    os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)
    meter = Meter()
    sample = meter.measure([zombie.pid])[zombie.pid]
    assert sample.os_pid == zombie.pid
    assert sample.cmdline is None
    zombie.wait()
    assert meter.measure([zombie.pid]) == {}


def test_process_that_exits_during_pass_has_no_figures(waiting, monkeypatch):
    def vanish(pid):
        waiting.kill()
        waiting.wait()
        return psutil._Process(pid)

    monkeypatch.setattr(psutil, "_Process", psutil.Process, raising=False)
    monkeypatch.setattr(measure.psutil, "Process", vanish)
    assert Meter().measure([waiting.pid]) == {waiting.pid: Sample(os_pid=waiting.pid)}


def test_unreadable_figures_are_none(waiting, monkeypatch):
    def refuse(self):
        raise psutil.AccessDenied(waiting.pid)

    # Patched below the part of psutil that replaces AccessDenied by None.
    for method in ("cmdline", "memory_info"):
        monkeypatch.setattr(f"psutil._psplatform.Process.{method}", refuse)
    sample = Meter().measure([waiting.pid])[waiting.pid]
    assert sample.mem is sample.mem_info1 is sample.mem_info2 is sample.cmdline is None
    assert sample.ctime is not None


def test_pass_without_free_descriptor_is_empty(waiting):
    meter = Meter()
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
    try:
        assert meter.measure([waiting.pid]) == {}
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert meter.measure([waiting.pid])[waiting.pid].ctime is not None


def test_user_without_name_is_shown_as_number(waiting, monkeypatch):
    def unknown(uid):
        raise KeyError(uid)

    monkeypatch.setattr(measure.pwd, "getpwuid", unknown)
    assert Meter().measure([waiting.pid])[waiting.pid].username == str(os.getuid())


def test_command_line_is_cut_and_made_valid_utf8(start):
    process = start(sys.executable, "-c", WAITS, b"\xff\xfe", "x" * 100_000)
    process.stdout.readline()
    cmdline = Meter().measure([process.pid])[process.pid].cmdline
    assert "\N{REPLACEMENT CHARACTER}" in cmdline
    assert cmdline.endswith("xxx...")
    assert len(cmdline) == MAX_CMDLINE + 3
    cmdline.encode()


def test_meter_forgets_exited_processes(start, waiting):
    meter = Meter()
    for _ in range(5):
        process = start(sys.executable, "-c", WAITS)
        process.stdout.readline()
        meter.measure([waiting.pid, process.pid])
    meter.measure([waiting.pid])
    assert len(meter._last_uses) == 1
