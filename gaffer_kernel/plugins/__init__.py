"""The plugins of a kernel: found, ordered, called, opened, closed and reloaded.

manager       Plugins: the public face, one for each kernel
plugin_set    PluginSet: plugins that belong together, checked and put in order
record        PluginRecord: what the kernel knows of one plugin; PluginInfo: what it shows
discovery     finds the plugins of installed distributions
folder        finds and loads the plugins in a folder; importer imports their source
entry_point   decides which object in a module is the plugin
plugin_class  Plugin: a plugin as a class with an application
dependencies  gaffer_requires and gaffer_after: order, missing plugins, cycles
hooks         calls hook implementations one by one, and isolates their failures
runner        opens and closes plugins in order, under deadlines
late_start    what plugins have left of their start until the first processes run
recovery      opens plugins again that have failed, with backoff
lifecycle     ServiceTask: the task of one plugin; ChangeLock: one change at a time
reload        PluginReloader and PluginChange: new code and new folders while the kernel runs
"""

from gaffer_kernel.plugins.manager import Plugins
from gaffer_kernel.plugins.plugin_class import Plugin
from gaffer_kernel.plugins.record import PluginInfo

__all__ = ["Plugin", "PluginInfo", "Plugins"]
