"""Listening: the configured endpoints and their sockets."""
