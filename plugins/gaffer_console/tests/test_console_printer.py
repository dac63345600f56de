import errno
import io
import os
import re
import time

import pytest
import trio

from gaffer_console import printer
from gaffer_console.printer import Printer

LINE = re.compile(r"\d\d:\d\d:\d\d (\S+) \| (.*)")


class Pipe:
    """A pipe in place of the terminal; the test has the read end."""

    def __init__(self):
        self.reader, writer = os.pipe()
        self.stream = os.fdopen(writer, "w", encoding="utf-8")

    def stall(self):
        """Fill the pipe, so that the next write blocks."""
        fd = self.stream.fileno()
        os.set_blocking(fd, False)
        try:
            while True:
                os.write(fd, b"#" * 1000)
        except BlockingIOError:
            os.set_blocking(fd, True)

    def close_reader(self):
        if self.reader >= 0:
            os.close(self.reader)
            self.reader = -1

    def close(self):
        self.close_reader()
        self.stream.close()

    async def read_until(self, mark):
        """Read until a text appears; return the output."""
        data = b""
        with trio.fail_after(5):
            while mark not in data.decode(errors="ignore"):
                await trio.lowlevel.wait_readable(self.reader)
                data += os.read(self.reader, 1 << 16)
        return data.decode().lstrip("#")


@pytest.fixture
def pipe():
    pipe = Pipe()
    yield pipe
    pipe.close()


def shown(text):
    return [LINE.fullmatch(line).groups() for line in text.splitlines()]


async def test_printer_prefixes_lines_with_time_and_name(pipe):
    lines = Printer(pipe.stream, colors=False)
    at = time.mktime((2026, 11, 23, 7, 8, 9, 0, 0, -1))
    async with lines.running():
        lines.put("web", b"one\ntwo\n", at)
        lines.put("db", "žluť\x1b[2J\n".encode(), at)
    text = await pipe.read_until("žluť\n")
    assert text == "07:08:09 web | one\n07:08:09 web | two\n07:08:09 db | žluť\n"


async def test_printer_colours_each_name(pipe):
    lines = Printer(pipe.stream, colors=True)
    async with lines.running():
        for name in ("web", "db", "web"):
            lines.put(name, b"\x1b[1mx\n", 0)
    text = re.sub(r"\d\d:\d\d:\d\d", "T", await pipe.read_until("\n"))
    web = "\x1b[36mT web |\x1b[0m \x1b[1mx\x1b[0m\n"
    db = "\x1b[33mT db |\x1b[0m \x1b[1mx\x1b[0m\n"
    assert text == web + db + web


async def test_printer_pads_names_and_colours_numbers_alike(pipe):
    lines = Printer(pipe.stream, colors=True, width=8)
    async with lines.running():
        lines.put("web", b"x\n", 0, number=1)
        lines.put("web", b"x\n", 0, number=12)
        lines.put("much-longer", b"x\n", 0)
        lines.put("", b"x\n", 0)
    text = re.sub(r"\d\d:\d\d:\d\d", "T", await pipe.read_until("gaffer   | x\n"))
    assert text.splitlines() == [
        "\x1b[36mT web.1    |\x1b[0m x",
        "\x1b[36mT web.12   |\x1b[0m x",
        "\x1b[33mT much-longer |\x1b[0m x",
        "T gaffer   | x",
    ]


async def test_on_broken_replaces_the_log_message(pipe, caplog):
    pipe.close_reader()
    gone = []
    lines = Printer(pipe.stream, colors=False, on_broken=gone.append)
    with trio.fail_after(5):
        async with lines.running():
            lines.put("web", b"lost\n")
            while not gone:
                await trio.sleep(0.01)
    [error] = gone
    assert isinstance(error, BrokenPipeError)
    assert caplog.records == []


async def test_printer_prints_only_while_running(pipe):
    lines = Printer(pipe.stream, colors=False)
    lines.put("web", b"early\n")
    async with lines.running():
        lines.put("web", b"now\n")
    lines.put("web", b"late\n")
    os.write(pipe.stream.fileno(), b"00:00:00 end | end")
    assert shown(await pipe.read_until("| end")) == [("web", "now"), ("end", "end")]


async def test_stalled_terminal_drops_and_counts_the_oldest_lines(pipe):
    pipe.stall()
    lines = Printer(pipe.stream, colors=False)
    with trio.fail_after(5):
        async with lines.running():
            for number in range(100_000):
                lines.put("web", b"%d\n" % number)
            lines.put("web", b"end\n")
            got = shown(await pipe.read_until("| end\n"))
    notes = [(at, text) for at, (name, text) in enumerate(got) if name == "gaffer"]
    [(at, note)] = notes
    dropped = int(re.fullmatch(r"\.\.\. (\d+) lines dropped", note)[1])
    assert len(got) - 1 + dropped == 100_001
    assert [int(text) for _, text in got[at + 1 : -1]] == list(range(at + dropped, 100_000))


