"""Readiness: the states of one process."""

from gaffer_kernel.processes.readiness import Readiness


def begun(*plugins):
    readiness = Readiness()
    is_ready = readiness.begin(1.0, plugins)
    return readiness, is_ready


def test_process_is_ready_at_once_without_plugins():
    readiness, is_ready = begun()
    assert (is_ready, readiness.state, readiness.since) == (True, "ready", 1.0)
    assert readiness.is_ready


def test_process_is_starting_until_a_plugin_says_otherwise():
    readiness, is_ready = begun("health")
    assert (is_ready, readiness.state, readiness.since) == (False, "starting", 1.0)
    assert not readiness.set(False, "refused", 2.0)
    assert (readiness.state, readiness.reason, readiness.since) == ("starting", "refused", 1.0)
    assert readiness.set(True, "answered", 3.0)
    assert (readiness.state, readiness.reason, readiness.since) == ("ready", "answered", 3.0)


def test_process_becomes_unready_and_ready_again():
    readiness, _ = begun()
    assert readiness.set(False, "timeout", 2.0)
    assert not readiness.set(False, "refused", 3.0)
    assert (readiness.state, readiness.reason, readiness.since) == ("unready", "refused", 2.0)
    assert readiness.set(True, "answered", 4.0)
    assert readiness.is_ready


def test_process_is_ready_when_the_last_deciding_plugin_has_closed():
    readiness, _ = begun("health", "depends")
    assert not readiness.forget("stats", 2.0)
    assert not readiness.forget("health", 2.0)
    assert readiness.forget("depends", 3.0)
    assert (readiness.state, readiness.reason) == ("ready", "plugin depends has closed")
    assert not readiness.forget("depends", 4.0)
