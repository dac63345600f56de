"""The parameters of a request, those behind its `?`."""

from __future__ import annotations

from typing import Literal

from gaffer_kernel import InvalidField
from gaffer_kernel.plugin import did_you_mean
from quart import request

from gaffer_http.views.current import current_request

FlagText = Literal["true", "1", "false", "0"]
_FLAGS = {"true": True, "1": True, "false": False, "0": False}


def check_parameters(*known: str) -> None:
    """Refuse a parameter of the current request or websocket that nobody would read.

    Raises:
        InvalidField: naming it, and what may have been meant.
    """
    for name in current_request().args:
        if name not in known:
            hint = did_you_mean(name, known)
            raise InvalidField(name, f"is not a parameter of this request{hint}")


def flag_parameter(name: str) -> bool:
    """Whether a parameter of the current request says yes; it says no when it is not there.

    Raises:
        InvalidField: it says neither.
    """
    text = request.args.get(name, "false")
    if text not in _FLAGS:
        raise InvalidField(name, f"must be one of {', '.join(_FLAGS)}, not {text!r}")
    return _FLAGS[text]
