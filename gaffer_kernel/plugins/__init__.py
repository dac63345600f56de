"""Plugins: found, put in order, called, opened and closed.

collection  the plugins of one kernel, and all that may be asked of them
changing    what becomes of them while the kernel runs: reload, rescan
runner      opens, closes and exchanges them in order
turn        one change at a time, each to its end
life        the one task of one plugin
renewal     what has changed in the folders
roster      a set of plugins that belong together
hooks       calls implementations one by one, each on its own
discovery   those that are installed
folder      those in a folder, checked by path_security; source imports them
form        whether a module or a class in it is the plugin
base        that class, and application: the life of what it starts
order       requires and after, absences and cycles
complaints  what the log gets of hooks that fail
record      what is known of one
"""

from gaffer_kernel.plugins.manager import Plugins
from gaffer_kernel.plugins.plugin_class import Plugin
from gaffer_kernel.plugins.record import PluginInfo

__all__ = ["Plugin", "PluginInfo", "Plugins"]
