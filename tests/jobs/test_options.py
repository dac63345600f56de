"""The declarations of job options, and the conversion of values, without a kernel."""

from enum import Enum
from typing import Annotated, Literal

import pytest
from msgspec import Meta, Struct, field

from gaffer_kernel.errors import InvalidField
from gaffer_kernel.jobs.config import KERNEL_KEYS, JobConfig
from gaffer_kernel.jobs.fields import Seconds, Size
from gaffer_kernel.jobs.options import JobOptions, collect_declarations, get_typed


class Mode(Enum):
    ROTATE = "rotate"
    KEEP = "keep"


class Logs(Struct, frozen=True):
    disk_file: Annotated[str | None, Meta(description="the file")] = None
    disk_max: Annotated[Size, Meta(description="when to rotate", extra={"applies": "live"})] = 1024
    disk_every: Annotated[Seconds, Meta(extra={"applies": "next_start"})] = 60.0
    disk_mode: Mode = Mode.ROTATE
    disk_tags: tuple[Literal["a", "b"], ...] = ()

    def __post_init__(self):
        if self.disk_mode is Mode.KEEP and self.disk_file is None:
            raise InvalidField("disk_mode", "needs disk_file")
        if len(self.disk_tags) > 2:
            raise ValueError("too many tags")


def declare(*structs: object, reserved=KERNEL_KEYS) -> tuple[JobOptions, list[str]]:
    declared = [(f"plugin{number}", each) for number, each in enumerate(structs)]
    options, problems = collect_declarations(declared, reserved)
    return options, [f"{name}: {problem}" for name, problem in problems]


def refused(**values: object) -> str:
    with pytest.raises(InvalidField) as caught:
        OPTIONS.convert(values)
    return str(caught.value)


OPTIONS, _ = declare(Logs)


def test_declared_keys_are_options_with_their_struct():
    assert [option.key for option in OPTIONS] == list(Logs.__struct_fields__)
    assert "disk_file" in OPTIONS
    assert "disk" not in OPTIONS
    assert OPTIONS.structs == (Logs,)


def test_convert_returns_json_values():
    values = {"disk_file": "a", "disk_max": "64K", "disk_every": "2m", "disk_tags": ("a",)}

    assert OPTIONS.convert({**values, "disk_mode": Mode.KEEP}) == {
        "disk_file": "a",
        "disk_max": 65536,
        "disk_every": 120.0,
        "disk_tags": ("a",),
        "disk_mode": "keep",
    }


def test_convert_leaves_out_defaults():
    assert OPTIONS.convert({"disk_max": "1K", "disk_file": None, "disk_mode": "rotate"}) == {}


def test_converting_twice_changes_nothing():
    once = OPTIONS.convert({"disk_every": "2m", "disk_tags": ["b", "a"], "disk_file": "x"})

    assert OPTIONS.convert(once) == once


def test_typed_struct_has_the_values_and_defaults():
    values = OPTIONS.convert({"disk_file": "a", "disk_mode": "keep"})

    assert get_typed(values, Logs) == Logs(disk_file="a", disk_mode=Mode.KEEP)
    assert get_typed({}, Logs) == Logs()
    assert get_typed({"other": 5}, Logs) == Logs()


def test_typed_struct_of_other_types_is_an_error():
    class Newer(Struct, frozen=True):
        disk_file: int = 5

    with pytest.raises(InvalidField, match="options: do not fit Newer"):
        get_typed({"disk_file": "a"}, Newer)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"disk_file": 5}, "disk_file: must be text, not 5"),
        ({"disk_file": "a\0"}, "disk_file: must be text, not 'a\\x00'"),
        ({"disk_max": "64X"}, "disk_max: must be a number of bytes"),
        ({"disk_max": -1}, "disk_max: must be a number of bytes"),
        ({"disk_max": None}, "disk_max: must be a number of bytes"),
        ({"disk_mode": "x"}, "disk_mode: must be one of rotate, keep, not 'x'"),
        ({"disk_tags": "a"}, "disk_tags: must be a list, each one of a, b, not 'a'"),
        ({"disk_tags": ["a", "c"]}, "disk_tags[1]: must be one of a, b, not 'c'"),
        ({"disk_mode": "keep"}, "disk_mode: needs disk_file"),
        ({"disk_tags": ["a", "b", "a"]}, "disk_tags: too many tags"),
        ({"disk_fil": "a"}, "disk_fil: is no option of a job, did you mean 'disk_file'?"),
        (
            {"health_http": "/"},
            "health_http: belongs to gaffer-health, which is not installed or is disabled",
        ),
        ({"nice": 5}, "nice: belongs to gaffer-limits, which is not installed or is disabled"),
    ],
)
def test_wrong_values_are_named(values, message):
    assert refused(**values).startswith(message)


