"""The query parameters of a request."""

from __future__ import annotations

from typing import Literal

from gaffer_kernel import InvalidField
from gaffer_kernel.plugin import did_you_mean
from quart import request

from gaffer_http.views.current import current_request

FlagText = Literal["true", "1", "false", "0"]
_FLAGS = {"true": True, "1": True, "false": False, "0": False}


def check_parameters(*known: str) -> None:
    """Refuse unknown parameters of the current request or websocket.

    Raises:
        InvalidField: naming the parameter, with a suggestion.
    """
    for name in current_request().args:
        if name not in known:
            hint = did_you_mean(name, known)
            raise InvalidField(name, f"is not a parameter of this request{hint}")


def flag_parameter(name: str) -> bool:
    """Return the value of a boolean parameter of the current request; False without it.

    Raises:
        InvalidField: it is neither true nor false.
    """
    text = request.args.get(name, "false")
    if text not in _FLAGS:
        raise InvalidField(name, f"must be one of {', '.join(_FLAGS)}, not {text!r}")
    return _FLAGS[text]
