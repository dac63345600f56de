"""A long-running command, read line by line."""

import queue
import signal
import subprocess
import threading

import trio

TIMEOUT = 60.0
"""Seconds to wait for a line, on a very busy machine."""


class LineReader:
    """A running command.

    Attributes:
        process: of the command.
    """

    def __init__(self, argv, **settings):
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        self.process = subprocess.Popen(argv, text=True, **{**pipes, **settings})
        self._pipes = {"stdout": self.process.stdout, "stderr": self.process.stderr}
        self._pipes = {name: pipe for name, pipe in self._pipes.items() if pipe is not None}
        self._lines = {name: queue.Queue() for name in self._pipes}
        self._threads = [
            threading.Thread(target=self._read, args=(name,), daemon=True) for name in self._lines
        ]
        for thread in self._threads:
            thread.start()

    def _read(self, name):
        for line in self._pipes[name]:
            self._lines[name].put(line.rstrip("\n"))

    async def line(self, name="stdout"):
        """Return the next line."""
        with trio.fail_after(TIMEOUT):
            while True:
                try:
                    return self._lines[name].get_nowait()
                except queue.Empty:
                    await trio.sleep(0.005)

    async def until(self, part, name="stdout"):
        """Return the next line that contains a text."""
        while part not in (line := await self.line(name)):
            pass
        return line

    async def end(self, number=signal.SIGINT):
        """Send a signal; return the exit status and the rest of standard error."""
        self.process.send_signal(number)
        status = await trio.to_thread.run_sync(self.process.wait, TIMEOUT)
        for thread in self._threads:
            await trio.to_thread.run_sync(thread.join, TIMEOUT)
        rest = []
        while not self._lines["stderr"].empty():
            rest.append(self._lines["stderr"].get_nowait())
        return status, "".join(rest)

    def kill(self):
        """Kill it, and close its pipes."""
        self.process.kill()
        self.process.wait()
        for thread in self._threads:
            thread.join()
        for pipe in self._pipes.values():
            pipe.close()
