"""The output of processes on a gafferd: selected, followed and printed.

backlog       the last output that gafferd stores
merge         stored lines in the order of their times
printer       lines for people and for programs
multi_follow  the output of all selected processes, including those started later
follower      the output of one process
retry         requests repeated while gafferd cannot be reached
records       the lines and notes that the other modules pass on
selection     the selected processes
"""
