"""The configuration: files are read into sections, sections into jobs.

config        Config: the sections of all files, the command line, the jobs
section       Section: one section, converted values, errors with file and line
ini           parses one ini file, and notes the line of every key
includes      reads a file and the files that it includes
trust         refuses files that other users can write
ownership     which sections and keys the kernel and each plugin own
job_sections  makes JobConfigs of [process:...] and [env:...]
"""

from gaffer_kernel.config.config import Config
from gaffer_kernel.config.section import Section

__all__ = ["Config", "Section"]
