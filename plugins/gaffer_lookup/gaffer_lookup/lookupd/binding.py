"""The only node that a caller of gaffer-http may register."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gaffer_http.plugin_api import Owner

from gaffer_lookup.registry.binding import Binding

if TYPE_CHECKING:
    from gaffer_http.plugin_api import Caller


def get_binding(caller: Caller) -> Binding | None:
    """Get the only node that a caller may register; None for lookupd's own user and root.

    gaffer-auth sets the node on the caller. A caller of another plugin, which knows no nodes, is
    bound to the node of their own name: `web1` for `token web1`.
    """
    if isinstance(caller, Owner):
        return None
    node: str | None = getattr(caller, "node", None)
    origin: str | None = getattr(caller, "node_origin", None)
    return Binding(node or caller.name.rpartition(" ")[2], origin)
