"""Entry points of gaffer and gafferctl, run before their dependencies are imported."""

import signal


def gaffer() -> int:
    """Run gaffer and return its exit status."""
    exit_on_sigint()
    from gaffer_cli import programs

    return programs.gaffer()


def gafferctl() -> int:
    """Run gafferctl and return its exit status."""
    exit_on_sigint()
    from gaffer_cli import programs

    return programs.gafferctl()


def exit_on_sigint() -> None:
    """Let SIGINT kill this program during imports, without KeyboardInterrupt."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        # KeyboardInterrupt would print a traceback, or be lost in an import. VerbGroup restores it.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
