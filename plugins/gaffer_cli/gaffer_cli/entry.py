"""Where the commands gaffer and gafferctl begin, before anything that they need is imported."""

import signal


def gaffer() -> int:
    """Run gaffer; returns its exit status."""
    end_at_ctrl_c()
    from gaffer_cli import programs

    return programs.gaffer()


def gafferctl() -> int:
    """Run gafferctl; returns its exit status."""
    end_at_ctrl_c()
    from gaffer_cli import programs

    return programs.gafferctl()


def end_at_ctrl_c() -> None:
    """Have Ctrl-C end this program while something is imported, and not break into that."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        # An exception there would be a traceback, or be lost. Verbs get theirs: see Verbs.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
