"""The real operating system: the only folder of the kernel that calls it for processes.

system        what the port asks for, put together
spawn         start a process, and say why it could not be started
spawn_errors  checks before a spawn, and explanations of its errors
gate          a child waits in it until its settings are in force
cgroups       the control group of one process
fd_shim       runs in the child: puts extra streams on descriptors 3, 4, 5, resets signals
pty           a pseudo-terminal in place of a pipe
child         one process: a table of states and events, from spawn to reaping
pipes         the streams of a child, read and written
poller        one epoll for every pipe and pidfd
orphans       what children left behind and the kernel inherited
leftovers     what an earlier gafferd left behind, which was killed
procfs        processes as /proc shows them
shortage      a reserve of descriptors for supervision, and reports of shortages
parent_death  stops what a foreground program has started if the program is killed
users         user and group names
"""

from gaffer_kernel.linux.system import LinuxSystem

__all__ = ["LinuxSystem"]
