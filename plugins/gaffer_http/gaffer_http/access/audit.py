"""The audit log: a line for each change that somebody asked for, also for each that was refused."""

from __future__ import annotations

import logging

from gaffer_http.access.caller import Caller

log = logging.getLogger("gaffer.audit")
"""Each line has the time from its handler, then who, what, and what became of it."""


def record(caller: Caller, what: str, outcome: object) -> None:
    """Write a line.

    Args:
        caller: who.
        what: the request: `POST /jobs/default/web/state`.
        outcome: the status of the answer, or a word.
    """
    log.info("%s: %s: %s", caller.name, what, outcome)
