"""Processes: one run of an instance, its output and how it is stopped.

process        one process: spawn, signals, streams, state
output         what it wrote: a short tail, and more while a reader is there
read_times     when it was written
stop           the steps that stop it
stop_command   the command that runs before them
terminal_size  the size of its pseudo-terminals
"""
