"""Many nodes in one process: `python -m harness.nodes PORT NODES JOBS`, until it is ended.

Each uses the plugin's own LookupdRegistration, with simulated jobs.
"""

from __future__ import annotations

import resource
import sys

import trio
from gaffer_client.address import Address
from gaffer_client.settings import Settings
from gaffer_lookup.node.lookupd_registration import LookupdRegistration, NodeIdentity
from gaffer_lookup.node.settings import HEARTBEAT, TIMEOUT

from gaffer_kernel import JobName


def job(number: int) -> JobName:
    """Return the name of a job, which is the same on every node."""
    return JobName("bench", f"job{number}x")


async def main(port: int, nodes: int, jobs: int) -> None:
    """Keep nodes registered with a lookupd, each with that many jobs of one process."""
    names = [job(number) for number in range(jobs)]
    settings = Settings(address=Address.parse(f"http://127.0.0.1:{port}"), timeout=TIMEOUT)
    async with trio.open_nursery() as nursery:
        for number in range(nodes):
            identity = NodeIdentity(f"node{number}", f"http://node{number}:5000", "0.1")
            registration = LookupdRegistration(
                settings, identity, HEARTBEAT, lambda name: {1}, lambda: names
            )
            nursery.start_soon(registration.run)


if __name__ == "__main__":
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    trio.run(main, *map(int, sys.argv[1:]))
