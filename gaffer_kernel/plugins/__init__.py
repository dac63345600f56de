"""Plugins: found, put in order, called, opened and closed.

collection  the plugins of one kernel, and all that may be asked of them
runner      opens and closes them in order
life        the one task of one plugin
hooks       calls implementations one by one, each on its own
order       requires and after, absences and cycles
discovery   those that are installed
folder      those in a folder, under the eyes of guard
record      what is known of one
faults      how an exception is told in a line
"""

from gaffer_kernel.plugins.collection import Plugins
from gaffer_kernel.plugins.record import PluginInfo

__all__ = ["PluginInfo", "Plugins"]
