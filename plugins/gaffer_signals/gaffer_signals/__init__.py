"""Signals for gafferd: QUIT, TERM and INT stop it, HUP reloads its configuration.

The module is the plugin that gafferd finds; a program that embeds a kernel passes it a
`SigHandler()`, or a subclass of `BaseSigHandler` with ideas of its own.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from gaffer_kernel.hookspecs import hookimpl
from gaffer_kernel.kernel import Kernel

from gaffer_signals.sig_handler import BaseSigHandler, SigHandler

__all__ = ["BaseSigHandler", "SigHandler"]


@hookimpl
def gaffer_service(kernel: Kernel) -> AbstractAsyncContextManager[None]:
    """Receive signals for the plugin's whole life."""
    return SigHandler().receiving(kernel)
