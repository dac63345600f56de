"""Job options: the keys that plugins add to jobs, declared as the fields of a msgspec Struct.

A job keeps the options that were set, as JSON values: so it can be compared and shown whether or
not their plugins are open. `get_typed` makes the Struct of a plugin of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, get_args, get_type_hints

import msgspec
from msgspec import NODEFAULT, Struct
from msgspec.structs import FieldInfo

from gaffer_kernel.errors import InvalidField, describe_exception, did_you_mean, shown
from gaffer_kernel.jobs import fields as ft
from gaffer_kernel.jobs.kinds import Resolve, from_text, get_metas, has_text_form

Applies = Literal["replace", "live", "next_start"]
"""How a changed option takes effect: by new processes, at once, or with the next process."""

APPLIES = "applies"
"""Key of `Meta.extra`: an Applies."""

OWNERS = {
    "after": "gaffer-depends",
    "cgroup": "gaffer-limits",
    "cpu_": "gaffer-limits",
    "env_file": "gaffer-env",
    "health_": "gaffer-health",
    "idle_stop": "gaffer-sockets",
    "log_": "gaffer-logs",
    "memory_": "gaffer-limits",
    "nice": "gaffer-limits",
    "on_demand": "gaffer-sockets",
    "on_dependency": "gaffer-depends",
    "oom_score_adj": "gaffer-limits",
    "pids_max": "gaffer-limits",
    "ready_": "gaffer-health",
    "requires": "gaffer-depends",
    "rlimit_": "gaffer-limits",
    "sockets": "gaffer-sockets",
    "umask": "gaffer-limits",
    "user_env": "gaffer-env",
}
"""The keys of the plugins of gaffer, and beginnings of keys (with `_`), and their distributions."""

_SHARED = ("ready_",)
"""Beginnings of keys that the kernel has, too."""

_KEY = re.compile(r"(?!x_)[a-z][a-z0-9_]*")

T = TypeVar("T", bound=Struct)


@dataclass(frozen=True, slots=True)
class Option:
    """One key that a plugin adds to jobs.

    Attributes:
        key: its name in the file, in JSON and in Python.
        kind: its annotated type.
        plugin: the plugin that declares it.
        struct: the Struct that it is a field of.
        applies: how a change takes effect.
        default: as a JSON value.
    """

    key: str
    kind: Any
    plugin: str
    struct: type[Struct]
    applies: Applies
    default: Any

    @property
    def description(self) -> str:
        """The description in its `Meta`; empty without one."""
        texts = [meta.description for meta in get_metas(self.kind) if meta.description]
        return texts[-1] if texts else ""

    @property
    def has_text_form(self) -> bool:
        """Whether an ini file can express its values."""
        return has_text_form(self.kind)


class JobOptions:
    """The job options that the plugins of one kernel declare, those of closed plugins too."""

    def __init__(self, options: Iterable[Option] = ()) -> None:
        self._options = {option.key: option for option in options}

    def __contains__(self, key: object) -> bool:
        """Return whether a plugin declares this key."""
        return key in self._options

    def __iter__(self) -> Iterator[Option]:
        """Iterate over the options, in the order in which the plugins open."""
        return iter(self._options.values())

    @property
    def structs(self) -> tuple[type[Struct], ...]:
        """The Structs of the plugins."""
        return tuple(dict.fromkeys(option.struct for option in self))

    def read_text(self, key: str, text: str, resolve: Resolve) -> Any:
        """Return the value of an option that is a text in an ini file.

        Args:
            key: the option.
            text: the text.
            resolve: makes a path absolute.

        Raises:
            InvalidField: the option does not accept it.
        """
        kind = self._options[key].kind
        return self._check(key, from_text(text, kind, resolve))

    def convert(self, values: Mapping[str, object]) -> dict[str, Any]:
        """Check options, and return those that differ from their defaults, as JSON values.

        Args:
            values: JSON values, or values of Python of the same types.

        Raises:
            InvalidField: naming an unknown option, or a wrong value.
        """
        typed = {key: self._check(key, value) for key, value in values.items()}
        for struct in dict.fromkeys(self._options[key].struct for key in typed):
            _make(struct, typed)
        plain = {key: msgspec.to_builtins(value) for key, value in typed.items()}
        return {key: each for key, each in plain.items() if each != self._options[key].default}

    def _check(self, key: str, value: object) -> Any:
        option = self._options.get(key)
        if option is None:
            raise InvalidField(key, describe_unknown(key, self._options, "is no option of a job"))
        return ft.checked_value(key, value, option.kind)

    def keep_processes(self, before: Mapping[str, object], after: Mapping[str, object]) -> bool:
        """Return whether processes may stay when options change: none of these replaces them."""
        return all(
            key in self._options and self._options[key].applies != "replace"
            for key in find_changes(before, after)
        )


def find_changes(before: Mapping[str, object], after: Mapping[str, object]) -> list[str]:
    """Return the options that have been set, changed or removed."""
    missing = object()
    keys = dict.fromkeys([*before, *after])
    return [key for key in keys if before.get(key, missing) != after.get(key, missing)]


def describe_unknown(key: str, known: Iterable[str], problem: str) -> str:
    """Describe an unknown key of a job: which distribution it belongs to, or what is similar.

    Args:
        key: the unknown key.
        known: all known ones.
        problem: the beginning of the message if no distribution of gaffer has the key.
    """
    known = list(known)
    owner = _find_owner(key)
    # With other keys of the distribution, this one is a mistake.
    present = (each for each in known if not each.startswith(_SHARED))
    if owner is not None and owner not in map(_find_owner, present):
        return f"belongs to {owner}, which is not installed or is disabled"
    return f"{problem}{did_you_mean(key, known)}"


def _find_owner(key: str) -> str | None:
    return OWNERS.get(key) or OWNERS.get(f"{key.partition('_')[0]}_")


def get_typed(values: Mapping[str, object], struct: type[T]) -> T:
    """Return the Struct of a plugin with the options of a job; its defaults if none is set.

    Raises:
        InvalidField: the options were checked with another Struct, and do not fit this one.
    """
    own = {key: values[key] for key in struct.__struct_fields__ if key in values}
    if not own:
        return struct()
    try:
        return msgspec.convert(own, struct)
    except msgspec.ValidationError as error:
        raise InvalidField("options", f"do not fit {struct.__name__}: {error}") from None


def _make(struct: type[Struct], values: Mapping[str, Any]) -> None:
    """Make a Struct, so that it can check what its types do not say."""
    own = {key: values[key] for key in struct.__struct_fields__ if key in values}
    try:
        struct(**own)
    except InvalidField:
        raise
    except ValueError as error:
        raise InvalidField(", ".join(own), str(error)) from None


# Declaring


def read_declaration(plugin: str, struct: object) -> list[Option]:
    """Return the options that a plugin declares.

    Args:
        plugin: its name.
        struct: the result of its `gaffer_job_options`.

    Raises:
        ValueError: it cannot be used; the message follows the name of the plugin.
    """
    if not (isinstance(struct, type) and issubclass(struct, Struct)):
        raise ValueError(f"gaffer_job_options gave {shown(struct)}, not a msgspec.Struct type")
    if not struct.__struct_config__.frozen:
        raise ValueError(f"the Struct {struct.__name__} of its job options is not frozen")
    try:
        kinds = get_type_hints(struct, include_extras=True)
        found = msgspec.structs.fields(struct)
        msgspec.json.schema(struct)  # raises for a type that JSON cannot have
    except Exception as error:  # annotations are code of the plugin
        raise ValueError(f"the types of its job options: {describe_exception(error)}") from error
    return [_read_field(plugin, struct, field, kinds[field.name]) for field in found]


def _read_field(plugin: str, struct: type[Struct], field: FieldInfo, kind: Any) -> Option:
    key = field.name
    if not _KEY.fullmatch(key):
        rule = "a key has lower-case letters, digits and _, and does not begin with x_"
        raise ValueError(f"its job option {key}: {rule}")
    if field.required:
        raise ValueError(f"its job option {key} has no default")
    default = field.default if field.default is not NODEFAULT else field.default_factory()
    if field.encode_name != key:
        raise ValueError(f"its job option {key} is renamed to {field.encode_name}: name it so")
    applies: Applies = "replace"
    for meta in get_metas(kind):
        applies = (meta.extra or {}).get(APPLIES, applies)
    if applies not in get_args(Applies):
        choices = ", ".join(get_args(Applies))
        raise ValueError(f"its job option {key}: {APPLIES} is {shown(applies)}, not {choices}")
    return Option(key, kind, plugin, struct, applies, msgspec.to_builtins(default))


def collect_declarations(
    declared: Iterable[tuple[str, object]], reserved: Iterable[str]
) -> tuple[JobOptions, list[tuple[str, str]]]:
    """Return the options of all plugins, and what is wrong with their declarations.

    Args:
        declared: names of plugins, and results of `gaffer_job_options`.
        reserved: the keys of the kernel.

    Returns:
        The options, and names of plugins with problems.
    """
    options: dict[str, Option] = {}
    problems: list[tuple[str, str]] = []
    kernel = set(reserved)
    for plugin, struct in declared:
        try:
            found = read_declaration(plugin, struct)
        except ValueError as error:
            problems.append((plugin, str(error)))
            continue
        for option in found:
            first = options.setdefault(option.key, option)
            if option.key in kernel:
                reason = f"its job option {option.key} is a key of the kernel: rename it"
                problems.append((plugin, reason))
            elif first is not option:
                other = f"the plugin {first.plugin} declares it, too"
                problems.append((plugin, f"its job option {option.key}: {other}: disable one"))
    return JobOptions(options.values()), problems
