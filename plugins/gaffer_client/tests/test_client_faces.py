"""Tests of the public names, the generated half, and the cost of imports."""

import inspect
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

import gaffer_client
from gaffer_client._async import feeds as async_feeds
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
    (feeds.Events, async_feeds.AsyncEvents),
    (feeds.Lines, async_feeds.AsyncLines),
]


def methods(kind):
    found = {name: each for name, each in inspect.getmembers(kind) if not name.startswith("_")}
    found.pop("channel", None)
    return found


def shown(signature):
    return re.sub("Async(?=[A-Z])", "", str(signature))


@pytest.mark.parametrize(("sync_class", "async_class"), PAIRS)
def test_both_halves_have_the_same_methods_and_arguments(sync_class, async_class):
    one, other = methods(sync_class), methods(async_class)
    for found in (one, other):
        # An async feed is closed by its context manager.
        for name in ("close", "aclose"):
            found.pop(name, None)
    assert set(one) == set(other)
    for name, method in one.items():
        if inspect.isfunction(method):
            assert shown(inspect.signature(method)) == shown(inspect.signature(other[name])), name
            assert inspect.getdoc(method), name
            assert inspect.getdoc(other[name]), name
    assert shown(inspect.signature(sync_class)) == shown(inspect.signature(async_class))


def test_generated_half_is_up_to_date():
    pytest.importorskip("ruff")
    path = Path(gaffer_client.__file__).parent
    script = runpy.run_path(str(path.parent / "generate_sync.py"))
    for name in script["MODULES"]:
        text = (path / "_sync" / f"{name}.py").read_text()
        assert text == script["generate"](name), f"{name}: run `make generate`"


def imported(program):
    code = f"{program}\nimport sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


HEAVY = {"httpx2", "httpcore2", "msgspec", "ssl", "asyncio", "anyio", "wsproto", "h11"}


def test_import_of_package_imports_nothing_else():
    assert not imported("import gaffer_client") & {*HEAVY, "trio", "dataclasses", "json"}


def test_server_is_created_without_heavy_imports():
    program = "from gaffer_client import Server; Server('http://localhost:5000').job('web')"
    assert not imported(program) & {*HEAVY, "trio"}


def test_client_imports_neither_kernel_nor_plugins():
    program = "import gaffer_client._async.server, gaffer_client._sync.server"
    names = {name.split(".")[0] for name in imported(program)}
    assert {name for name in names if name.startswith("gaffer_")} == {"gaffer_client"}


def test_public_names_exist_and_are_documented():
    for name in gaffer_client.__all__:
        assert inspect.getdoc(getattr(gaffer_client, name)), name
    assert not set(gaffer_client.__all__) - set(dir(gaffer_client))
    with pytest.raises(AttributeError, match="nothing"):
        _ = gaffer_client.nothing
