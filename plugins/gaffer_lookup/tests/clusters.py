"""Real lookupds and gafferds, and observers: to see whether all of them agree."""

from contextlib import ExitStack

import httpx2
import trio
from tests.gafferd import Home, is_alive
from trio_websocket import ConnectionClosed, HandshakeError

from .conftest import Reached
from .programs import LookupdHome, free_port

LEASE = 3.0
HEARTBEAT = 1.0
SLACK = 4.0
"""Seconds beyond what is promised that a busy machine may take."""

BACKOFF = 5.0
"""Seconds between two tries of a node to connect, at the most."""

START = 40.0
"""Seconds that a program may take to start: nothing is promised of that."""


class Lookupd(Reached):
    """A gaffer_lookupd that may be started again.

    Args:
        options: more of its command line.
    """

    def __init__(self, folder, *options):
        folder.mkdir()
        self.options = options
        self.home = LookupdHome(folder)
        self.port = free_port()
        super().__init__(f"http://127.0.0.1:{self.port}")
        self.process = None
        self._running = ExitStack()

    async def start(self):
        """Start it, and wait until it answers."""
        bind = f"127.0.0.1:{self.port}"
        running = self.home.running_lookupd("--bind", bind, "--lease", LEASE, *self.options)
        self.process = self._running.enter_context(running)
        with trio.fail_after(START):
            while await self.known() is None:
                await trio.sleep(0.05)

    def stop(self):
        self._running.close()

    async def known(self):
        """Each node, and how many processes of which job it has; None if nobody answers."""
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
        # Without gaffer-http it is up much sooner.
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
    """Somebody who follows the changes that a lookupd tells, as its page says."""

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
                        self._take(await observer.hear())
            except* (ConnectionClosed, HandshakeError, OSError):
                self.known = None
            await trio.sleep(0.05)

    def _take(self, told):
        if "node" not in told:
            if told["event"] == "remove_node":
                self.removed.append(told["name"])
                self.known.pop(told["name"], None)
            else:
                self.known.setdefault(told["name"], {})
            return
        jobs, job = self.known.setdefault(told["node"]["name"], {}), told["job_name"]
        match told["event"]:
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
    """All of them."""

    def __init__(self, lookupds, nodes, observers):
        self.lookupds = lookupds
        self.nodes = nodes
        self.observers = observers
        self.children = {}

    async def agree(self, *names, within):
        """Wait until every lookupd and every observer knows these nodes, and all that they run."""
        wanted = dict.fromkeys(names, JOBS)
        seen = None
        with trio.move_on_after(within + SLACK):
            while True:
                seen = [await lookupd.known() for lookupd in self.lookupds]
                seen += [observer.known for observer in self.observers]
                if all(each == wanted for each in seen):
                    return
                await trio.sleep(0.05)
        raise AssertionError(f"wanted {wanted}, have {seen}")

    def untouched(self, *nodes):
        """Whether no process of these nodes has been replaced."""
        return all(
            node.child == self.children[node.name] and is_alive(node.child) for node in nodes
        )
