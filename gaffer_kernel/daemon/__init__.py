"""The command gafferd: one program around one kernel; and what another such command needs.

command      what the command does
program      a command around a kernel; the only place where an error becomes an exit status
options      the command line, and what the environment and the file say of the same things
life         the kernel as gafferd runs it
signals      where no plugin receives them
last_resort  it ends, whatever hangs
daemonize    into the background
pidfile      one gafferd at a time
locks        who holds a file locked
log          one line for each thing worth it
show         the plugins, and what a file would run
"""

from gaffer_kernel.daemon.command import main

__all__ = ["main"]
