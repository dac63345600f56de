"""Plugins for tests of their life: services that log, crash, take long or do not end."""

import types
from contextlib import asynccontextmanager

import trio

from gaffer_kernel.config import Config
from gaffer_kernel.hookspecs import hookimpl
from gaffer_kernel.plugins import Plugins

KERNEL = types.SimpleNamespace(config=Config())


class House:
    """Plugins whose services append to `log` when they open and close."""

    def __init__(self, **deadlines):
        self.log = []
        self.events = []
        self.plugins = Plugins(self._publish, **deadlines)

    def _publish(self, event, *, name, **data):
        self.events.append((event, name))
        self.plugins.call("gaffer_event", event=(event, name))

    def add(self, name, service=None, requires=(), after=()):
        plugin = types.SimpleNamespace(gaffer_requires=requires, gaffer_after=after)
        manager = asynccontextmanager(service or quiet)

        @hookimpl
        def gaffer_service(kernel):
            assert kernel is KERNEL
            return self._noted(name, manager)

        plugin.gaffer_service = gaffer_service
        self.plugins.add(plugin, name)

    @asynccontextmanager
    async def _noted(self, name, manager):
        async with manager() as service:
            self.log.append(f"+{name}")
            try:
                yield service
            finally:
                self.log.append(f"-{name}")

    @asynccontextmanager
    async def running(self):
        async with self.plugins.running(KERNEL):
            await self.plugins.open_all()
            yield

    def states(self):
        return {info.name: info.state for info in self.plugins.info()}

    def error(self, name):
        return next(info.error for info in self.plugins.info() if info.name == name)

    async def wait_for(self, name, state):
        with trio.fail_after(1000):
            while self.states()[name] != state:
                await trio.sleep(0.01)


async def quiet():
    yield


def crashing(after, exc=None):
    async def crash():
        await trio.sleep(after)
        raise exc or ValueError("crash")

    async def service():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(crash)
            yield "crashing"
            nursery.cancel_scope.cancel()

    return service


def slow(opening=0.0, closing=0.0):
    async def service():
        await trio.sleep(opening)
        yield
        await trio.sleep(closing)

    return service


def failing(exc, *, opening):
    async def service():
        if opening:
            raise exc
        yield
        raise exc

    return service


def stubborn(release, *, opening=False):
    """A service that shields itself; only `release` ends it."""

    async def service():
        with trio.CancelScope(shield=True):
            if opening:
                await release.wait()
        yield
        with trio.CancelScope(shield=True):
            await release.wait()

    return service
