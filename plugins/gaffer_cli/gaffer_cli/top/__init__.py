"""A live view of a gafferd's jobs.

meter     how much of a processor they take, between two looks
rows      what is shown of each job, out of what gafferd tells
cells     rows as cells of a table
view      what somebody looks at: the chosen row, the order; what a key does
keys      keys out of the bytes of a terminal
terminal  the terminal, taken and given back
screen    how a view is painted
tail      the last lines that the chosen job has written
live      the tasks that keep all this up to date

Each line uses only what stands above it. rich and trio are imported by the last ones alone.
"""
