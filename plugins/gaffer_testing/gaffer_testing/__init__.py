"""For authors of plugins: fixtures for pytest, and a suite of tests that any plugin can run.

    fixtures     what pytest finds by itself: kernel, events, hook_calls, fake_processes
    conformance  the suite: one class to derive from
    bench        a kernel with the plugin under test, on processes that only pretend
    subject      what can be put under test: a module, an object, a class, a folder
    events, calls, processes   what the fixtures give
    callers      callers of the HTTP API who may do less than its owner
    judging, neighbour, holdings, release, importing, reading   what single tests of the suite need

Each line uses only what stands below it. None of it is a plugin of gafferd.
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
