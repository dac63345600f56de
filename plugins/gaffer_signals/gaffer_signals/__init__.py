"""Signals for gafferd: QUIT, TERM and INT stop it, HUP reloads its configuration.

The module is the plugin that gafferd finds; a program that embeds a kernel passes it a
`SigHandler()`, or a subclass of `BaseSigHandler` with ideas of its own.
"""

from gaffer_signals.sig_handler import BaseSigHandler, SigHandler

__all__ = ["BaseSigHandler", "SigHandler"]
