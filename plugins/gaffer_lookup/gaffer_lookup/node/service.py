"""The plugin's life: it follows the events of jobs, and keeps every registration up to date."""

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
from gaffer_lookup.etcd.registration import EtcdRegistration
from gaffer_lookup.hosts import is_loopback
from gaffer_lookup.node.advertised_url import get_advertised_url
from gaffer_lookup.node.lookupd_registration import LookupdRegistration, NodeIdentity
from gaffer_lookup.node.machine_id import get_machine_id
from gaffer_lookup.node.settings import Settings
from gaffer_lookup.registry.errors import RegistryError
from gaffer_lookup.registry.node import Node, make_node

if TYPE_CHECKING:
    from gaffer_http.plugin_api import HttpService

log = logging.getLogger(__package__)

EVENTS = ("create", "delete", "spawn", "exit", "stop", "stop_pid")
"""Events after which the state of a job may differ."""

EVENTS_PER_TURN = 1000
"""Events that are handled before other tasks run."""

Registration = LookupdRegistration | EtcdRegistration


@dataclass(frozen=True, slots=True)
class RegistrationInfo:
    """The state of the registration with one lookupd, or in an etcd.

    Attributes:
        address: of the lookupd; of an etcd, those of all its members.
        registered: whether it knows this gafferd.
        error: why it does not; None before the first failure.
    """

    address: str
    registered: bool
    error: str | None


class LookupService:
    """The object behind `kernel.services["lookup"]`.

    Attributes:
        name: the name under which this gafferd registers.
        origin: the URL that lookupds publish for it.
    """

    def __init__(self, identity: NodeIdentity, registrations: Iterable[Registration]) -> None:
        self.name = identity.name
        self.origin = identity.origin
        self._registrations = tuple(registrations)

    def lookupds(self) -> list[RegistrationInfo]:
        """Return the state of each configured lookupd, and of the etcd if there is one."""
        return [
            RegistrationInfo(each.address, each.registered, each.error)
            for each in self._registrations
        ]


@asynccontextmanager
async def open_lookup(kernel: Kernel, settings: Settings) -> AsyncIterator[LookupService]:
    """Keep this gafferd registered as long as the block lasts.

    Raises:
        GafferError: there is no address to advertise.
    """
    identity = _make_identity(kernel, settings)

    def get_pids(job: JobName) -> Set[int] | None:
        try:
            return set(kernel.manager.get(job).pids())
        except NotFound:
            return None

    def jobs() -> list[JobName]:
        return [job.name for job in kernel.manager.jobs()]

    registrations: list[Registration] = [
        LookupdRegistration(each, identity, settings.heartbeat, get_pids, jobs)
        for each in settings.connections
    ]
    async with AsyncExitStack() as stack:
        if settings.etcd is not None:
            etcd = Etcd(settings.etcd)
            stack.push_async_callback(etcd.aclose)
            seconds = math.ceil(3 * settings.heartbeat)
            node = _make_node(identity)
            registrations.append(EtcdRegistration(etcd, node, seconds, get_pids, jobs))
        async with kernel.events.subscribe(*EVENTS) as events, trio.open_nursery() as nursery:
            nursery.start_soon(_follow_events, events, registrations, name="events")
            for each in registrations:
                nursery.start_soon(each.run, name=f"lookup {each.address}")
            yield LookupService(identity, registrations)
            nursery.cancel_scope.cancel()


def _make_identity(kernel: Kernel, settings: Settings) -> NodeIdentity:
    http: HttpService | None = kernel.services.get("http")
    url, reachable = get_advertised_url(
        http.addresses if http is not None else (),
        host=settings.name,
        broadcast=settings.broadcast,
        port=settings.port,
    )
    if not reachable and not all(map(is_loopback, settings.hosts)):
        log.warning(
            "lookupds on other machines will publish %s, which only this machine can reach:"
            " open an endpoint to the network, or give [lookup] broadcast_address",
            url,
        )
    return NodeIdentity(settings.name, url, version("gaffer-kernel"))


def _make_node(identity: NodeIdentity) -> Node:
    try:
        return make_node(identity.name, identity.origin, identity.version, get_machine_id())
    except RegistryError as error:
        raise GafferError(f"this gafferd cannot be registered in etcd: {error}") from None


async def _follow_events(events: Subscription, registrations: list[Registration]) -> None:
    dropped = 0
    while batch := await events.batch():
        for start in range(0, len(batch), EVENTS_PER_TURN):
            for event in batch[start : start + EVENTS_PER_TURN]:
                if event.session is not None and event.job is not None:
                    for each in registrations:
                        each.mark_changed(JobName(event.session, event.job))
            await trio.lowlevel.checkpoint()
        if events.dropped > dropped:
            dropped = events.dropped
            for each in registrations:
                each.mark_all_changed()
