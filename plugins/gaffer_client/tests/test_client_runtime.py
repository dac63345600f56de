"""Clients for trio in asyncio: one clear sentence."""

import asyncio

import pytest
import trio

from gaffer_client import AsyncLookup, AsyncServer, Server

MESSAGE = (
    "AsyncServer and AsyncLookup work in trio only, and a task of asyncio called them: use Server"
    " or Lookup there, in a thread: await asyncio.to_thread(server.jobs)"
)


@pytest.mark.parametrize("kind", [AsyncServer, AsyncLookup])
def test_clients_for_trio_are_refused_in_asyncio(kind):
    async def make():
        kind("http://127.0.0.1:1")

    with pytest.raises(RuntimeError) as caught:
        asyncio.run(make())
    assert str(caught.value) == MESSAGE


def test_a_client_made_before_asyncio_runs_is_refused_at_its_first_request():
    server = AsyncServer("http://127.0.0.1:1")

    async def use():
        await server.jobs()

    with pytest.raises(RuntimeError) as caught:
        asyncio.run(use())
    assert str(caught.value) == MESSAGE


async def test_the_blocking_client_works_in_asyncio(url):
    async def use():
        with Server(url) as server:
            return await asyncio.to_thread(server.jobs)

    assert await trio.to_thread.run_sync(asyncio.run, use()) == []
