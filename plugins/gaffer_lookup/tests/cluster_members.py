"""Nodes, lookupds and followers of a real etcd, in this process."""

from contextlib import asynccontextmanager
from functools import partial

from gaffer_http import HttpHandler
from gaffer_http.plugin import plugin as http_plugin
from gaffer_kernel import Config, open_kernel
from gaffer_kernel.testing import FakeSystem

from gaffer_lookup.etcd.address import read_settings
from gaffer_lookup.etcd.backend import EtcdBackend
from gaffer_lookup.etcd.mirror import open_mirror
from gaffer_lookup.lookupd.plugin import Lookupd
from gaffer_lookup.plugin import plugin as lookup_plugin

from .conftest import Running, make_callers


def settings(address):
    """Return the settings for the addresses of members, separated by white space."""
    return read_settings(address.split())


class Follower:
    """A follower of an etcd: its mirror, and the changes that were published."""

    def __init__(self, mirror, events):
        self.mirror = mirror
        self.events = events

    def names(self):
        return sorted(node.name for node in self.mirror.store.nodes())

    def jobs(self, name="web1"):
        """Return the jobs of the nodes with a name; None if there is no such node."""
        found = [node for node in self.mirror.store.nodes() if node.name == name]
        jobs = [self.mirror.store.get_jobs(node) for node in found]
        return (
            {str(job): set(pids) for each in jobs for job, pids in each.items()} if jobs else None
        )


@asynccontextmanager
async def open_follower(address):
    """Open a follower of an etcd."""
    events = []

    def publish(event, node, job_name="", pid=""):
        events.append(" ".join(str(each) for each in (event, node.name, job_name, pid) if each))

    async with open_mirror(settings(address), publish) as mirror:
        yield Follower(mirror, events)


@asynccontextmanager
async def open_node(*addresses, name="web1", more="", heartbeat=1, system=None):
    """Open a kernel that registers its node."""
    lines = ("[lookup]", f"address = {' '.join(addresses)}", f"name = {name}", more)
    text = "\n".join((*lines, f"heartbeat = {heartbeat}\n"))
    config = Config.from_string(text)
    config.options["bind"] = "127.0.0.1:0"
    plugins = [http_plugin, lookup_plugin]
    async with open_kernel(config, plugins=plugins, system=system or FakeSystem()) as kernel:
        yield kernel


def running_jobs(kernel):
    return {str(job.name): set(job.pids()) for job in kernel.manager.jobs()}


@asynccontextmanager
async def open_sharing_lookupd(address, lease=60.0):
    """Open a lookupd that keeps its nodes in an etcd."""
    config = Config()
    config.options["bind"] = "127.0.0.1:0"
    lookupd = Lookupd(partial(EtcdBackend, settings(address), lease), lease)
    callers = make_callers()
    async with open_kernel(config, plugins=[callers, lookupd, HttpHandler(routes=False)]) as kernel:
        yield Running(kernel, lookupd, callers)


async def get_jobs(lookupd):
    """Return what a lookupd publishes: the pids of each job of each node."""
    events = (await lookupd.get("/jobs"))["jobs"]
    return {
        (job["name"], source["name"]): set(source["pids"])
        for job in events
        for source in job["sources"]
    }
