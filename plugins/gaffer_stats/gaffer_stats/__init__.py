"""CPU and memory of gaffer's processes and their children, measured while somebody looks.

    service   what other code asks: `kernel.services["stats"]`
    sampler   the one task that measures, and those who watch
    frame     what has to be measured of a job, a process, or everything
    measure   one pass over the system; in a thread
    sample    what was measured
    routes    the paths that gaffer-http shows

Importing it must stay cheap, as gafferd does so to find out what it is: psutil is imported when the
plugin opens, quart when gaffer-http asks for the paths.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

from gaffer_kernel.hookspecs import hookimpl

from gaffer_stats.sample import JobStats, Sample
from gaffer_stats.sampler import Watch
from gaffer_stats.service import Stats, open_stats

if TYPE_CHECKING:
    from gaffer_kernel.kernel import Kernel
    from quart import Blueprint

__all__ = ["JobStats", "Sample", "Stats", "Watch"]


@hookimpl
def gaffer_service(kernel: Kernel) -> AbstractAsyncContextManager[Stats]:
    """Offer `kernel.services["stats"]` for the plugin's whole life."""
    return open_stats(kernel)


@hookimpl(optionalhook=True)
def gaffer_http_routes(kernel: Kernel) -> Blueprint:
    """Add `/stats` and the `stats` of jobs and pids."""
    from gaffer_stats.routes import make_routes

    return make_routes(kernel)
