"""The dependencies between plugins: the order in which they open, missing plugins and cycles."""

from collections.abc import Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

from gaffer_kernel.errors import did_you_mean
from gaffer_kernel.plugins.record import PluginRecord

Records = Mapping[str, PluginRecord]
Problem = tuple[PluginRecord, str]
"""A plugin, and what is wrong with it."""


def read_names(plugin: object, attribute: str) -> tuple[str, ...]:
    """Read the names in `gaffer_requires`, `gaffer_after`, `gaffer_events` or `mandatory`.

    Raises:
        TypeError: it is not a tuple or list of strings. A single string is refused, because it
            would be read character by character.
    """
    names = getattr(plugin, attribute, ())
    if not isinstance(names, tuple | list) or not all(isinstance(name, str) for name in names):
        raise TypeError(f'{attribute} must be a tuple of names, like ("http",)')
    return tuple(names)


def find_missing(records: Records) -> list[Problem]:
    """Find every requirement that is not met, of all plugins that have code."""
    return [
        (record, _describe_missing(record, need, records))
        for record in _with_code(records)
        for need in record.requires
        if need not in records or records[need].plugin is None
    ]


def _describe_missing(record: PluginRecord, need: str, records: Records) -> str:
    if need in records and records[need].state == "disabled":
        return f"requires {need}, which is disabled: enable it, or disable {record.name} too"
    if need in records:
        return f"requires {need}, which is broken: repair it, or disable {record.name} too"
    hint = did_you_mean(need, records.keys() - {record.name})
    return f"requires {need}, which is not installed: install it, or disable {record.name}{hint}"


def find_cycles(records: Records) -> list[Problem]:
    """Find every cycle of dependencies; each is reported for one of its plugins."""
    names = [record.name for record in _with_code(records)]
    cycles = []
    while cycle := _find_cycle(names, records):
        order = " before ".join(cycle)
        reason = f"gaffer_requires and gaffer_after form a cycle: {order}: disable one of them"
        cycles.append((records[cycle[0]], reason))
        names = [name for name in names if name not in cycle]
    return cycles


def sort_by_dependency(records: Records) -> list[str]:
    """Return the names in the order in which the plugins open; else as they were added.

    Raises:
        graphlib.CycleError: `find_cycles` finds something.
    """
    names = [record.name for record in _with_code(records)]
    return list(_sorter(names, records).static_order())


def find_requirements(name: str, records: Records) -> set[str]:
    """Return the plugins that one requires, directly or through others; not itself."""
    found: set[str] = set()
    pending = [*records[name].requires]
    while pending:
        need = pending.pop()
        if need not in found and need in records:
            found.add(need)
            pending += records[need].requires
    return found


def _with_code(records: Records) -> Iterable[PluginRecord]:
    return (record for record in records.values() if record.plugin is not None)


def _sorter(names: Sequence[str], records: Records) -> TopologicalSorter[str]:
    sorter = TopologicalSorter[str]()
    # Without a dependency the order is that of the calls of `add`.
    for name in names:
        sorter.add(name)
    for name in names:
        needs = (*records[name].requires, *records[name].after)
        sorter.add(name, *(need for need in needs if need in names))
    return sorter


def _find_cycle(names: Sequence[str], records: Records) -> list[str]:
    try:
        _sorter(names, records).prepare()
    except CycleError as error:
        cycle: list[str] = error.args[1]
        return cycle
    return []
