"""Signals for gafferd: QUIT, TERM and INT stop it, HUP reloads its configuration."""
