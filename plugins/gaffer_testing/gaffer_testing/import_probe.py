"""Importing a plugin in an interpreter of its own."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

_PROBE = """
import json, logging, sys, threading, time
import gaffer_kernel.plugin
from pathlib import Path

logging.getLogger("gaffer_kernel").setLevel(logging.CRITICAL)
kind, name = sys.argv[1:]
if kind == "folder":
    from gaffer_testing.setup import make_plugins
before = set(sys.modules)
began = time.process_time()
if kind == "folder":
    make_plugins([Path(name)])
else:
    __import__(name)
seconds = time.process_time() - began
modules = sorted({each.partition(".")[0] for each in set(sys.modules) - before})
print(json.dumps([seconds, threading.active_count(), modules]), file=sys.stderr)
"""

_DEADLINE = 60.0


class Import(NamedTuple):
    """What an import took and did: seconds of processor, threads then, modules, and what it said.

    The kernel had been imported before.
    """

    seconds: float
    threads: int
    modules: list[str]
    said: str


def import_alone(plugin: object) -> Import:
    """Import a plugin's code as gafferd does, in an interpreter of its own.

    Raises:
        RuntimeError: it cannot be imported there; its words say why.
    """
    command = [sys.executable, "-c", _PROBE, *_named(plugin)]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(command, capture_output=True, text=True, timeout=_DEADLINE, env=environ)
    if done.returncode:
        raise RuntimeError(done.stderr)
    *said, result = done.stderr.splitlines()
    seconds, threads, modules = json.loads(result)
    return Import(seconds, threads, modules, done.stdout + "\n".join(said))


def _named(plugin: object) -> tuple[str, str]:
    if isinstance(plugin, Path):
        return "folder", str(plugin.absolute())
    if inspect.ismodule(plugin):
        return "module", plugin.__name__
    return "module", (plugin if isinstance(plugin, type) else type(plugin)).__module__
