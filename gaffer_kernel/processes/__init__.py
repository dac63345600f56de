"""Processes: one run of an instance, its output and how it is stopped."""
