"""The audit log: a line for each change that a caller requests, also for each refused one.

The handler adds the time; then follow the caller, the request and the outcome. No control character
and no secret of a token is written.
"""

from __future__ import annotations

import logging
import re
import shlex
from collections.abc import Mapping
from typing import Any

from gaffer_http.asgi import Scope
from gaffer_http.auth.caller import Caller
from gaffer_http.scope import RequestContext

log = logging.getLogger("gaffer.audit")

MAX_LENGTH = 300
"""Characters of client input in one line."""

_CONTROL = re.compile(r"[^\x20-\x7e]")
_SECRET = re.compile(r"(gfr_|bearer(?:[. +]|%20)+)[A-Za-z0-9._~+/=%-]+", re.I)


def record(caller: Caller, what: str, outcome: object) -> None:
    """Write a line about an authenticated caller.

    Args:
        caller: who.
        what: the request: `POST /jobs/default/web/state`.
        outcome: the status of the response, or a word.
    """
    write(caller.name, what, outcome)


def write(name: str, what: str, outcome: object) -> None:
    """Write a line. Escapes control characters and masks secrets."""
    log.info("%s: %s: %s", clean(name), clean(what), outcome)


def clean(text: str) -> str:
    """Return client input in a form that is safe in a log: short, one line, without secrets."""
    shown = _SECRET.sub(r"\1***", text)
    if len(shown) > MAX_LENGTH:
        shown = f"{shown[:MAX_LENGTH]}..."
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), shown)


def request_line(scope: Scope) -> str:
    """Return the method and path of a request, without the query, and the program it loads."""
    method = scope.get("method", "WS")
    line = f"{method} {scope['raw_path'].decode('ascii', 'backslashreplace')}"
    program = RequestContext(scope).program
    return line if program is None else f"{line} ({program})"


def note_program(scope: Scope, fields: Mapping[str, Any]) -> None:
    """Add the program of a job configuration to the audit line of the request that loads it."""
    RequestContext(scope).program = get_program(fields)


def get_program(fields: Mapping[str, Any]) -> str:
    """Return the program that a job configuration runs, without its arguments: they may be secret.

    Args:
        fields: the configuration as the client sent it, not checked yet.
    """
    if fields.get("shell"):
        return "a shell command"
    command = fields.get("cmd")
    try:
        words = shlex.split(command) if isinstance(command, str) else []
    except ValueError:  # An unbalanced quote: the configuration is refused because of it.
        words = []
    if not words:
        return "no program"
    # NAME=secret program, which needs a shell, but has none.
    name, assigned, _ = words[0].partition("=")
    return f"{name}=***" if assigned else words[0]
