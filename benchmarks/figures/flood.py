"""The longest wait of other clients while some flood the API with tiny frames."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import trustme
from harness.api import Api, free_port
from harness.births import Births
from harness.flood import KINDS
from harness.supervisors import HERE, Program, gafferd, running, scratch
from harness.table import Bound, Row

WEBSOCKETS = 5
CONNECTIONS = 20
PINGS = 15
KILLS = 5
WARM_UP = 1.0
WAIT_TIMEOUT = 30.0
FIGURES = {
    "h2_settings": "HTTP/2 SETTINGS",
    "h2_unknown": "unknown HTTP/2 frames",
    "ws_fragments": "empty websocket frames",
}


def rows(kinds: dict[str, str] = FIGURES) -> Iterator[Row]:
    """Measure the slowest ping and the slowest replacement of a child, for each kind of flood."""
    for kind, name in kinds.items():
        number = WEBSOCKETS if kind.startswith("ws_") else CONNECTIONS
        ping, missing = _measure(kind, number)
        where = f"{number} x {name}"
        yield Row(figure=f"slowest ping, {where}", gaffer=ping * 1000, unit="ms", bound=_bound(500))
        yield Row(
            figure=f"slowest replacement, {where}",
            gaffer=missing * 1000,
            unit="ms",
            bound=_bound(200),
        )


def _bound(limit: float) -> Bound:
    return Bound(limit=limit)


def _measure(kind: str, number: int) -> tuple[float, float]:
    with scratch() as folder:
        births = Births(folder)
        port, secure = free_port(), free_port()
        command = gafferd(
            folder, [Program("child", births.command("child"))], plugins=("signals", "http")
        )
        _listen(folder, port, secure)
        try:
            with running(command, folder) as daemon:
                [birth] = births.collect(1, WAIT_TIMEOUT).values()
                Api(port, daemon)
                target = secure if kind.startswith(("h2_", "tls_")) else port
                with _flooding(kind, target, number):
                    time.sleep(WARM_UP)
                    ping = max(_ping(port) for _ in range(PINGS))
                    missing, pid = 0.0, birth.pid
                    for _ in range(KILLS):
                        lost, pid = _kill(births, pid)
                        missing = max(missing, lost)
        finally:
            births.close()
        return ping, missing


def _listen(folder: Path, port: int, secure: int) -> None:
    certificate = trustme.CA().issue_cert("127.0.0.1")
    certificate.private_key_and_cert_chain_pem.write_to_path(str(folder / "cert.pem"))
    with (folder / "gaffer.ini").open("a") as file:
        file.write(
            "healthy_after = 1s\n"  # of the child, the last section
            f"[endpoint:plain]\nbind = 127.0.0.1:{port}\n"
            f"[endpoint:secure]\nbind = 127.0.0.1:{secure}\ncertfile = {folder}/cert.pem\n"
        )


@contextmanager
def _flooding(kind: str, port: int, number: int) -> Iterator[None]:
    script = str(HERE / "harness" / "flood.py")
    command = [sys.executable, script, kind, str(port), str(number)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as flooder:
        try:
            assert flooder.stdout is not None
            if flooder.stdout.readline() != b"open\n":
                raise RuntimeError(f"no flood of {kind}")
            yield
        finally:
            flooder.kill()


def _ping(port: int) -> float:
    begin = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT_TIMEOUT)
    try:
        connection.request("GET", "/ping")
        connection.getresponse().read()
    finally:
        connection.close()
    time.sleep(0.05)
    return time.monotonic() - begin - 0.05


def _kill(births: Births, pid: int) -> tuple[float, int]:
    time.sleep(1.2)  # a child that is killed after `healthy_after` is replaced at once
    begin = time.monotonic()
    os.kill(pid, signal.SIGKILL)
    deadline = begin + WAIT_TIMEOUT
    while (left := deadline - time.monotonic()) > 0:
        for birth in births.wait(left):
            return birth.at - begin, birth.pid
    raise RuntimeError("a killed child was not replaced")


if __name__ == "__main__":
    for each in sys.argv[1:] or KINDS:
        for row in rows({each: each}):
            print(f"{row.figure}: {row.gaffer:.0f} ms", flush=True)
