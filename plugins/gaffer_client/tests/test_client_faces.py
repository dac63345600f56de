"""Both clients can do the same, and importing them costs next to nothing."""

import inspect
import re
import subprocess
import sys

import pytest

import gaffer_client
from gaffer_client._async import feeds as awaited_feeds
from gaffer_client._async.job import AsyncJob
from gaffer_client._async.lookup import AsyncLookup
from gaffer_client._async.process import AsyncProcess
from gaffer_client._async.server import AsyncServer
from gaffer_client._async.session import AsyncSession
from gaffer_client._sync import feeds
from gaffer_client._sync.job import Job
from gaffer_client._sync.lookup import Lookup
from gaffer_client._sync.process import Process
from gaffer_client._sync.server import Server
from gaffer_client._sync.session import Session

PAIRS = [
    (Server, AsyncServer),
    (Lookup, AsyncLookup),
    (Session, AsyncSession),
    (Job, AsyncJob),
    (Process, AsyncProcess),
    (feeds.Events, awaited_feeds.AsyncEvents),
    (feeds.Lines, awaited_feeds.AsyncLines),
]


def methods(kind):
    found = {name: each for name, each in inspect.getmembers(kind) if not name.startswith("_")}
    found.pop("channel", None)
    return found


def shown(signature):
    return re.sub("Async(?=[A-Z])", "", str(signature))


@pytest.mark.parametrize(("blocking", "awaited"), PAIRS)
def test_both_have_the_same_methods_with_the_same_arguments(blocking, awaited):
    one, other = methods(blocking), methods(awaited)
    for found in (one, other):
        # A block of trio's ends by itself what it has opened.
        for name in ("close", "aclose"):
            found.pop(name, None)
    assert set(one) == set(other)
    for name, method in one.items():
        if inspect.isfunction(method):
            assert shown(inspect.signature(method)) == shown(inspect.signature(other[name])), name
            assert inspect.getdoc(method), name
            assert inspect.getdoc(other[name]), name
    assert shown(inspect.signature(blocking)) == shown(inspect.signature(awaited))


def imported(program):
    code = f"{program}\nimport sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


HEAVY = {"httpx2", "httpcore2", "msgspec", "ssl", "asyncio", "anyio", "wsproto", "h11"}


def test_importing_it_imports_nothing_else():
    assert not imported("import gaffer_client") & {*HEAVY, "trio", "dataclasses", "json"}


def test_a_server_is_made_without_anything_heavy():
    program = "from gaffer_client import Server; Server('http://localhost:5000').job('web')"
    assert not imported(program) & {*HEAVY, "trio"}


def test_no_plugin_and_no_kernel_is_needed():
    program = "import gaffer_client._async.server, gaffer_client._sync.server"
    names = {name.split(".")[0] for name in imported(program)}
    assert {name for name in names if name.startswith("gaffer_")} == {"gaffer_client"}


def test_every_public_name_is_there_and_documented():
    for name in gaffer_client.__all__:
        assert inspect.getdoc(getattr(gaffer_client, name)), name
    assert not set(gaffer_client.__all__) - set(dir(gaffer_client))
    with pytest.raises(AttributeError, match="nothing"):
        _ = gaffer_client.nothing
