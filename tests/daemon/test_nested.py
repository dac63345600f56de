"""gafferd as a job of gafferd: the outer one ends what the inner one started."""

import os
import signal
import sys

import pytest
from gaffer_testing.gafferd import COMMAND, Home, is_alive
from gaffer_testing.waiting import wait_until


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)


def nest(home):
    """Write the configuration of a gafferd whose job is a gafferd with the job `web`."""
    inner = home.write("inner.ini", home.job("web") + home.job("stays", detach="true"))
    command = " ".join([sys.executable, str(COMMAND), *home.command("-c", inner)])
    cmd = f"sh -c 'echo $$$$ >inner.new; mv inner.new inner.pid; exec {command}'"
    return home.write("outer.ini", home.job("inner", cmd))


def test_the_outer_gafferd_ends_the_processes_of_a_killed_inner_one(home):
    with home.running("-c", nest(home)) as gafferd:
        inner, web, stays = (home.pid(f"{name}.pid") for name in ("inner", "web", "stays"))
        os.kill(inner, signal.SIGKILL)
        wait_until(lambda: home.pid("web.pid") != web, gafferd)
        assert not is_alive(web)
        assert is_alive(stays)
        successor = home.pid("web.pid")
        gafferd.terminate()
        assert gafferd.wait(30) == 0
        assert not is_alive(successor)


def test_processes_of_the_inner_gafferd_list_both_marks(home):
    with home.running("-c", nest(home)):
        with open(f"/proc/{home.pid('web.pid')}/environ") as file:
            environ = dict(entry.split("=", 1) for entry in file.read().split("\0") if entry)
        outer, own = environ["GAFFER_SPAWN"].split()
        assert outer.split(":")[0] != own.split(":")[0]
