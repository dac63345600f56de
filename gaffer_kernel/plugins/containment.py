"""Which exceptions that the code of a plugin raises are faults of the plugin: all but Ctrl-C."""

from __future__ import annotations

import dis
import signal

_RAISE = (dis.opmap["RAISE_VARARGS"], dis.opmap["RERAISE"])


def is_interrupt(exc: BaseException) -> bool:
    """Return whether the handler of SIGINT raised this exception while the code happened to run.

    So it does in a program that embeds the kernel; it must end that program, not count as a failure
    of the plugin. gafferd handles SIGINT without an exception, so there a KeyboardInterrupt comes
    from the plugin.
    """
    if not isinstance(exc, KeyboardInterrupt):
        return False
    last = exc.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    if last is None:
        return False
    code = last.tb_frame.f_code
    handler = signal.getsignal(signal.SIGINT)
    if handler is signal.default_int_handler:
        # Written in C, it has no frame: the exception appears at an instruction that raises none.
        return code.co_code[last.tb_lasti] not in _RAISE
    return getattr(handler, "__code__", None) is code
