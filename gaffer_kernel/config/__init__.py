"""The configuration: files read into sections, sections into jobs.

config       what gafferd was told: sections, options, jobs
section      one section, its values converted, its errors placed
ini          the text of a file, with the line of every key
includes     files that name other files
trust        which files other users could have written
ownership    who may read which section
jobsections  [process:...] and [env:...] as JobConfig
"""

from gaffer_kernel.config.config import Config
from gaffer_kernel.config.section import Section

__all__ = ["Config", "Section"]
