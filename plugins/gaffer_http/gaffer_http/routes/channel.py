"""`/channel`: events, samples, output, input and commands of many processes over one websocket."""

from __future__ import annotations

from quart import Blueprint

from gaffer_http.auth.marks import checks_permissions
from gaffer_http.channel.channel import serve_channel
from gaffer_http.routes.websocket_session import run_websocket_session
from gaffer_http.views.parameters import check_parameters

routes = Blueprint("channel", __name__)


@routes.websocket("/channel")
@routes.websocket("/channel/websocket")
@checks_permissions
async def channel() -> None:
    """Serve a client until it disconnects or the API closes."""
    check_parameters()
    await run_websocket_session(serve_channel)
