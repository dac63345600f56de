"""The command gafferd, and a runner for other commands around a kernel.

command            gafferd: what each option does
options            the command line, the environment variables and the keys of [gaffer]
runner             DaemonRunner: runs a command around one kernel, makes errors exit statuses
daemon_kernel      DaemonKernel: a kernel that ends in bounded time
shutdown_watchdog  kills and exits from a thread if the shutdown hangs
signals            SIGQUIT, SIGTERM, SIGINT and SIGHUP while no plugin receives them
daemonize          the double fork, and how the launching process learns the outcome
startup            the report of a start, and the default pid file
pidfile, locks     one gafferd at a time, and who has locked a file
log, log_handlers  the log, on standard error or in a file
show               --list-plugins and --check
"""

from gaffer_kernel.daemon.command import main

__all__ = ["main"]
