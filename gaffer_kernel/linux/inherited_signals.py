"""Find out whether a child would inherit a signal mask or ignored signals."""

import signal

# Without the enums of `signal.getsignal`, which take a tenth of a spawn for all signals.
from _signal import getsignal  # type: ignore[import-not-found]

_INHERITABLE = sorted(signal.valid_signals() - {signal.SIGPIPE, signal.SIGXFSZ})
"""Signals that a child ignores if we do. Python ignores the others, and Popen resets them."""


def has_default_signals() -> bool:
    """Return whether a child inherits an empty signal mask and no ignored signals."""
    if signal.pthread_sigmask(signal.SIG_BLOCK, ()):
        return False
    return all(getsignal(each) != signal.SIG_IGN for each in _INHERITABLE)
