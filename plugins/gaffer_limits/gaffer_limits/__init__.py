"""Limits of jobs: resource limits, priority, processors, and control groups.

plugin     the hooks
options    the keys of jobs
limits     the texts of limits and processors
memory     replaces processes that use too much memory
hierarchy  the part of cgroup v2 that belongs to gafferd
"""

from gaffer_limits.options import LimitOptions

__all__ = ["LimitOptions"]
