"""The real operating system: the only folder of the kernel that calls it.

system    what the port asks for, put together
spawn     start a process, and say why it could not be started
terminal  a pseudo-terminal in place of a pipe
child     one process: its pipes, its signals, its end
poller    one epoll for every pipe and pidfd
adopted   what children left behind and the kernel inherited
guardian  ends what a program in the foreground has started if that is killed
users     user and group names
fd_shim     run in the child: puts extra streams on descriptors 3, 4, 5
"""

from gaffer_kernel.linux.system import LinuxSystem

__all__ = ["LinuxSystem"]
