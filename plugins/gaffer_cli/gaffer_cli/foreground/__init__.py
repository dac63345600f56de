"""Jobs run in the foreground, by a kernel inside the command, until they exit or are stopped.

run           the kernel, its plugins and their lifecycle
exit_policy   the reaction to the exit of a process, and the exit status of the command
input_owner   the process that has the standard input of this program
first_lines   the lines before the first process
signals       the reaction to Ctrl-C, Ctrl-Z and other signals
parent_death  cleanup of the processes if this program is killed
window_size   the lines shown, and the terminal size that programs get
broken_pipe   notice that the reader of standard output is gone

Imported by a verb only when it runs, because it loads trio and the kernel.
"""

from gaffer_cli.foreground.exit_policy import OnExit
from gaffer_cli.foreground.input_owner import InputOwner
from gaffer_cli.foreground.run import run_jobs

__all__ = ["InputOwner", "OnExit", "run_jobs"]