async def test_queue_of_a_stalled_terminal_is_bounded_by_bytes(pipe):
    pipe.stall()
    lines = Printer(pipe.stream, colors=False)
    async with lines.running():
        for _ in range(200):
            lines.put("web", b"x" * 64 * 1024 + b"\n")
        assert lines._size <= printer.QUEUE_SIZE
        pipe.close_reader()


async def test_stalled_terminal_is_abandoned_after_flush_timeout(pipe, monkeypatch):
    monkeypatch.setattr(printer, "FLUSH_TIMEOUT", 0.1)
    pipe.stall()
    lines = Printer(pipe.stream, colors=False)
    with trio.fail_after(2):
        async with lines.running():
            lines.put("web", b"never\n")


async def test_cancelled_printer_flushes_the_last_lines(pipe):
    lines = Printer(pipe.stream, colors=False)
    with trio.CancelScope() as scope:
        async with lines.running():
            lines.put("web", b"last\n")
            scope.cancel()
            await trio.lowlevel.checkpoint()
    assert shown(await pipe.read_until("\n")) == [("web", "last")]


async def test_broken_pipe_is_logged_once(pipe, caplog):
    pipe.close_reader()
    lines = Printer(pipe.stream, colors=False)
    with trio.fail_after(5):
        async with lines.running():
            lines.put("web", b"lost\n")
            while not caplog.records:
                await trio.sleep(0.01)
            lines.put("web", b"lost too\n")
    [record] = caplog.records
    assert (
        "standard output is broken, nothing more is printed: [Errno 32] Broken pipe"
        in record.getMessage()
    )


async def test_full_disk_drops_lines_and_is_retried(pipe, monkeypatch):
    with open("/dev/full", "w") as full:
        lines = Printer(full, colors=False)
        async with lines.running():
            lines.put("web", b"1\n2\n")
            with trio.fail_after(5):
                while not lines._dropped:
                    await trio.sleep(0.01)
            monkeypatch.setattr(lines, "_write", printer._writer(pipe.stream))
            lines.put("web", b"3\n")
    assert shown(await pipe.read_until("3\n")) == [("gaffer", "... 2 lines dropped"), ("web", "3")]


async def test_full_disk_is_tried_once_a_second_and_reported_once(pipe, monkeypatch):
    tries, reports = [], []

    def refuse(data):
        tries.append(data)
        raise OSError(errno.ENOSPC, "No space left on device")

    lines = Printer(pipe.stream, colors=False, lossless=True, on_lost=reports.append)
    works, lines._write = lines._write, refuse
    monkeypatch.setattr(printer, "RETRY_INTERVAL", 60)
    with trio.fail_after(5):
        async with lines.running():
            for number in range(100):
                lines.put("web", b"%d\n" * 500 % ((number,) * 500))
            await lines.wait_idle()
            assert len(tries) == 1
            assert reports == [
                "standard output: No space left on device: lines are lost until it works"
            ]
            lines._write = works
            lines._retry_at = 0.0
            lines.put("web", b"end\n")
            await lines.wait_idle()
    assert reports[1:] == ["standard output: works again, lines lost: 50,000"]
    note, end = shown(await pipe.read_until("end\n"))
    assert note == ("gaffer", "... 50000 lines dropped")
    assert end == ("web", "end")


async def test_non_blocking_descriptor_loses_nothing(pipe):
    os.set_blocking(pipe.stream.fileno(), False)
    lines = Printer(pipe.stream, colors=False)
    async with lines.running():
        lines.put("web", (b"x" * 60_000 + b"\n") * 5 + b"end\n")
        assert len(shown(await pipe.read_until("end\n"))) == 6


async def test_printer_accepts_a_stream_without_descriptor():
    stream = io.StringIO()
    lines = Printer(stream, colors=False)
    async with lines.running():
        lines.put("web", "žluť\n".encode())
    assert shown(stream.getvalue()) == [("web", "žluť")]


async def test_unencodable_characters_are_escaped(tmp_path):
    with open(tmp_path / "out", "w", encoding="ascii") as stream:
        lines = Printer(stream, colors=False)
        async with lines.running():
            lines.put("web", "žx\n".encode())
    assert shown((tmp_path / "out").read_text()) == [("web", "\\u017ex")]
