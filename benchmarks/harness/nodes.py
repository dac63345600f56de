"""Many nodes in one process: `python -m harness.nodes PORT NODES JOBS`, until it is ended.

Each is the very thing that gafferd has, with jobs that only pretend.
"""

from __future__ import annotations

import resource
import sys

import trio
from gaffer_client.address import Address
from gaffer_client.settings import Settings
from gaffer_lookup.node.lookupd_registration import Link, Me
from gaffer_lookup.node.settings import HEARTBEAT, TIMEOUT

from gaffer_kernel import JobName


def job(number: int) -> JobName:
    """The same jobs on every node."""
    return JobName("bench", f"job{number}x")


async def main(port: int, nodes: int, jobs: int) -> None:
    """Keep a lookupd told of so many nodes with so many jobs each, of one process."""
    names = [job(number) for number in range(jobs)]
    settings = Settings(address=Address.parse(f"http://127.0.0.1:{port}"), timeout=TIMEOUT)
    async with trio.open_nursery() as nursery:
        for number in range(nodes):
            me = Me(f"node{number}", f"http://node{number}:5000", "0.1")
            link = Link(settings, me, HEARTBEAT, lambda name: {1}, lambda: names)
            nursery.start_soon(link.run)


if __name__ == "__main__":
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    trio.run(main, *map(int, sys.argv[1:]))
