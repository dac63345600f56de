"""A client of the HTTP API, on one persistent connection."""

from __future__ import annotations

import http.client
import json
import socket
import time
from types import TracebackType
from typing import Any

from harness.supervisors import Daemon

RESPONSE_TIMEOUT = 10.0
"""Seconds to wait until the server listens, and for each response."""


def free_port() -> int:
    """Return a port of 127.0.0.1 that is free now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


class Api:
    """Send requests to a server on this machine, as soon as it answers for `path`.

    Raises:
        TimeoutError: the server did not answer in time.
        RuntimeError: the server has exited, or answered with an error.
    """

    def __init__(self, port: int, daemon: Daemon, path: str = "/ping") -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=RESPONSE_TIMEOUT)
        deadline = time.monotonic() + RESPONSE_TIMEOUT
        while True:
            try:
                self.get(path)
            except ConnectionRefusedError:
                self._connection.close()
                daemon.check()
                if time.monotonic() > deadline:
                    raise TimeoutError(f"port {port}: no server answers") from None
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
        """Return the body of the response."""
        return self._request("GET", path)

    def post(self, path: str, value: Any) -> bytes:
        """Send JSON; return the body of the response."""
        return self._request("POST", path, json.dumps(value), {"Content-Type": "application/json"})

    def send(self, path: str, data: bytes) -> None:
        """Send raw bytes."""
        self._request("POST", path, data, {"Content-Type": "application/octet-stream"})

    def _request(self, method: str, path: str, *rest: Any) -> bytes:
        self._connection.request(method, path, *rest)
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status} {body!r}")
        return body
