"""Procfile applications: read, run by gafferd, and exported to other supervisors.

plugin           the plugin `procfile`
export           the built-in export formats, one module each
config_section   the keys `procfile`, `env_files` and `concurrency` of `[gaffer]`
hookspecs        the hook for formats of other plugins
exporter         the interface of an export format
ports            conflicts of PORT between types
application      a Procfile with its variables and numbers of processes, as jobs
concurrency, environment, procfile   the parsers

Importing this package must stay fast, as gafferd does it to find the plugin: modules for the
configuration and the formats are imported when they are needed.
"""

from gaffer_procfile.application import Application
from gaffer_procfile.concurrency import parse_concurrency
from gaffer_procfile.environment import load_env, load_envs, parse_env
from gaffer_procfile.exporter import ExportedFile, Exporter, ExportError, get_exporters
from gaffer_procfile.procfile import Procfile

__all__ = [
    "Application",
    "ExportError",
    "ExportedFile",
    "Exporter",
    "Procfile",
    "get_exporters",
    "load_env",
    "load_envs",
    "parse_concurrency",
    "parse_env",
]
