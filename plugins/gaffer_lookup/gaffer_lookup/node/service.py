"""The life of the plugin: it follows what happens, and keeps every lookupd told."""

from __future__ import annotations

import logging
import math
from collections.abc import AsyncIterator, Iterable, Set
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import trio
from gaffer_kernel import GafferError, JobName, Kernel, NotFound, Subscription
from importlib_metadata import version

from gaffer_lookup.etcd.client import Etcd
from gaffer_lookup.etcd.registration import Registration
from gaffer_lookup.hosts import is_loopback
from gaffer_lookup.node.advertised_url import origin
from gaffer_lookup.node.lookupd_registration import Link, Me
from gaffer_lookup.node.machine_id import machine
from gaffer_lookup.node.settings import Settings
from gaffer_lookup.registry.errors import Refusal
from gaffer_lookup.registry.node import Node, make_node

if TYPE_CHECKING:
    from gaffer_http.plugin_api import HttpService

log = logging.getLogger(__package__)

EVENTS = ("create", "delete", "spawn", "exit", "stop", "stop_pid")
"""After these, something else may be true of a job."""

AT_ONCE = 1000
"""Events that are taken in before others have their turn."""


@dataclass(frozen=True, slots=True)
class LinkInfo:
    """What is known of one lookupd, or of an etcd.

    Attributes:
        address: where it is; of an etcd, all its members.
        registered: whether it knows this gafferd.
        error: why it does not; None if nothing is known against it.
    """

    address: str
    registered: bool
    error: str | None


class Lookup:
    """What `kernel.services["lookup"]` is.

    Attributes:
        name: under which this gafferd is known.
        origin: where lookupds say that it is.
    """

    def __init__(self, me: Me, links: Iterable[Link | Registration]) -> None:
        self.name = me.name
        self.origin = me.origin
        self._links = tuple(links)

    def lookupds(self) -> list[LinkInfo]:
        """Every lookupd that is to know this gafferd, and the etcd if there is one."""
        return [LinkInfo(each.address, each.registered, each.error) for each in self._links]


@asynccontextmanager
async def open_lookup(kernel: Kernel, settings: Settings) -> AsyncIterator[Lookup]:
    """Keep every lookupd told as long as the block lasts; then they see this gafferd go.

    Raises:
        GafferError: there is no address that could be told.
    """
    me = _me(kernel, settings)

    def truth(job: JobName) -> Set[int] | None:
        try:
            return set(kernel.manager.get(job).pids())
        except NotFound:
            return None

    def jobs() -> list[JobName]:
        return [job.name for job in kernel.manager.jobs()]

    links: list[Link | Registration] = [
        Link(each, me, settings.heartbeat, truth, jobs) for each in settings.connections
    ]
    async with AsyncExitStack() as stack:
        if settings.etcd is not None:
            etcd = Etcd(settings.etcd)
            stack.push_async_callback(etcd.aclose)
            seconds = math.ceil(3 * settings.heartbeat)
            links.append(Registration(etcd, _node(me), seconds, truth, jobs))
        async with kernel.events.subscribe(*EVENTS) as events, trio.open_nursery() as nursery:
            nursery.start_soon(_follow, events, links, name="events")
            for link in links:
                nursery.start_soon(link.run, name=f"lookup {link.address}")
            yield Lookup(me, links)
            nursery.cancel_scope.cancel()


def _me(kernel: Kernel, settings: Settings) -> Me:
    http: HttpService | None = kernel.services.get("http")
    url, reachable = origin(
        http.addresses if http is not None else (),
        host=settings.name,
        broadcast=settings.broadcast,
        port=settings.port,
    )
    if not reachable and not all(map(is_loopback, settings.hosts)):
        log.warning(
            "lookupds on other machines will tell %s, which only this one can reach:"
            " open an endpoint to the network, or give [lookup] broadcast_address",
            url,
        )
    return Me(settings.name, url, version("gaffer-kernel"))


def _node(me: Me) -> Node:
    try:
        return make_node(me.name, me.origin, me.version, machine())
    except Refusal as error:
        raise GafferError(f"this gafferd cannot be registered in etcd: {error}") from None


async def _follow(events: Subscription, links: list[Link | Registration]) -> None:
    dropped = 0
    while batch := await events.batch():
        for start in range(0, len(batch), AT_ONCE):
            for event in batch[start : start + AT_ONCE]:
                if event.session is not None and event.job is not None:
                    for link in links:
                        link.touch(JobName(event.session, event.job))
            await trio.lowlevel.checkpoint()
        if events.dropped > dropped:
            dropped = events.dropped
            for link in links:
                link.touch_all()
