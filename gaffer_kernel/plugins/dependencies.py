"""In which order plugins open, and what stands in the way of any order."""

from collections.abc import Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

from gaffer_kernel.errors import did_you_mean
from gaffer_kernel.plugins.record import Record

Records = Mapping[str, Record]
Problem = tuple[Record, str]
"""A plugin and what is wrong with it."""


def declared(plugin: object, attribute: str) -> tuple[str, ...]:
    """The plugin names in `gaffer_requires` or `gaffer_after` of a plugin.

    Raises:
        TypeError: it is not a tuple or list of strings (one string would be read letter by letter).
    """
    names = getattr(plugin, attribute, ())
    if not isinstance(names, tuple | list) or not all(isinstance(name, str) for name in names):
        raise TypeError(f'{attribute} must be a tuple of plugin names, like ("http",)')
    return tuple(names)


def absences(records: Records) -> list[Problem]:
    """Every requirement that is not met, of all plugins that have code."""
    return [
        (record, _absence(record, need, records))
        for record in _enabled(records)
        for need in record.requires
        if need not in records or records[need].plugin is None
    ]


def _absence(record: Record, need: str, records: Records) -> str:
    if need in records and records[need].state == "disabled":
        return f"requires {need}, which is disabled: enable it, or disable {record.name} too"
    if need in records:
        return f"requires {need}, which is broken: repair it, or disable {record.name} too"
    hint = did_you_mean(need, records.keys() - {record.name})
    return f"requires {need}, which is not installed: install it, or disable {record.name}{hint}"


def cycles(records: Records) -> list[Problem]:
    """Every ring of plugins that wait for each other, each told of one of its members."""
    names = [record.name for record in _enabled(records)]
    rings = []
    while ring := _ring(names, records):
        order = " before ".join(ring)
        reason = f"gaffer_requires and gaffer_after go round: {order}: disable one of them"
        rings.append((records[ring[0]], reason))
        names = [name for name in names if name not in ring]
    return rings


def ordered(records: Records) -> list[str]:
    """The names of the plugins in the order in which they open; without needs, as they were added.

    Raises:
        graphlib.CycleError: when `cycles` has something to say.
    """
    names = [record.name for record in _enabled(records)]
    return list(_sorter(names, records).static_order())


def requirements(name: str, records: Records) -> set[str]:
    """The plugins that one requires, directly or through others; not itself."""
    found: set[str] = set()
    waiting = [*records[name].requires]
    while waiting:
        need = waiting.pop()
        if need not in found and need in records:
            found.add(need)
            waiting += records[need].requires
    return found


def _enabled(records: Records) -> Iterable[Record]:
    return (record for record in records.values() if record.plugin is not None)


def _sorter(names: Sequence[str], records: Records) -> TopologicalSorter[str]:
    sorter = TopologicalSorter[str]()
    # All of them first: where nothing else decides, this is the order.
    for name in names:
        sorter.add(name)
    for name in names:
        needs = (*records[name].requires, *records[name].after)
        sorter.add(name, *(need for need in needs if need in names))
    return sorter


def _ring(names: Sequence[str], records: Records) -> list[str]:
    try:
        _sorter(names, records).prepare()
    except CycleError as error:
        ring: list[str] = error.args[1]
        return ring
    return []
