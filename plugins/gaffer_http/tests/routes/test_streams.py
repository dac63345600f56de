"""Reading and writing the streams of real processes over real sockets."""

import re
import sys
import time

import pytest
import trio
from gaffer_testing.waiting import until

from ..channel_client import readers, start


async def shell(api, script, **settings):
    return await start(api, cmd=script, shell=True, redirect_output=("out", "err"), **settings)


async def test_long_poll_returns_the_echo_of_written_input(api):
    await start(api)
    for name in ("stdin", "ttin", "stdin"):
        answer = await api.ask("POST", f"/streams/1/{name}", b"ECHO\n")
        assert (answer.status, answer.json) == (200, {"ok": True})
        answer = await api.ask("GET", "/streams/1/stdout?feed=longpoll")
        assert (answer.status, answer.body) == (200, b"ECHO\n")
        assert answer.headers["content-type"] == "application/octet-stream"


async def test_long_poll_returns_output_from_before_the_poll(api, monkeypatch):
    process = await start(api)
    await api.ask("POST", "/streams/1/stdin", b"one\n")
    await until(lambda: process.outputs.logs["stdout"].end == 4)
    monkeypatch.setattr("gaffer_kernel.processes.output.RECENT", -1)
    assert (await api.ask("GET", "/streams/1/stdout")).body == b"one\n"


async def test_no_output_is_lost_between_two_long_polls(api):
    process = await start(api)
    for number in range(5):
        await process.write(f"{number}\n")
        end = 2 * number + 2
        await until(lambda end=end: process.outputs.logs["stdout"].end == end)
        if number % 2 == 0:
            assert (await api.ask("GET", "/streams/1/stdout")).body.endswith(b"%d\n" % number)
    answer = await api.ask("POST", "/streams/1/stdin", b"5\n")
    await until(lambda: process.outputs.logs["stdout"].end == 12)
    assert answer.status == 200
    assert (await api.ask("GET", "/streams/1/stdout")).body == b"5\n"


async def test_long_poll_reports_bytes_dropped_since_the_last_one(api):
    process = await start(api)
    await process.write(b"a\n")
    await api.ask("GET", "/streams/1/stdout")
    # While a client reads, more output is kept.
    await until(lambda: readers(process) == 0)
    await process.write(b"b" * 100_000)
    await until(lambda: process.outputs.logs["stdout"].end == 100_002)
    answer = await api.ask("GET", "/streams/1/stdout")
    assert len(answer.body) + int(answer.headers["x-gaffer-lost"]) == 100_000


async def test_long_poll_waits_for_the_next_output(api):
    process = await start(api)
    async with api.client() as client:
        answer = await client.follow("/streams/1/stdout?feed=longpoll")
        assert answer.status == 200
        await process.write("next\n")
        assert await client.rest() == b"next\n"
    await until(lambda: readers(process) == 0)


async def test_continuous_feed_sends_bytes_as_they_arrive(api):
    process = await start(api)
    async with api.client() as client:
        answer = await client.follow("/streams/1/stdout?feed=continuous")
        assert answer.headers["content-type"] == "application/octet-stream"
        for word in (b"one\n", b"\xfftwo"):
            await process.write(word)
            assert await client.until(word) == word


async def test_event_source_receives_lines(api):
    process = await start(api)
    async with api.client() as client:
        answer = await client.follow("/streams/1/stdout?feed=eventsource")
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        await process.write("STDOUT 1\n")
        assert await client.until(b"\r\n\r\n") == b"event: stdout\r\ndata: STDOUT 1\r\n\r\n"
        await process.write("name: ")
        # There is no newline: it is a prompt.
        assert await client.until(b"\r\n\r\n") == b"event: stdout\r\ndata: name: \r\n\r\n"


