"""Finds the plugin in what an entry point or a folder offers: an object, a module or a class."""

import inspect
from types import ModuleType

from gaffer_kernel.errors import describe_exception
from gaffer_kernel.hookspecs import PROJECT
from gaffer_kernel.plugins.containment import is_interrupt
from gaffer_kernel.plugins.plugin_class import Plugin
from gaffer_kernel.plugins.record import OLD_PACKAGE, OLD_PACKAGE_REMEDY, PluginRecord


def get_plugin(record: PluginRecord, imported: object) -> object:
    """Return the plugin that a folder or an entry point offers.

    Args:
        record: the record of the plugin, for its name.
        imported: an object or a module with hooks; a class, which is instantiated; or a module that
            names a subclass of Plugin in its `__all__`.

    Raises:
        PluginError: there are several classes, one cannot be instantiated, has another name, or was
            written for gaffer 0.5.
    """
    classes = _find_classes(imported)
    if _comes_from_old_package(imported):
        raise record.plugin_error(OLD_PACKAGE_REMEDY)
    if not classes:
        return imported
    names = ", ".join(kind.__name__ for kind in classes)
    if len(classes) > 1:
        raise record.plugin_error(
            f"names several plugins in __all__: {names}: give each its own folder"
        )
    if isinstance(imported, ModuleType) and _has_hooks(imported):
        raise record.plugin_error(
            f"has hooks outside the class {names}: make them methods of the class"
        )
    return _instantiate(record, classes[0])


def _find_classes(imported: object) -> list[type]:
    if isinstance(imported, type):
        return [imported]
    if not isinstance(imported, ModuleType):
        return []
    found = [getattr(imported, str(name), None) for name in getattr(imported, "__all__", ())]
    return [
        each
        for each in found
        if isinstance(each, type) and issubclass(each, Plugin) and each is not Plugin
    ]


def _comes_from_old_package(imported: object) -> bool:
    """Return whether it offers a class derived from gaffer 0.5, which is installed."""
    offered = [getattr(imported, str(name), None) for name in getattr(imported, "__all__", ())]
    bases = [
        base for each in (imported, *offered) if isinstance(each, type) for base in each.__mro__
    ]
    return any(base.__module__.partition(".")[0] == OLD_PACKAGE for base in bases)


def _has_hooks(module: ModuleType) -> bool:
    return any(
        inspect.isroutine(value) and hasattr(value, f"{PROJECT}_impl")
        for value in vars(module).values()
    )


def _instantiate(record: PluginRecord, kind: type) -> object:
    try:
        plugin: object = kind()
    except BaseException as exc:
        if is_interrupt(exc):
            raise
        raise record.plugin_error(f"{kind.__name__}() raised {describe_exception(exc)}") from exc
    if not isinstance(plugin, Plugin):
        return plugin
    if not plugin.name:
        raise record.plugin_error(
            f'the class {kind.__name__} has no name: add name = "{record.name}"'
        )
    if plugin.name != record.name:
        raise record.plugin_error(
            f"the class {kind.__name__} has the name {plugin.name!r}, but a plugin has the name of"
            " its folder or entry point: rename one"
        )
    return plugin
