"""Websockets to a process: its input, its first output, its exit."""

import json

import pytest
import trio
from gaffer_testing.waiting import until
from trio_websocket import ConnectionClosed

from ..channel_client import readers, shell, start


async def closed(socket):
    """Return the close code of a websocket, which sends nothing before."""
    with pytest.raises(ConnectionClosed) as raised:
        await socket.get_message()
    return raised.value.reason.code


async def received(socket, size):
    got = b""
    while len(got) < size:
        message = await socket.get_message()
        got += message.encode() if isinstance(message, str) else message
    return got


async def test_messages_reach_the_input_and_output_returns(api):
    await start(api)
    async with api.websocket("/wstreams/1") as socket:
        for message in ("ECHO\n", b"bytes\n", "\u20ac\n"):
            await socket.send_message(message)
            text = message if isinstance(message, str) else message.decode()
            assert await socket.get_message() == text


async def test_empty_message_is_ignored(api):
    await start(api)
    async with api.websocket("/wstreams/1") as socket:
        for empty in (b"", ""):
            await socket.send_message(empty)
        await socket.send_message("after\n")
        assert await socket.get_message() == "after\n"


async def test_only_the_first_output_is_sent(api):
    await shell(api, "read x; echo err >&2; echo out; cat", redirect_output=("out", "err"))
    async with api.websocket("/wstreams/1") as socket:
        await socket.send_message("\n")
        assert await socket.get_message() == "out\n"


async def test_all_clients_receive_the_output(api):
    process = await start(api)
    async with api.websocket("/wstreams/1") as one, api.websocket("/wstreams/1") as other:
        await one.send_message("from one\n")
        assert await one.get_message() == await other.get_message() == "from one\n"
        await one.aclose()
        await other.send_message("from the other\n")
        assert await other.get_message() == "from the other\n"
    await until(lambda: readers(process) == 0)


async def test_output_that_is_not_utf_8_is_sent_as_bytes(api):
    await start(api)
    async with api.websocket("/wstreams/1") as socket:
        await socket.send_message(b"\xff\n")
        assert await socket.get_message() == b"\xff\n"
        await socket.send_message(b"text\n")
        assert await socket.get_message() == "text\n"


async def test_split_character_is_sent_whole(api):
    process = await start(api)
    async with api.websocket("/wstreams/1") as socket:
        log = process.outputs.logs["stdout"]
        for number, byte in enumerate(b"\n\xe2\x82\xac"):
            await process.write(bytes([byte]))
            await until(lambda number=number: log.end == number + 1)
        assert await socket.get_message() == "\n"
        assert await socket.get_message() == "\u20ac"


async def test_incomplete_character_at_the_end_is_sent_as_bytes(api):
    await shell(api, r"read x; printf '\342\202'")
    async with api.websocket("/wstreams/1") as socket:
        await socket.send_message("\n")
        assert await socket.get_message() == b"\xe2\x82"
        assert await closed(socket) == 1000


@pytest.mark.parametrize(
    ("path", "code", "slug"),
    [
        ("/wstreams/9", 4404, "not_found"),
        ("/wstreams/x", 4400, "bad_value"),
        ("/wstreams/1", 4403, "forbidden_write"),
        ("/wstreams/2", 4400, "io_not_redirected"),
    ],
)
async def test_errors_are_sent_as_message_and_close_code(api, path, code, slug):
    await start(api, name="deaf", cmd="sleep 100", redirect_output=("stdout",))
    await start(api, name="mute", cmd="sleep 100", redirect_output=(), redirect_input=True)
    async with api.websocket(path) as socket:
        error = json.loads(await socket.get_message())
        assert (error["ok"], error["error"], error["errno"]) == (False, slug, code - 4000)
        assert error["reason"]
        assert await closed(socket) == code


async def test_unknown_parameter_is_refused(api):
    await start(api)
    answer = await api.ask_websocket("/wstreams/1?feed=x")
    assert (answer.status, answer.slug) == (400, "bad_value")


@pytest.mark.parametrize("path", ["/wstreams/1", "/channel", "/channel/websocket"])
async def test_page_of_another_origin_is_refused(api, path):
    await start(api)
    answer = await api.ask_websocket(path, origin="https://evil.com")
    assert (answer.status, answer.slug) == (403, "forbidden_origin")


