"""Verbs of both commands, a file each."""
