"""Importing a plugin in a separate interpreter."""

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
    """Cost and effects of an import: processor seconds, threads, new modules and output.

    The kernel was imported before.
    """

    seconds: float
    threads: int
    modules: list[str]
    output: str


def import_alone(plugin: object) -> Import:
    """Import a plugin's code as gafferd does, in a separate interpreter.

    Raises:
        RuntimeError: the import failed; the message is its traceback.
    """
    command = [sys.executable, "-c", _PROBE, *_get_target(plugin)]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(command, capture_output=True, text=True, timeout=_DEADLINE, env=environ)
    if done.returncode:
        raise RuntimeError(done.stderr)
    *lines, result = done.stderr.splitlines()
    seconds, threads, modules = json.loads(result)
    return Import(seconds, threads, modules, done.stdout + "\n".join(lines))


def _get_target(plugin: object) -> tuple[str, str]:
    if isinstance(plugin, Path):
        return "folder", str(plugin.absolute())
    if inspect.ismodule(plugin):
        return "module", plugin.__name__
    return "module", (plugin if isinstance(plugin, type) else type(plugin)).__module__
