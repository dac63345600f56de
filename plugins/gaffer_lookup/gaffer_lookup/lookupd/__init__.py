"""The command gaffer_lookupd: a kernel without jobs, with HTTP, authentication and the registry.

command        builds the kernel and runs it
options        the command line
store_options  its options for etcd
plugin         the registry as a plugin of that kernel
routes         the HTTP routes
websockets     the websockets of nodes and observers
json_stream    long responses, sent in chunks
binding        the only node that a caller may register
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run gaffer_lookupd; see `gaffer_lookup.lookupd.command`."""
    from gaffer_lookup.lookupd.command import main as run

    return run(argv)
