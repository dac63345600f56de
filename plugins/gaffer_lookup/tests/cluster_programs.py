"""Real gaffer_lookupd and gafferd processes, and observers, which must agree."""

from contextlib import ExitStack

import httpx2
import trio
from gaffer_testing.gafferd import Home, is_alive
from gaffer_testing.ports import find_free_ports
from trio_websocket import ConnectionClosed, HandshakeError

from .conftest import LookupdClient
from .lookupd_home import LookupdHome

LEASE = 3.0
HEARTBEAT = 1.0
SLACK = 4.0
"""Extra seconds for a loaded machine."""

BACKOFF = 5.0
"""The largest backoff of a node, in seconds."""

START = 40.0
"""Seconds that a program may take to start on a loaded machine."""


class Lookupd(LookupdClient):
    """A gaffer_lookupd that can be restarted.

    Args:
        options: further command line options.
    """

    def __init__(self, folder, *options):
        folder.mkdir()
        self.options = options
        self.home = LookupdHome(folder)
        self.port = find_free_ports()
        super().__init__(f"http://127.0.0.1:{self.port}")
        self.process = None
        self._running = ExitStack()

    async def start(self):
        """Start it, and wait until it responds."""
        bind = f"127.0.0.1:{self.port}"
        running = self.home.running_lookupd("--bind", bind, "--lease", LEASE, *self.options)
        self.process = self._running.enter_context(running)
        with trio.fail_after(START):
            while await self.known() is None:
                await trio.sleep(0.05)

    def stop(self):
        self._running.close()

    async def known(self):
        """Return the number of processes by node and job; None without a response."""
        try:
            jobs = (await self.get("/jobs"))["jobs"]
            found = {name: {} for name in await self.names()}
        except httpx2.TransportError:
            return None
        for job in jobs:
            for source in job["sources"]:
                found.setdefault(source["name"], {})[job["name"]] = len(source["pids"])
        return found


class Node:
    """A gafferd with two jobs, one of them with two processes."""

    def __init__(self, name, folder, addresses):
        folder.mkdir()
        self.name = name
        # Without gaffer-http it starts much faster.
        self.home = Home(folder, "lookup")
        lookup = f"[lookup]\naddress = {' '.join(addresses)}\nname = {name}\n"
        lookup += f"broadcast_address = {name}:5000\n"
        many = self.home.job("many", "sleep 600", numprocesses=2)
        self.home.write(
            "gaffer.ini", f"{lookup}heartbeat = {HEARTBEAT}\n{self.home.job('one')}{many}"
        )
        self.process = None

    def running(self):
        return self.home.running("-c", "gaffer.ini")

    @property
    def child(self):
        return self.home.pid("one.pid")


class Observer:
    """Follows the changes of a lookupd in the way that its README describes."""

    def __init__(self, lookupd):
        self.lookupd = lookupd
        self.known = None
        self.removed = []

    async def run(self):
        while True:
            try:
                async with self.lookupd.observer() as observer:
                    self.known = await self.lookupd.known()
                    while True:
                        self._apply(await observer.receive())
            except* (ConnectionClosed, HandshakeError, OSError):
                self.known = None
            await trio.sleep(0.05)

    def _apply(self, event):
        if "node" not in event:
            if event["event"] == "remove_node":
                self.removed.append(event["name"])
                self.known.pop(event["name"], None)
            else:
                self.known.setdefault(event["name"], {})
            return
        jobs, job = self.known.setdefault(event["node"]["name"], {}), event["job_name"]
        match event["event"]:
            case "remove_job":
                jobs.pop(job, None)
            case "add_job":
                jobs[job] = 0
            case "add_process":
                jobs[job] = jobs.get(job, 0) + 1
            case "remove_process":
                jobs[job] -= 1


JOBS = {"one": 1, "many": 2}


class Cluster:
    """All lookupds, nodes and observers."""

    def __init__(self, lookupds, nodes, observers):
        self.lookupds = lookupds
        self.nodes = nodes
        self.observers = observers
        self.children = {}

    async def agree(self, *names, within):
        """Wait until every lookupd and every observer knows exactly these nodes and their jobs."""
        expected = dict.fromkeys(names, JOBS)
        found = None
        with trio.move_on_after(within + SLACK):
            while True:
                found = [await lookupd.known() for lookupd in self.lookupds]
                found += [observer.known for observer in self.observers]
                if all(each == expected for each in found):
                    return
                await trio.sleep(0.05)
        raise AssertionError(f"expected {expected}, found {found}")

    def has_same_children(self, *nodes):
        """Return whether these nodes still have their first child processes."""
        return all(
            node.child == self.children[node.name] and is_alive(node.child) for node in nodes
        )
