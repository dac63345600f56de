"""Measure how long the processes of each job live."""
