"""A gafferd that starts after another one with its configuration was killed."""

import signal

import pytest
from gaffer_testing.gafferd import Home, is_alive, one_line
from gaffer_testing.waiting import wait_until

LEFT = "of an earlier gafferd still runs"


@pytest.fixture
def home(tmp_path):
    home = Home(tmp_path)
    home.write("gaffer.ini", home.job("web"))
    return home


def start(home, *options):
    """Run gafferd; its job has started when the block begins."""
    (home / "web.pid").unlink(missing_ok=True)
    return home.running("-c", "gaffer.ini", "--log-level", "info", *options)


@pytest.mark.parametrize("options", [(), ("--orphans", "warn")])
def test_left_processes_are_named(home, options):
    with start(home) as first:
        left = home.pid("web.pid")
        first.kill()
        first.wait()
        with start(home, *options):
            assert home.pid("web.pid") != left
            wait_until(lambda: LEFT in home.messages())
            assert f"web.1: os pid {left} ('sleep 600') {LEFT}" in home.messages()
            assert home.messages().count(LEFT) == 1
            assert is_alive(left)


@pytest.mark.parametrize("by", ["option", "key"])
def test_left_processes_are_ended_before_the_start(home, by):
    if by == "key":
        home.write("gaffer.ini", "[gaffer]\norphans = kill\n" + home.job("web"))
    with start(home) as first:
        left = home.pid("web.pid")
        first.kill()
        first.wait()
        with start(home, *(("--orphans", "kill") if by == "option" else ())):
            home.pid("web.pid")
            assert not is_alive(left)
            assert f"web.1: os pid {left} ('sleep 600') {LEFT}: sent SIGTERM" in home.messages()


def test_signal_ends_the_start_while_left_processes_are_ended(home):
    home.write(
        "gaffer.ini", home.job("web", "sh -c 'trap \"\" TERM; echo $$$$ >{mark}; sleep 600'")
    )
    with start(home) as first:
        home.pid("web.pid")
        first.kill()
        first.wait()
        with start(home, "--orphans", "kill") as second:
            wait_until(lambda: LEFT in home.messages())
            second.send_signal(signal.SIGTERM)
            assert second.wait(5) == 0


def test_processes_of_a_running_gafferd_are_ignored(home):
    with start(home):
        left = home.pid("web.pid")
        with start(home, "--orphans", "kill"):
            assert home.pid("web.pid") != left
            assert is_alive(left)
            assert LEFT not in home.messages()


def test_processes_of_another_configuration_are_ignored(home):
    home.write("other.ini", home.job("other"))
    with start(home) as first:
        left = home.pid("web.pid")
        first.kill()
        first.wait()
        with home.running("-c", "other.ini", "--orphans", "kill"):
            home.pid("other.pid")
            assert is_alive(left)
            assert LEFT not in home.messages()


def test_wrong_key_is_an_error(home):
    home.write("gaffer.ini", "[gaffer]\norphans = keep\n")
    error = one_line(home.run("-c", "gaffer.ini", "--check"))
    assert error == "gaffer.ini:2: [gaffer] orphans: must be warn or kill, not 'keep'"
