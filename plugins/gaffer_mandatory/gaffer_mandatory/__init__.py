"""Plugins that cannot be done without, in which versions: without them gafferd does not start.

demands   what is demanded, read from a text
check     what is not met
"""

__all__: list[str] = []
