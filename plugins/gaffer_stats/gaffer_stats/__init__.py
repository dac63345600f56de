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

from gaffer_stats.sample import JobStats, Sample
from gaffer_stats.sampler import Watch
from gaffer_stats.service import Stats

__all__ = ["JobStats", "Sample", "Stats", "Watch"]
