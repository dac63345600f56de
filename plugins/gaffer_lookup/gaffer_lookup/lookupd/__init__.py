"""The command gaffer_lookupd: a kernel without jobs, with HTTP, callers, and the registry.

command    what it does
binding    which node a caller may register
options    its command line
storing    what that says of an etcd
plugin     the registry as a plugin of that kernel
routes     what can be asked
sockets    what nodes and observers are connected with
telling    long answers, in pieces
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run gaffer_lookupd; see `gaffer_lookup.lookupd.command`."""
    from gaffer_lookup.lookupd.command import main as run

    return run(argv)
