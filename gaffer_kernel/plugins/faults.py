"""What people read when the code of a plugin raises."""

import traceback

from gaffer_kernel.errors import GafferError, PluginError
from gaffer_kernel.plugins.record import Record

_MAX_NAMED = 3


def describe(exc: BaseException) -> str:
    """One line on an exception that is not ours: its class, its words and the line it came from.

    A group is replaced by what it holds. An OSError goes without the line: it is about the machine,
    and its words say enough; the others are mostly mistakes, and their author needs the place.
    """
    if isinstance(exc, BaseExceptionGroup):
        return _describe_group(exc)
    if isinstance(exc, GafferError):
        return str(exc)
    if isinstance(exc, SyntaxError):
        return f"{type(exc).__name__}: {exc.msg} ({exc.filename}:{exc.lineno})"
    words = ": ".join(filter(None, (type(exc).__name__, " ".join(str(exc).split()))))
    place = "" if isinstance(exc, OSError) else _place(exc)
    return f"{words} ({place})" if place else words


def cannot_import(record: Record, exc: BaseException, origin: object) -> PluginError:
    """The error for a plugin whose code did not survive its import from `origin`."""
    return record.blame(f"{origin} cannot be imported: {describe(exc)}: {remedy(record)}")


def remedy(record: Record) -> str:
    """What to do about a plugin whose code is wrong."""
    return f"repair it, or disable {record.name}"


def _describe_group(group: BaseExceptionGroup[BaseException]) -> str:
    named = [describe(exc) for exc in group.exceptions[:_MAX_NAMED]]
    more = len(group.exceptions) - len(named)
    return "; ".join([*named, f"and {more} more"] if more else named)


def _place(exc: BaseException) -> str:
    # Frames of the import system come after the line that imported.
    frames = [f for f in traceback.extract_tb(exc.__traceback__) if not f.filename.startswith("<")]
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
