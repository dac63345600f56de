"""Which object is the plugin in what was imported: the module itself, or a class in it."""

import inspect
from types import ModuleType

from gaffer_kernel.hookspecs import PROJECT
from gaffer_kernel.plugins.faults import describe
from gaffer_kernel.plugins.plugin_class import Plugin
from gaffer_kernel.plugins.record import Record


def plugin_in(record: Record, imported: object) -> object:
    """The plugin that a folder or an entry point offers.

    Args:
        record: of the plugin, for its name.
        imported: a module with hooks; or one that names a subclass of Plugin in its `__all__`, or
            such a class, which is then instantiated.

    Raises:
        PluginError: there are several classes, one cannot be instantiated, or has another name.
    """
    classes = _classes(imported)
    if not classes:
        return imported
    names = ", ".join(kind.__name__ for kind in classes)
    if len(classes) > 1:
        raise record.blame(f"names several plugins in __all__: {names}: give each its own folder")
    if isinstance(imported, ModuleType) and _has_hooks(imported):
        raise record.blame(f"has hooks beside the class {names}: make them methods of it")
    return _instance(record, classes[0])


def _classes(imported: object) -> list[type[Plugin]]:
    if isinstance(imported, ModuleType):
        found = [getattr(imported, str(name), None) for name in getattr(imported, "__all__", ())]
    else:
        found = [imported]
    return [
        each
        for each in found
        if isinstance(each, type) and issubclass(each, Plugin) and each is not Plugin
    ]


def _has_hooks(module: ModuleType) -> bool:
    return any(
        inspect.isroutine(value) and hasattr(value, f"{PROJECT}_impl")
        for value in vars(module).values()
    )


def _instance(record: Record, kind: type[Plugin]) -> Plugin:
    try:
        plugin = kind()
    except (Exception, SystemExit) as exc:
        raise record.blame(f"{kind.__name__}() raised {describe(exc)}") from exc
    if not plugin.name:
        raise record.blame(f'the class {kind.__name__} has no name: say name = "{record.name}"')
    if plugin.name != record.name:
        raise record.blame(
            f"the class {kind.__name__} calls itself {plugin.name!r}: a plugin has one name, that"
            " of its folder or entry point: rename one"
        )
    return plugin
