"""CPU and memory of gaffer's processes and their children, measured while a client watches.

    service    `kernel.services["stats"]`
    sampler    the one task that measures, and the watches that get its samples
    plan       what to measure for a job, a process, or all jobs
    measure    one pass over the system; runs in a thread
    sample     the result of a measurement
    routes     the paths under gaffer-http
    redaction  which samples, and which command lines, a caller may see

Importing this package must stay cheap, because gafferd imports it to find its hooks: psutil is
imported when the plugin opens, quart when gaffer-http asks for the paths.
"""

from gaffer_stats.sample import JobStats, Sample
from gaffer_stats.sampler import Watch
from gaffer_stats.service import Stats

__all__ = ["JobStats", "Sample", "Stats", "Watch"]
