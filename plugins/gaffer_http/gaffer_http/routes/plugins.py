"""`/plugins`: list plugins; open, close and reload them."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from gaffer_kernel import ConfigError, NotFound, PluginError, PluginInfo, Plugins
from gaffer_kernel.plugin import Label
from quart import Blueprint, Response

from gaffer_http.errors import ApiError
from gaffer_http.openapi.describe import describes
from gaffer_http.schemas.responses import Plugin, PluginChanged, PluginList, PluginsChanged
from gaffer_http.views.current import current_kernel
from gaffer_http.views.responses import json_response

log = logging.getLogger(__name__)

VERBS: dict[str, Callable[[Plugins, str], Awaitable[None]]] = {
    "open": Plugins.open,
    "close": Plugins.close,
    "reload": Plugins.reload,
}

OURS = "http"

routes = Blueprint("plugins", __name__)


@routes.get("/plugins")
@describes(answers={200: PluginList})
async def list_plugins() -> Response:
    """List every plugin, in the order in which they open."""
    return json_response({"plugins": _all()})


@routes.post("/plugins")
@describes(answers={200: PluginsChanged}, errors=(409,))
async def rescan_folders() -> Response:
    """Apply what has changed in the folders of plugins."""
    await _done(current_kernel().plugins.rescan())
    return json_response({"ok": True, "plugins": _all()})


@routes.get("/plugins/<plugin>")
@describes(path={"plugin": Label}, answers={200: Plugin})
async def show_plugin(plugin: str) -> Response:
    """Show a plugin."""
    return json_response(_shown(_info(plugin)))


@routes.post(f"/plugins/<plugin>/<any({', '.join(VERBS)}):verb>")
@describes(path={"plugin": Label}, answers={200: PluginChanged}, errors=(409,))
async def control_plugin(plugin: str, verb: str) -> Response:
    """Open, close or reload a plugin; answered when that is done."""
    _info(plugin)
    if verb != "open" and _carries_us(plugin):
        raise ApiError(
            409, "conflict", f"cannot {verb} {plugin}: this API needs it: restart gafferd"
        )
    await _done(VERBS[verb](current_kernel().plugins, plugin))
    return json_response({"ok": True, **_shown(_info(plugin))})


async def _done(change: Awaitable[None]) -> None:
    try:
        await change
    except (PluginError, ConfigError) as error:
        log.error("%s", error)
        raise ApiError(409, "plugin_failed", str(error)) from None


def _info(plugin: str) -> PluginInfo:
    for info in current_kernel().plugins.info():
        if info.name == plugin:
            return info
    raise NotFound("plugin", plugin)


def _carries_us(plugin: str) -> bool:
    """Return whether it is this plugin, or one that this one requires."""
    requires = {info.name: info.requires for info in current_kernel().plugins.info()}
    carrying, waiting = set(), [OURS]
    while waiting:
        name = waiting.pop()
        if name not in carrying:
            carrying.add(name)
            waiting += requires.get(name, ())
    return plugin in carrying


def _all() -> list[dict[str, Any]]:
    return [_shown(info) for info in current_kernel().plugins.info()]


def _shown(info: PluginInfo) -> dict[str, Any]:
    return {
        "name": info.name,
        "version": info.version,
        "description": info.description,
        "distribution": info.distribution,
        "path": None if info.path is None else str(info.path),
        "state": info.state,
        "error": info.error,
        "requires": info.requires,
        "failures": info.failures,
    }