@pytest.mark.parametrize("path", ["/streams/1/.", "/streams/1/", "/streams/1"])
async def test_dot_or_no_stream_selects_every_output(api, path):
    await shell(api, "read x; echo to out; echo to err >&2; exec sleep 100", redirect_input=True)
    async with api.client() as client:
        await client.follow(f"{path}?feed=eventsource")
        await api.ask("POST", "/streams/1/stdin", b"\n")
        got = await client.until(b"to out")
        got += b"" if b"to err" in got else await client.until(b"to err")
        assert b"event: out\r\ndata: to out\r\n" in got
        assert b"event: err\r\ndata: to err\r\n" in got


@pytest.mark.parametrize("head", ["HTTP/1.0\r\n", "HTTP/1.1\r\nConnection: close\r\n"])
async def test_feed_without_keep_alive_closes_at_once(api, head):
    await shell(api, "echo last; sleep 0.2")
    async with api.client() as client:
        request = f"GET /streams/1/out?feed=continuous {head}Host: localhost\r\n\r\n"
        await client.stream.send_all(request.encode())
        before = trio.current_time()
        while await client.stream.receive_some():
            pass
        assert trio.current_time() - before < 5


@pytest.mark.parametrize("feed", ["longpoll", "continuous", "eventsource"])
async def test_feed_ends_with_the_process(api, feed):
    process = await start(api)
    async with api.client() as client:
        await client.follow(f"/streams/1/stdout?feed={feed}")
        api.kernel.manager.unload("x")
        assert await client.rest() == b""
    await until(lambda: readers(process) == 0)


@pytest.mark.parametrize("feed", ["longpoll", "continuous", "eventsource"])
async def test_heartbeat_is_an_empty_line_or_a_comment(api, feed):
    process = await start(api)
    async with api.client() as client:
        await client.follow(f"/streams/1/stdout?feed={feed}&heartbeat=0.1")
        beat = b":\r\n" if feed == "eventsource" else b"\n"
        assert await client.until(beat * 2) == beat * 2
        await process.write("x\n")
        form = b"event: stdout\r\ndata: x\r\n\r\n" if feed == "eventsource" else b"x\n"
        assert (await client.until(form)).endswith(form)


async def test_custom_stream_is_read_and_written(api):
    script = "import os; s = int(os.environ['GAFFER_STREAM_CTRL']); os.write(s, os.read(s, 99))"
    await start(
        api,
        cmd=sys.executable,
        args=("-c", f"{script}; input()"),
        custom_streams=("ctrl",),
        redirect_input=True,
    )
    assert (await api.ask("POST", "/streams/1/ctrl", b"ECHO\n")).status == 200
    assert (await api.ask("GET", "/streams/1/ctrl")).body == b"ECHO\n"


async def test_invalid_reads_are_refused(api):
    await start(api, name="mute", cmd="cat", redirect_output=(), redirect_input=True)
    await start(api)
    for path, status, slug in (
        ("/streams/9/stdout", 404, "not_found"),
        ("/streams/x/stdout", 404, "not_found"),
        ("/streams/1/stdout", 400, "io_not_redirected"),
        ("/streams/1/.", 400, "io_not_redirected"),
        ("/streams/2/nope", 404, "io_not_found"),
        ("/streams/2/stdin", 404, "io_not_found"),
        ("/streams/2/stdout?feed=tail", 400, "bad_value"),
        ("/streams/2/stdout?heartbeat=abc", 400, "bad_value"),
        ("/streams/2/stdout?heartbeat=0.01", 400, "bad_value"),
        ("/streams/2/stdout?heartbeat=nan", 400, "bad_value"),
        ("/streams/2/stdout?hearbeat=1", 400, "bad_value"),
    ):
        answer = await api.ask("GET", path)
        assert (answer.status, answer.slug) == (status, slug), path


async def test_invalid_writes_are_refused(api):
    await start(api, name="deaf", cmd="sleep 100", redirect_output=("stdout",))
    await start(api)
    for path, status, slug in (
        ("/streams/9/stdin", 404, "not_found"),
        ("/streams/1/stdin", 403, "forbidden_write"),
        ("/streams/2/stdout", 404, "stream_not_found"),
        ("/streams/2/stdin?x=1", 400, "bad_value"),
    ):
        answer = await api.ask("POST", path, b"x")
        assert (answer.status, answer.slug) == (status, slug), path


