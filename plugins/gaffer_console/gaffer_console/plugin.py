"""The plugin `console`: each kernel gets a console of its own.

The entry point names the class, not an object: `gaffer_event` does not say which kernel an event
comes from.
"""

from gaffer_console.console import VerboseConsole

plugin = VerboseConsole
