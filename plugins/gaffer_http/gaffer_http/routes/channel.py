"""`/channel`: events, samples, output, input and commands of many processes over one websocket."""

from __future__ import annotations

from quart import Blueprint

from gaffer_http.auth.authorization import checks_itself
from gaffer_http.channel.channel import talk
from gaffer_http.routes.websocket_session import converse
from gaffer_http.views.parameters import check_parameters

routes = Blueprint("channel", __name__)


@routes.websocket("/channel")
@routes.websocket("/channel/websocket")
@checks_itself
async def channel() -> None:
    """Serve a client until it goes or the API closes."""
    check_parameters()
    await converse(talk)
