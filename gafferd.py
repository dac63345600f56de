"""Where the command gafferd begins: outside of the package, so that nothing is imported before."""

import signal


def main() -> int:
    """Run gafferd; see `gaffer_kernel.daemon.main`. Ctrl-C while it is imported just ends it."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        # An exception in the middle of an import would be a traceback, or be lost.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from gaffer_kernel.daemon import main as run

    return run()
