"""The entry point of the command gafferd; outside the package, so that it runs before imports."""

import signal


def main() -> int:
    """Run gafferd, see `gaffer_kernel.daemon.main`; SIGINT during the import ends the process."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        # A KeyboardInterrupt during an import would print a traceback, or be lost.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from gaffer_kernel.daemon import main as run

    return run()
