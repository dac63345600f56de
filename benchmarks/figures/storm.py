"""A hundred jobs that fail at once, for ever: their cost, and how the API answers meanwhile."""

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
ASKING = 10.0
CALMING = 6.0
STEADY = 10.0
EVERY = 0.02


def rows() -> Iterator[Row]:
    """The API is asked in the first seconds, the worst; the processor is measured after them."""
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
                answers = _ask(api)
            time.sleep(CALMING)
            own, children = _cost(daemon)
    cuts = quantiles(answers, n=100)
    for figure, value, unit, bound in (
        ("crash storm of 100: gafferd, of a core", own * 100, "%", Bound(limit=5.0)),
        ("crash storm of 100: its children, of a core", children * 100, "%", None),
        ("crash storm of 100: answer of the API, p50", cuts[49] * 1000, "ms", None),
        ("crash storm of 100: answer of the API, p99", cuts[98] * 1000, "ms", Bound(limit=100.0)),
        ("crash storm of 100: slowest answer", max(answers) * 1000, "ms", None),
    ):
        yield Row(figure=figure, gaffer=value, unit=unit, bound=bound)


def _ask(api: Api) -> list[float]:
    """Seconds that each answer took."""
    answers: list[float] = []
    deadline = time.monotonic() + ASKING
    while time.monotonic() < deadline:
        begin = time.perf_counter()
        api.get(f"/jobs/default/failing{len(answers) % JOBS}")
        answers.append(time.perf_counter() - begin)
        time.sleep(EVERY)
    return answers


def _cost(daemon: Daemon) -> tuple[float, float]:
    """Parts of a core: the supervisor's own and its children's."""
    own, reaped = cpu_seconds(daemon.pid)
    time.sleep(STEADY)
    own_after, reaped_after = cpu_seconds(daemon.pid)
    return (own_after - own) / STEADY, (reaped_after - reaped) / STEADY