@pytest.mark.parametrize("heartbeat", ["true", "false", "0", "0.5"])
async def test_head_returns_immediately(api, heartbeat):
    process = await start(api)
    answer = await api.ask("HEAD", f"/streams/1/stdout?feed=eventsource&heartbeat={heartbeat}")
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    await until(lambda: readers(process) == 0)


async def test_resources_of_disconnected_clients_are_freed(api):
    process = await start(api)
    streams = []
    for number in range(200):
        stream = await trio.open_tcp_stream("127.0.0.1", int(api.urls[0].rpartition(":")[2]))
        feed = ("longpoll", "continuous", "eventsource")[number % 3]
        head = f"GET /streams/1/stdout?feed={feed} HTTP/1.1\r\nHost: localhost\r\n\r\n"
        await stream.send_all(head.encode())
        streams.append(stream)
    await until(lambda: readers(process) == 200)
    for stream in streams[::2]:
        await trio.aclose_forcefully(stream)
    await until(lambda: readers(process) == 100)
    await process.write("still there\n")
    for stream in streams[1::2]:
        got = b""
        while b"still there" not in got:
            got += await stream.receive_some()
        await trio.aclose_forcefully(stream)
    await until(lambda: readers(process) == 0)


async def test_slow_reader_loses_only_its_own_output_and_gets_the_number_of_bytes(api):
    size = 60_000_000
    process = await shell(
        api, f"read x; yes 0123456789 | head -c {size}; exec cat", redirect_input=True
    )
    log = process.outputs.logs["out"]
    async with api.client() as slow, api.client() as late:
        await slow.follow("/streams/1/out?feed=eventsource")
        await process.write("\n")
        # The process is not blocked.
        await until(lambda: log.end == size)
        await late.follow("/streams/1/out?feed=eventsource")
        await process.write("last\n")
        assert await late.until(b"\r\n\r\n") == b"event: out\r\ndata: last\r\n\r\n"
        await slow.until(b"event: gap\r\n")
        await slow.until(b"last\r\n")


async def test_feeds_end_when_the_api_closes(running_api):
    async with running_api() as api, api.client() as poll, api.client() as raw:
        process = await start(api)
        async with api.client() as lines, api.client() as stalled:
            await poll.follow("/streams/1/stdout")
            await raw.follow("/streams/1/stdout?feed=continuous")
            await lines.follow("/streams/1/stdout?feed=eventsource")
            await stalled.follow("/streams/1/stderr?feed=continuous")
            before = trio.current_time()
            await api.kernel.plugins.close("http")
            # Otherwise it would wait for three seconds.
            assert trio.current_time() - before < 2
            for client in (poll, raw, lines):
                assert await client.rest() == b""
        await until(lambda: readers(process) == 0)
        assert process.active


async def test_slow_readers_do_not_delay_shutdown(running_api):
    async with running_api() as api:
        process = await shell(api, "exec yes 0123456789")
        streams = []
        for number in range(10):
            stream = await trio.open_tcp_stream("127.0.0.1", int(api.urls[0].rpartition(":")[2]))
            feed = ("continuous", "eventsource")[number % 2]
            head = f"GET /streams/1/out?feed={feed} HTTP/1.1\r\nHost: localhost\r\n\r\n"
            await stream.send_all(head.encode())
            streams.append(stream)
        await until(lambda: readers(process) == 10)
        log = process.outputs.logs["out"]
        enough = log.end + 50_000_000
        await until(lambda: log.end > enough)
        before = trio.current_time()
        await api.kernel.plugins.close("http")
        assert trio.current_time() - before < 2
        await until(lambda: readers(process) == 0)
        for stream in streams:
            await trio.aclose_forcefully(stream)


