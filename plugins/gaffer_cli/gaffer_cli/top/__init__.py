"""A live view of the jobs of a gafferd.

meter     CPU use of processes between two measurements
rows      the jobs as rows, from the answers of gafferd
cells     rows as cells of a table
view      the state of the view: selected row and order, and what keys do to it
keys      decoding of the bytes of a terminal into keys
terminal  the terminal in full-screen mode, and its restoration
screen    rendering of the view
tail      the last lines of output of the selected job
live      the tasks that update and paint the view

Each module uses only those above it. rich and trio are imported by the last ones alone.
"""
