"""What short answers look like, for `/openapi.json`."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

Yes = Annotated[bool, Meta(extra_json_schema={"const": True})]
Settled = Annotated[
    bool | UnsetType, Meta(description="With `wait`: whether it has happened in time.")
]


class Welcome(Struct, kw_only=True):
    """A greeting."""

    welcome: str
    version: str


class Version(Struct, kw_only=True):
    """Which gaffer this is."""

    name: str
    version: str
    api: Annotated[int, Meta(description="Rises when clients would have to change.")]


class Done(Struct, kw_only=True):
    """It is done, or recorded to be done."""

    ok: Yes
    settled: Settled = UNSET


class Loaded(Done, kw_only=True):
    """The job is there."""

    name: str


class Wanted(Struct, kw_only=True):
    """How many processes of a job are wanted."""

    numprocesses: int


class Scaled(Wanted, kw_only=True):
    """How many processes of a job are wanted from now on."""

    settled: Settled = UNSET


class DoneScaled(Done, kw_only=True):
    """How many processes of a job are wanted from now on, as older gaffers told it."""

    numprocesses: int


class Committed(Struct, kw_only=True):
    """A process more."""

    pid: int
    settled: Settled = UNSET


class Jobs(Struct, kw_only=True):
    """The shown names of jobs."""

    jobs: list[str]


class SessionJobs(Jobs, kw_only=True):
    """The jobs of a session."""

    sessionid: str


class Sessions(Struct, kw_only=True):
    """The sessions that have jobs."""

    sessions: list[str]


class Pids(Struct, kw_only=True):
    """The numbers of processes."""

    pids: list[int]


class JobPids(Pids, kw_only=True):
    """The numbers of a job's processes."""

    ok: Yes


class Plugin(Struct, kw_only=True):
    """What is known of a plugin."""

    name: str
    version: str | None
    description: str
    distribution: Annotated[str | None, Meta(description="The installed package it came from.")]
    path: Annotated[str | None, Meta(description="The folder of a plugin in a folder.")]
    state: Literal["loaded", "open", "closed", "failed", "disabled"]
    error: Annotated[str | None, Meta(description="Why it is not open, or not what was wanted.")]
    requires: Annotated[tuple[str, ...], Meta(description="Plugins it cannot do without.")]
    failures: Annotated[int, Meta(description="How many of its hooks have raised so far.")]


class PluginChanged(Plugin, kw_only=True):
    """A plugin after a change."""

    ok: Yes


class PluginList(Struct, kw_only=True):
    """All plugins."""

    plugins: list[Plugin]


class PluginsChanged(PluginList, kw_only=True):
    """All plugins after a change."""

    ok: Yes