async def test_websocket_closes_after_the_last_output_of_the_process(api):
    await shell(api, "read x; head -c 900000 /dev/zero; echo last")
    async with api.websocket("/wstreams/1") as socket:
        await socket.send_message("\n")
        got = await received(socket, 900_005)
        assert got.endswith(b"\0last\n")
        assert await closed(socket) == 1000


async def test_writing_to_an_exiting_process_is_no_error(api):
    process = await shell(api, "read x; exec sleep 0.1 <&-")
    async with api.websocket("/wstreams/1") as socket:
        for _ in range(10):
            await socket.send_message("x\n")
        assert await closed(socket) == 1000
        assert not process.active


async def test_message_to_a_process_with_closed_input_is_refused(api):
    await shell(api, "exec <&-; while echo closed; do sleep 0.05; done")
    async with api.websocket("/wstreams/1") as socket:
        # Before that its pipe would take a message that it never reads.
        assert "closed\n" in await socket.get_message()
        await socket.send_message("x\n")
        while (message := await socket.get_message()).startswith("closed\n"):
            pass
        assert json.loads(message)["error"] == "forbidden_write"
        assert await closed(socket) == 4403


async def test_last_messages_of_a_disconnecting_client_arrive(api):
    process = await start(api)
    log = process.outputs.logs["stdout"]
    async with api.websocket("/wstreams/1") as socket:
        for _ in range(100):
            await socket.send_message("0123456789" * 100)
        await socket.aclose()
    await until(lambda: log.end == 100_000)
    await until(lambda: readers(process) == 0)


async def test_input_of_a_process_that_does_not_read_is_bounded(api):
    process = await shell(api, "read x; while echo tick; do sleep 0.05; done")
    async with api.websocket("/wstreams/1") as socket, trio.open_nursery() as nursery:
        sent = 0

        async def send():
            nonlocal sent
            for _ in range(1000):
                await socket.send_message(b"\n" * 60_000)
                sent += 1

        nursery.start_soon(send)
        # Its output arrives nevertheless.
        for _ in range(20):
            assert "tick" in await socket.get_message()
        before = sent
        for _ in range(5):
            assert "tick" in await socket.get_message()
        assert sent == before < 500
        nursery.cancel_scope.cancel()
    # The server does not read, so it does not see the close of the client.
    with trio.fail_after(5):
        await until(lambda: readers(process) == 0)


async def test_resources_of_a_disconnected_client_are_freed(api):
    process = await start(api)
    async with api.websocket("/wstreams/1"):
        await until(lambda: readers(process) == 1)
    with trio.fail_after(1):
        await until(lambda: readers(process) == 0)


async def test_oversized_message_closes_the_websocket(api):
    process = await start(api)
    for size, large in ((65_536, False), (65_537, True), (10_000_000, True)):
        async with api.websocket("/wstreams/1") as socket, trio.open_nursery() as nursery:

            async def send(size=size, socket=socket):
                # The connection may close before all of it is sent.
                try:
                    await socket.send_message("\n" * size)
                except ConnectionClosed:
                    pass

            nursery.start_soon(send)
            if large:
                assert await closed(socket) == 1009
            else:
                assert len(await received(socket, size)) == size
            nursery.cancel_scope.cancel()
    with trio.fail_after(5):
        await until(lambda: readers(process) == 0)
    assert process.outputs.logs["stdout"].end == 65_536


async def test_websocket_closes_with_the_api(running_api):
    async with running_api() as api:
        process = await start(api)
        async with api.websocket("/wstreams/1") as socket, trio.open_nursery() as nursery:
            before = trio.current_time()
            nursery.start_soon(api.kernel.plugins.close, "http")
            assert await closed(socket) == 1012
            assert trio.current_time() - before < 1
        await until(lambda: readers(process) == 0)
        assert process.active


async def test_slow_readers_do_not_delay_shutdown(running_api):
    async with running_api() as api:
        process = await shell(api, "exec yes 0123456789")
        log = process.outputs.logs["out"]
        async with api.websocket("/wstreams/1"), api.websocket("/wstreams/1"):
            await until(lambda: readers(process) == 2)
            enough = log.end + 50_000_000
            await until(lambda: log.end > enough)
            before = trio.current_time()
            await api.kernel.plugins.close("http")
            assert trio.current_time() - before < 2
            await until(lambda: readers(process) == 0)
