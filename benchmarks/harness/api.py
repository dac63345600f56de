"""A client of the HTTP API, on one connection that is kept."""

from __future__ import annotations

import http.client
import json
import socket
import time
from types import TracebackType
from typing import Any

from harness.supervisors import Daemon

PATIENCE = 10.0
"""Seconds that it may take to come up, or to answer."""


def free_port() -> int:
    """A port of 127.0.0.1 that nobody uses at the moment."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


class Api:
    """Requests to a server on this machine; waits until it answers for a path.

    Raises:
        TimeoutError: it did not answer in time.
        RuntimeError: it has ended, or answered with an error.
    """

    def __init__(self, port: int, daemon: Daemon, path: str = "/ping") -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                self.get(path)
            except ConnectionRefusedError:
                self._connection.close()
                daemon.check()
                if time.monotonic() > deadline:
                    raise TimeoutError(f"nobody answers on port {port}") from None
                time.sleep(0.002)
            else:
                return

    def __enter__(self) -> Api:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._connection.close()

    def get(self, path: str) -> bytes:
        """The body of an answer."""
        return self._request("GET", path)

    def post(self, path: str, value: Any) -> bytes:
        """Send JSON; the body of the answer."""
        return self._request("POST", path, json.dumps(value), {"Content-Type": "application/json"})

    def send(self, path: str, data: bytes) -> None:
        """Send bytes as they are."""
        self._request("POST", path, data, {"Content-Type": "application/octet-stream"})

    def _request(self, method: str, path: str, *rest: Any) -> bytes:
        self._connection.request(method, path, *rest)
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status} {body!r}")
        return body
