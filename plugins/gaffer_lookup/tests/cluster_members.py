"""Those who register in a real etcd and those who read it, all of them in this program."""

from contextlib import asynccontextmanager
from functools import partial

from gaffer_http import HttpHandler
from gaffer_http.plugin import plugin as http_plugin
from gaffer_kernel import Config, open_kernel
from gaffer_kernel.testing import FakeSystem

from gaffer_lookup.etcd.address import read_settings
from gaffer_lookup.etcd.backend import EtcdKeeper
from gaffer_lookup.etcd.mirror import open_mirror
from gaffer_lookup.lookupd.plugin import Lookupd
from gaffer_lookup.plugin import plugin as lookup_plugin

from .conftest import Running, make_people


def settings(place):
    """Of an etcd with some members, separated by white space."""
    return read_settings(place.split())


class Seen:
    """What somebody knows who follows an etcd, and the changes that he was told."""

    def __init__(self, mirror, told):
        self.mirror = mirror
        self.told = told

    def names(self):
        return sorted(node.name for node in self.mirror.store.nodes())

    def jobs(self, name="web1"):
        """The jobs of the nodes of a name; None if there is none."""
        found = [node for node in self.mirror.store.nodes() if node.name == name]
        jobs = [self.mirror.store.jobs_of(node) for node in found]
        return (
            {str(job): set(pids) for each in jobs for job, pids in each.items()} if jobs else None
        )


@asynccontextmanager
async def following(place):
    """Somebody who follows an etcd."""
    told = []

    def tell(event, node, job_name="", pid=""):
        told.append(" ".join(str(each) for each in (event, node.name, job_name, pid) if each))

    async with open_mirror(settings(place), tell) as mirror:
        yield Seen(mirror, told)


@asynccontextmanager
async def open_node(*addresses, name="web1", more="", heartbeat=1, system=None):
    """A gafferd that is registered."""
    lines = ("[lookup]", f"address = {' '.join(addresses)}", f"name = {name}", more)
    text = "\n".join((*lines, f"heartbeat = {heartbeat}\n"))
    config = Config.from_string(text)
    config.options["bind"] = "127.0.0.1:0"
    plugins = [http_plugin, lookup_plugin]
    async with open_kernel(config, plugins=plugins, system=system or FakeSystem()) as kernel:
        yield kernel


def true(kernel):
    return {str(job.name): set(job.pids()) for job in kernel.manager.jobs()}


@asynccontextmanager
async def sharing(place, lease=60.0):
    """A lookupd that keeps what it knows in an etcd."""
    config = Config()
    config.options["bind"] = "127.0.0.1:0"
    lookupd, people = Lookupd(partial(EtcdKeeper, settings(place), lease), lease), make_people()
    async with open_kernel(config, plugins=[people, lookupd, HttpHandler(routes=False)]) as kernel:
        yield Running(kernel, lookupd, people)


async def jobs_of(lookupd):
    """What a lookupd tells: the pids of each job of each node."""
    told = (await lookupd.get("/jobs"))["jobs"]
    return {
        (job["name"], source["name"]): set(source["pids"])
        for job in told
        for source in job["sources"]
    }
