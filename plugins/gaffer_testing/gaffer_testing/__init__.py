"""Fixtures for pytest and a conformance suite, for authors of plugins.

    fixtures                    found by pytest: kernel, events, hook_calls, fake_processes
    conformance                 the suite, a base class for tests
    harness                     a kernel with the plugin under test, on fake processes
    setup                       the forms of a plugin under test: module, object, class, folder
    events, calls, processes    the values of the fixtures
    callers                     callers of the HTTP API with limited permissions
    checks, faulty_plugin, leaks, release, import_probe, config_probe   parts of single tests
    gafferd                     the command gafferd, in a folder of its own
    waiting                     polling for a condition
    ticks                       a plugin that declares the event `tick`
    slow_reader, latency_probe  websocket clients that never read; a task that detects blocking code

A line imports only from the lines below it. None of it is a plugin of gafferd.
The tests of gaffer and its plugins use the last four lines; they are not documented further.
"""

from gaffer_testing.callers import Callers, TokenCaller
from gaffer_testing.calls import HookCall, HookCalls
from gaffer_testing.conformance import Conformance
from gaffer_testing.events import Events
from gaffer_testing.processes import FakeProcesses

__all__ = [
    "Callers",
    "Conformance",
    "Events",
    "FakeProcesses",
    "HookCall",
    "HookCalls",
    "TokenCaller",
]
