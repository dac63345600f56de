"""The plugin `signals`: SIGQUIT, SIGTERM and SIGINT stop gafferd, SIGHUP reloads its configuration.

The entry point names the class: each kernel counts the quit signals it has received.
"""

from gaffer_signals.sig_handler import SigHandler

plugin = SigHandler