async def test_feed_with_tail_starts_with_earlier_output(api):
    process = await start(api)
    await process.write(b"before\n")
    await until(lambda: process.outputs.logs["stdout"].end == 7)
    async with api.client() as client:
        await client.follow("/streams/1?feed=continuous&tail=true")
        assert await client.until(b"\n") == b"before\n"
        await process.write(b"after\n")
        assert await client.until(b"\n") == b"after\n"


async def test_feed_of_the_tail_only_ends_after_earlier_output(api):
    process = await shell(api, "echo one; echo two >&2; sleep 1000")
    logs = process.outputs.logs
    await until(lambda: logs["out"].end and logs["err"].end)
    answer = await api.ask("GET", "/streams/1?feed=eventsource&tail=only")
    assert answer.body == b"event: out\r\ndata: one\r\n\r\nevent: err\r\ndata: two\r\n\r\n"
    assert (await api.ask("GET", "/streams/1/out?feed=continuous&tail=only")).body == b"one\n"
    await until(lambda: readers(process) == 0)


@pytest.mark.parametrize("tail", ["only", "true"])
async def test_feed_with_times_sends_them(api, tail):
    process = await shell(api, "echo one; echo two >&2; exec sleep 1000")
    await until(lambda: process.outputs.logs["err"].end == 4)
    before = time.time()
    async with api.client() as client:
        await client.follow(f"/streams/1?feed=eventsource&times=true&tail={tail}")
        body = await client.until(b"data: two\r\n\r\n")
    found = re.findall(rb'event: time\r\ndata: \{"time":([0-9.]+)\}\r\n\r\n', body)
    assert found
    assert all(before - 60 < float(each) <= before for each in found)


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("feed=longpoll&tail=true", "tail: is for continuous feeds, not for long polls"),
        ("feed=continuous&times=true", "times: is for feed=eventsource"),
        ("feed=eventsource&times=1", "times: must be one of false, true, not '1'"),
        ("feed=continuous&tail=all", "tail: must be one of false, true, only, not 'all'"),
    ],
)
async def test_invalid_tail_and_times_are_refused(api, query, reason):
    await start(api)
    answer = await api.ask("GET", f"/streams/1?{query}")
    assert (answer.status, answer.slug) == (400, "bad_value")
    assert answer.json["reason"] == reason


async def ended(api, script):
    """The pid of an exited process."""
    process = await shell(api, script)
    await until(lambda: not process.active and process.pid not in api.kernel.manager.pids())
    return process.pid


async def test_output_of_a_process_that_crashed_at_once_is_readable(api):
    pid = await ended(api, "echo one; echo why >&2; sleep 0.05; kill -9 $$")
    answer = await api.ask("GET", f"/streams/{pid}?feed=eventsource&tail=only")
    assert answer.body == b"event: out\r\ndata: one\r\n\r\nevent: err\r\ndata: why\r\n\r\n"
    assert pid in (await api.ask("GET", "/status/x")).json["ended"]
    assert (await api.ask("GET", f"/pids/{pid}")).status == 404
    info = (await api.ask("GET", f"/pids/{pid}?ended=true")).json
    assert (info["active"], info["exit_code"], info["term_signal"]) == (False, 0, 9)
    # An EventSource would reconnect forever.
    for query in ("feed=eventsource&tail=true", "feed=continuous"):
        assert (await api.ask("GET", f"/streams/{pid}?{query}")).status == 404


async def test_output_between_a_long_poll_and_the_exit_is_sent_once(api):
    process = await shell(api, "echo one; read x; echo last", redirect_input=True)
    await until(lambda: process.outputs.logs["out"].end)
    assert (await api.ask("GET", "/streams/1/out")).body == b"one\n"
    await process.write(b"go\n")
    await until(lambda: not process.active)
    assert (await api.ask("GET", "/streams/1/out")).body == b"last\n"
    assert (await api.ask("GET", "/streams/1/out")).status == 404
