"""Whether a child inherits signals; the contract of the private module that answers it quickly."""

import _signal
import signal

import pytest

from gaffer_kernel.linux.inherited_signals import has_default_signals


@pytest.fixture
def ignored(request):
    """Ignore a signal for one test."""
    before = signal.signal(request.param, signal.SIG_IGN)
    yield request.param
    signal.signal(request.param, before)


def test_children_inherit_nothing_by_default():
    assert has_default_signals()


@pytest.mark.parametrize("ignored", [signal.SIGHUP, signal.SIGUSR1, signal.SIGRTMAX], indirect=True)
def test_ignored_signal_is_found(ignored):
    assert not has_default_signals()


def test_blocked_signal_is_found():
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    try:
        assert not has_default_signals()
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR1])


@pytest.mark.parametrize("ignored", [signal.SIGUSR1], indirect=True)
def test_private_getsignal_returns_what_the_public_one_does(ignored):
    for number in signal.valid_signals():
        assert _signal.getsignal(number) == signal.getsignal(number)
