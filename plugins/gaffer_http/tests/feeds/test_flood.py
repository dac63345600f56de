"""The memory of gafferd while a process floods clients that do not read."""

import trio

FLOOD = 300_000_000
"""Bytes."""

MOST = 32 * 2**20
"""Maximum growth of gafferd in bytes."""

INI = f"""
[process:flood]
cmd = sh -c 'read x; yes 0123456789 | head -c {FLOOD}; : >flooded; exec cat'
redirect_output = out
redirect_input = true
"""


async def test_flood_to_two_slow_readers_uses_little_memory(gafferd, tmp_path):
    got = 0
    sizes = []

    async def read():
        nonlocal got
        while True:
            got += len(await reader.more())

    with gafferd("http", ini=INI) as daemon:
        await daemon.spawned(1)
        async with (
            daemon.client() as raw,
            daemon.client() as lines,
            daemon.client() as reader,
            trio.open_nursery() as nursery,
        ):
            await raw.follow("/streams/1/out?feed=continuous")
            await lines.follow("/streams/1/out?feed=eventsource")
            await reader.follow("/streams/1/out?feed=continuous")
            before = daemon.memory
            nursery.start_soon(read)
            assert (await daemon.ask("POST", "/streams/1/stdin", b"\n")).status == 200
            while not (tmp_path / "flooded").exists():
                assert (await daemon.ask("GET", "/pids")).json == {"pids": [1]}
                sizes.append(daemon.memory)
                await trio.sleep(0.05)
            assert (await daemon.ask("POST", "/streams/1/stdin", b"last\n")).status == 200
            await lines.until(b"event: gap\r\n")
            await lines.until(b"last\r\n")
            nursery.cancel_scope.cancel()
        assert got > 10_000_000
        assert max(sizes) - before < MOST
