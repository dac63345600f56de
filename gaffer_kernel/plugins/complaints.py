"""What the log gets of hooks that fail: enough to repair them, too little to fill a disk."""

import logging

from gaffer_kernel.errors import describe_exception
from gaffer_kernel.plugins.record import Record

log = logging.getLogger(__name__)


def complain(record: Record, hook: str, problem: BaseException | str) -> None:
    """Count a failure of a hook, and log it if it is the first, second, fourth, eighth and so on.

    A hook may fail at each event, for months: the lines grow with the logarithm of the failures.

    Args:
        record: the plugin whose hook it is.
        hook: its name.
        problem: what it raised, which the first time comes with its traceback; or what is wrong
            with the result, after the name of the hook.
    """
    record.failures += 1
    record.complaints[hook] += 1
    count = record.complaints[hook]
    if count & (count - 1):
        return
    raised = problem if isinstance(problem, BaseException) else None
    what = f"raised {describe_exception(raised)}" if raised is not None else problem
    times = f", failed {count:,} times so far" if count > 1 else ""
    error = record.blame(f"{hook} {what}{times}")
    log.error("%s", error, exc_info=raised if count == 1 else None)
