"""A hundred jobs in a crash loop: their cost, and the latency of the API."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from statistics import quantiles

from harness.api import Api, free_port
from harness.processes import cpu_seconds
from harness.supervisors import Daemon, Program, gafferd, running, scratch
from harness.table import Bound, Row

JOBS = 100
FALSE = [shutil.which("false") or "false"]
PING_SECONDS = 10.0
BACKOFF_SECONDS = 6.0
COST_SECONDS = 10.0
PING_INTERVAL = 0.02


def rows() -> Iterator[Row]:
    """Measure the API in the first seconds, the worst time, and the processor after them."""
    with scratch() as folder:
        port = free_port()
        command = gafferd(
            folder,
            [Program(f"failing{number}", FALSE) for number in range(JOBS)],
            plugins=("signals", "http"),
            options=("--bind", f"127.0.0.1:{port}"),
        )
        with running(command, folder) as daemon:
            with Api(port, daemon) as api:
                answers = _measure_answers(api)
            time.sleep(BACKOFF_SECONDS)
            own, children = _measure_cost(daemon)
    cuts = quantiles(answers, n=100)
    for figure, value, unit, bound in (
        ("crash storm of 100: gafferd, of a core", own * 100, "%", Bound(limit=5.0)),
        ("crash storm of 100: its children, of a core", children * 100, "%", None),
        ("crash storm of 100: answer of the API, p50", cuts[49] * 1000, "ms", None),
        ("crash storm of 100: answer of the API, p99", cuts[98] * 1000, "ms", Bound(limit=100.0)),
        ("crash storm of 100: slowest answer", max(answers) * 1000, "ms", None),
    ):
        yield Row(figure=figure, gaffer=value, unit=unit, bound=bound)


def _measure_answers(api: Api) -> list[float]:
    """Return the seconds of each answer."""
    answers: list[float] = []
    deadline = time.monotonic() + PING_SECONDS
    while time.monotonic() < deadline:
        begin = time.perf_counter()
        api.get(f"/jobs/default/failing{len(answers) % JOBS}")
        answers.append(time.perf_counter() - begin)
        time.sleep(PING_INTERVAL)
    return answers


def _measure_cost(daemon: Daemon) -> tuple[float, float]:
    """Return the parts of a core that the supervisor and its children use."""
    own, reaped = cpu_seconds(daemon.pid)
    time.sleep(COST_SECONDS)
    own_after, reaped_after = cpu_seconds(daemon.pid)
    return (own_after - own) / COST_SECONDS, (reaped_after - reaped) / COST_SECONDS