@pytest.mark.parametrize(
    ("before", "after", "kept"),
    [
        ({}, {"disk_max": 1}, True),
        ({"disk_max": 1}, {}, True),
        ({"disk_max": 1}, {"disk_max": 2, "disk_every": 5.0}, True),
        ({}, {"disk_file": "a"}, False),
        ({"disk_max": 1}, {"disk_max": 1, "disk_mode": "keep"}, False),
        ({"unknown": 1}, {}, False),
        ({"disk_file": "a"}, {"disk_file": "a"}, True),
    ],
)
def test_processes_stay_if_no_changed_option_replaces_them(before, after, kept):
    assert OPTIONS.keep_processes(before, after) is kept


# Declaring


def test_two_plugins_with_one_key_are_named():
    class Other(Struct, frozen=True):
        disk_file: str = ""

    _, problems = declare(Logs, Other)

    assert problems == [
        "plugin1: its job option disk_file: the plugin plugin0 declares it, too: disable one"
    ]


def test_key_of_the_kernel_is_refused():
    class Wrong(Struct, frozen=True):
        cmd: str = ""

    assert declare(Wrong)[1] == ["plugin0: its job option cmd is a key of the kernel: rename it"]


class NoDefault(Struct, frozen=True):
    disk_a: int


class NotFrozen(Struct):
    disk_a: int = 1


class Upper(Struct, frozen=True):
    Disk: int = 1


class Notes(Struct, frozen=True):
    x_disk: int = 1


class Renamed(Struct, frozen=True):
    disk_a: int = field(default=1, name="diskA")


class Sometimes(Struct, frozen=True):
    disk_a: Annotated[int, Meta(extra={"applies": "sometimes"})] = 1


class Unresolved(Struct, frozen=True):
    disk_a: "Missing" = 1  # noqa: F821


@pytest.mark.parametrize(
    ("struct", "problem"),
    [
        (5, "gaffer_job_options gave 5, not a msgspec.Struct type"),
        (Logs(), "gaffer_job_options gave Logs("),
        (NoDefault, "its job option disk_a has no default"),
        (NotFrozen, "the Struct NotFrozen of its job options is not frozen"),
        (Upper, "its job option Disk: a key has lower-case letters"),
        (Notes, "its job option x_disk: a key has lower-case letters"),
        (Renamed, "its job option disk_a is renamed to diskA"),
        (Sometimes, "its job option disk_a: applies is 'sometimes', not replace, live, next_start"),
        (Unresolved, "the types of its job options: NameError: name 'Missing' is not defined"),
    ],
)
def test_wrong_declarations_are_named(struct, problem):
    options, [found] = declare(struct)

    assert found.startswith(f"plugin0: {problem}")
    assert list(options) == []


# In a JobConfig


def test_json_has_options_next_to_the_other_fields():
    config = JobConfig.from_dict({"name": "web", "cmd": "run", "disk_every": "1m"}, OPTIONS)
    assert config.options == {}

    config = JobConfig.from_dict({"name": "web", "cmd": "run", "disk_every": "90s"}, OPTIONS)
    assert config.options == {"disk_every": 90.0}
    assert config.to_dict()["disk_every"] == 90.0
    assert "options" not in config.to_dict()
    assert JobConfig.from_dict(config.to_dict(), OPTIONS) == config


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"disk_fil": 1}, "disk_fil: is not a field of a job, did you mean 'disk_file'?"),
        ({"options": {}}, "options: is not a field of a job"),
        ({"log_file": "x"}, "log_file: belongs to gaffer-logs, which is not installed"),
    ],
)
def test_unknown_field_of_json_is_named(fields, message):
    with pytest.raises(InvalidField) as caught:
        JobConfig.from_dict({"name": "web", "cmd": "run", **fields}, OPTIONS)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("options", [None, 5, ["a"], {5: 1}, {"cmd": "x"}])
def test_options_in_python_are_a_mapping_of_keys_of_plugins(options):
    with pytest.raises(InvalidField, match=r"^options: "):
        JobConfig(name="web", cmd="run", options=options)


def test_configuration_without_options_is_checked_at_no_cost():
    config = JobConfig(name="web", cmd="run")

    assert config.check_options(OPTIONS) is config


def test_checked_configuration_stays_the_same():
    config = JobConfig(name="web", cmd="run", options={"disk_max": "64K"})
    checked = config.check_options(OPTIONS)

    assert checked.options == {"disk_max": 65536}
    assert checked.check_options(OPTIONS) is checked
