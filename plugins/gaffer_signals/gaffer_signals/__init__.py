"""Signals for gafferd: SIGQUIT, SIGTERM and SIGINT stop it, SIGHUP reloads its configuration.

plugin        the plugin `signals`
sig_handler   receives the signals: SigHandler, and BaseSigHandler for other handlers

A program that embeds a kernel passes it a `SigHandler()` or an instance of another subclass of
`BaseSigHandler`.
"""

from gaffer_signals.sig_handler import BaseSigHandler, SigHandler

__all__ = ["BaseSigHandler", "SigHandler"]
