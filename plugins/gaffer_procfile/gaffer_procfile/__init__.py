"""Procfile applications: read, run by gafferd, and exported.

export        the formats that this plugin brings, a file for each
configured    `[gaffer] procfile`: the jobs of a Procfile
hookspecs     the hook for formats of other plugins
exporter      what a format is
ports         processes that get the same PORT
application   a Procfile with its variables and numbers, as jobs
concurrency, environment, procfile   the three things that are read

Importing it must stay cheap, as gafferd does so to find out what it is: the files are read with
what is imported then.
"""

from gaffer_procfile.application import Application
from gaffer_procfile.concurrency import parse_concurrency
from gaffer_procfile.environment import load_env, load_envs
from gaffer_procfile.exporter import ExportedFile, Exporter, ExportError, by_name
from gaffer_procfile.procfile import Procfile

__all__ = [
    "Application",
    "ExportError",
    "ExportedFile",
    "Exporter",
    "Procfile",
    "by_name",
    "load_env",
    "load_envs",
    "parse_concurrency",
]
