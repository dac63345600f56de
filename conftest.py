"""Setup of every test, of the kernel and of each plugin: a deadline, a HOME, signals and a umask.

A test must not depend on the user who runs it. So each one has a home of its own, where no
~/.gaffer is; and neither the umask, the buffers of Python nor the signals that a shell ignores in a
background job count.
"""

import functools
import gc
import inspect
import itertools
import os
import signal
from pathlib import Path

import pytest
import trio

HANG_LIMIT = 60.0
"""Seconds. No test comes near it, however loaded the machine; it turns a hang into a traceback."""

VIRTUAL_CLOCKS = {"autojump_clock", "mock_clock"}
"""With these a minute passes in no time, so a limit would end honest tests."""


NUMBERS = itertools.count(1)
"""Names for the homes of tests."""

ORDINARY_HANDLERS = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGHUP: signal.SIG_DFL,
    signal.SIGQUIT: signal.SIG_DFL,
    signal.SIGTERM: signal.SIG_DFL,
}

CACHES = {"UV_CACHE_DIR": "uv", "PIP_CACHE_DIR": "pip", "npm_config_cache": "npm"}
"""Variables of the programs that install packages in tests, and their folders below a cache."""


def pytest_configure():
    # A shell without job control ignores SIGINT in background jobs, and nohup ignores SIGHUP; every
    # program that a test starts and signals would inherit that.
    for number, handler in ORDINARY_HANDLERS.items():
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)
    os.umask(0o022)
    # With it the tests would not notice a program that forgets to flush its output.
    os.environ.pop("PYTHONUNBUFFERED", None)
    # Each test has an empty home; what has been downloaded once must not be downloaded again.
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    for variable, folder in CACHES.items():
        os.environ.setdefault(variable, str(cache / folder))


@pytest.fixture(scope="session", autouse=True)
def session_home(tmp_path_factory):
    """The home of programs that a fixture of a module or of the session starts."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(folder))
        yield folder


@pytest.fixture(autouse=True)
def own_home(session_home, monkeypatch):
    """An empty home folder for this test and every program that it starts."""
    folder = session_home / str(next(NUMBERS))
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))


def pytest_runtest_setup(item):
    # Skipped here and not by a mark: pytest reports all skips of one line in one line, with their
    # number.
    if item.get_closest_marker("root") and os.geteuid() != 0:
        pytest.skip('needs root: sudo make test ARGS="-m root"')


def pytest_collection_modifyitems(items):
    for item in items:
        if isinstance(item, pytest.Function) and not VIRTUAL_CLOCKS & set(item.fixturenames):
            limit_hang(item)


def pytest_collection_finish():
    # The tests themselves are a million objects, and several of them collect garbage many times.
    gc.collect()
    gc.freeze()


def limit_hang(item):
    test = item.obj
    # A test of Hypothesis is no coroutine function either; it has a deadline of its own.
    if not inspect.iscoroutinefunction(test):
        return

    @functools.wraps(test)
    async def limited(*args, **kwargs):
        with trio.fail_after(HANG_LIMIT):
            await test(*args, **kwargs)

    item.obj = limited
