"""The plugin `console`: each kernel gets its own console.

The entry point names the class, not an object, because `gaffer_event` does not say which kernel an
event comes from.
"""

from gaffer_console.console import VerboseConsole

plugin = VerboseConsole
