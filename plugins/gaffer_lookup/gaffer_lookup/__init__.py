"""Which gafferd runs what, and where.

    lookupd    the command gaffer_lookupd
    registry   what is known of nodes
    words      what a node says and is answered

Importing it must stay cheap, as gafferd does so to find out what it is.
"""

from __future__ import annotations

__all__: list[str] = []
