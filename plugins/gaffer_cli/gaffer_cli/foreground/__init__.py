"""Jobs run in the foreground, with a kernel of their own, until they end or somebody ends them.

run        the kernel, its plugins and their life
ending     what becomes of the others when a process ends, and the status of it all
signals    what Ctrl-C, Ctrl-Z and other signals do
guarded    what ends them all if this program is killed has to know
screen     what of it is shown, and how wide a window programs find
spectator  whether whoever reads our output is still there

Imported by the verbs that need it, when they are used: it takes trio and the kernel.
"""

from gaffer_cli.foreground.exit_policy import OnExit
from gaffer_cli.foreground.run import run_jobs

__all__ = ["OnExit", "run_jobs"]
