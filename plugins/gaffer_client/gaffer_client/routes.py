"""Every path of the API that this client uses: the only place that knows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from gaffer_client.errors import ArgumentError
from gaffer_client.models import (
    JobInfo,
    JobStats,
    NamedStatus,
    Output,
    PageKey,
    PluginInfo,
    ProcessInfo,
    Sample,
    Site,
    Status,
    Version,
)
from gaffer_client.names import JobName, check_part
from gaffer_client.requests import BYTES, JSON, Request, Response, check_settled, encode, key, typed

Wait = float | None
"""Seconds to wait until what is asked for has come true; None for not at all."""

ALL_OUTPUTS = "."
"""The label that means all outputs of a process."""

CHANNEL = "/channel"

PLUGIN_CHANGE = 60.0
"""Seconds that opening and closing plugins may take: each has its deadline in gafferd."""


def _get(path: str, kind: type[Any]) -> Request[Any]:
    return Request(method="GET", path=path, read=typed(kind))


def _get_key(path: str, name: str, kind: type[Any]) -> Request[Any]:
    return Request(method="GET", path=path, read=key(name, kind))


def _change(method: str, path: str, wait: Wait, value: object = None, **read: Any) -> Request[Any]:
    """A request that changes something; what does not wait ends at the usual time."""
    return Request(
        method=method,
        path=path,
        read=read.get("read", check_settled),
        query={} if wait is None else {"wait": format(wait, "g")},
        headers={} if value is None else {"content-type": JSON},
        body=None if value is None else encode(value),
        more=wait or 0.0,
    )


# The server


def ping() -> Request[None]:
    """Is anybody there."""
    return Request(method="GET", path="/ping", read=lambda reply: None)


def version() -> Request[Version]:
    """Which gaffer."""
    return _get("/version", Version)


def sessions() -> Request[list[str]]:
    """The sessions that have jobs."""
    return _get_key("/sessions", "sessions", list[str])


def jobs(session: str | None = None) -> Request[list[str]]:
    """The names of all jobs, or of those of a session."""
    path = "/jobs" if session is None else f"/jobs/{check_part(session)}"
    return _get_key(path, "jobs", list[str])


def all_status() -> Request[list[NamedStatus]]:
    """How every job is."""
    return _get_key("/status", "jobs", list[NamedStatus])


def pids() -> Request[list[int]]:
    """The pids of all processes."""
    return _get_key("/pids", "pids", list[int])


def all_stats() -> Request[list[JobStats]]:
    """A sample of every process of every job."""
    return _get("/stats", list[JobStats])


def watch(pattern: str, since: int | None, heartbeat: float) -> Request[None]:
    """Events as they happen."""
    wanted = quote(pattern.strip("."), safe="")
    return _feed(f"/watch/{wanted}" if wanted else "/watch", since, heartbeat)


def _feed(path: str, since: int | None, heartbeat: float, **more: str) -> Request[None]:
    headers = {"accept": "text/event-stream"}
    if since is not None:
        headers["last-event-id"] = str(since)
    query = {"feed": "eventsource", "heartbeat": format(heartbeat, "g"), **more}
    return Request(method="GET", path=path, read=check_settled, query=query, headers=headers)


# Browsers


def new_page_key(origin: str | None) -> Request[PageKey]:
    """Ask for a page key."""
    value = {} if origin is None else {"origin": origin}
    return _change("POST", "/page-key/new", None, value, read=typed(PageKey))


def revoke_page_keys() -> Request[None]:
    """Sign all browsers out."""
    return Request(method="DELETE", path="/page-key", read=check_settled)


def sites() -> Request[list[Site]]:
    """List the sites."""
    return _get_key("/_plugin/", "sites", list[Site])


# Plugins


def plugins() -> Request[list[PluginInfo]]:
    """What is known of every plugin."""
    return _get_key("/plugins", "plugins", list[PluginInfo])


def rescan_plugins() -> Request[list[PluginInfo]]:
    """Take up what has changed in the folders of plugins."""
    read = key("plugins", list[PluginInfo])
    return Request(method="POST", path="/plugins", read=read, more=PLUGIN_CHANGE)


def change_plugin(plugin: str, verb: str) -> Request[PluginInfo]:
    """Open, close or reload a plugin."""
    path = f"/plugins/{check_part(plugin)}/{verb}"
    return Request(method="POST", path=path, read=typed(PluginInfo), more=PLUGIN_CHANGE)


# Sessions


def change_session(session: str, verb: str, wait: Wait) -> Request[None]:
    """Start, stop or restart all jobs of a session."""
    return _change("POST", f"/sessions/{check_part(session)}/{verb}", wait)


def unload_session(session: str, wait: Wait) -> Request[None]:
    """Stop and remove all jobs of a session."""
    return _change("DELETE", f"/sessions/{check_part(session)}", wait)


# Jobs


def _job(name: JobName, more: str = "") -> str:
    return f"/jobs/{name.session}/{name.name}{more}"


def load(config: Mapping[str, Any], session: str, wait: Wait) -> Request[None]:
    """Add a job."""
    return _change("POST", f"/jobs/{check_part(session)}", wait, dict(config))


def update(name: JobName, config: Mapping[str, Any], wait: Wait) -> Request[None]:
    """Replace the configuration of a job, and its processes."""
    return _change("PUT", _job(name), wait, dict(config))


def unload(name: JobName, wait: Wait) -> Request[None]:
    """Stop and remove a job."""
    return _change("DELETE", _job(name), wait)


def job_info(name: JobName) -> Request[JobInfo]:
    """What runs of a job, and its configuration."""
    return _get(_job(name), JobInfo)


def job_status(name: JobName) -> Request[Status]:
    """Whether it does what is wanted."""
    return _get(_job(name, "/status"), Status)


def job_pids(name: JobName) -> Request[list[int]]:
    """The pids of its processes."""
    return _get_key(_job(name, "/pids"), "pids", list[int])


def job_stats(name: JobName) -> Request[JobStats]:
    """A sample of its processes."""
    return _get(_job(name, "/stats"), JobStats)


def change_state(name: JobName, verb: str, wait: Wait) -> Request[None]:
    """Start, stop, restart or reload a job."""
    return _change("POST", _job(name, "/state"), wait, {"state": verb})


def scale(name: JobName, change: int | str, wait: Wait) -> Request[int]:
    """Change how many processes are wanted."""
    read = key("numprocesses", int)
    return _change("POST", _job(name, "/numprocesses"), wait, {"scale": change}, read=read)


def signal_job(name: JobName, signal: int | str) -> Request[None]:
    """Send a signal to all processes of a job."""
    return _change("POST", _job(name, "/signal"), None, {"signal": signal})


def commit(
    name: JobName, env: Mapping[str, str] | None, graceful_timeout: float | None, wait: Wait
) -> Request[int]:
    """Start one process more, once: its pid."""
    given = {"env": env and dict(env), "graceful_timeout": graceful_timeout}
    value = {name: each for name, each in given.items() if each is not None}
    return _change("POST", _job(name, "/commit"), wait, value, read=key("pid", int))


# Processes


def process_info(pid: int, ended: bool) -> Request[ProcessInfo]:
    """What is known of a process."""
    query = {"ended": "true"} if ended else {}
    return Request(method="GET", path=f"/pids/{pid:d}", read=typed(ProcessInfo), query=query)


def process_stats(pid: int) -> Request[Sample]:
    """A sample of it."""
    return _get_key(f"/pids/{pid:d}/stats", "stats", Sample)


def stop_process(pid: int, wait: Wait) -> Request[None]:
    """Stop it; its job, when active, starts a successor."""
    return _change("DELETE", f"/pids/{pid:d}", wait)


def signal_process(pid: int, signal: int | str) -> Request[None]:
    """Send it a signal."""
    return _change("POST", f"/pids/{pid:d}/signal", None, {"signal": signal})


def _stream(pid: int, label: str) -> str:
    if label == ALL_OUTPUTS:
        return f"/streams/{pid:d}"
    if not label or label == "..":
        raise ArgumentError(f"{label!r} is no label of a stream")
    return f"/streams/{pid:d}/{quote(label, safe='')}"


def write(pid: int, data: bytes, label: str) -> Request[None]:
    """Write to its standard input, or to a custom stream."""
    headers = {"content-type": BYTES}
    path = _stream(pid, label)
    return Request(method="POST", path=path, read=check_settled, headers=headers, body=data)


def read(pid: int, label: str, wait: float) -> Request[Output]:
    """The next bytes that it writes."""

    def read_output(reply: Response) -> Output:
        lost = reply.headers.get("x-gaffer-lost", "0")
        return Output(label, reply.body, int(lost) if lost.isdecimal() else 0)

    query = {"feed": "longpoll", "heartbeat": "false"}
    return Request(method="GET", path=_stream(pid, label), read=read_output, query=query, more=wait)


def follow(
    pid: int, label: str, heartbeat: float, *, tail: bool = False, follow: bool = True
) -> Request[None]:
    """What it writes, line by line; with `tail` what is kept of the time before, too, or only."""
    wanted = ("true" if tail else "") if follow else "only"
    return _feed(_stream(pid, label), None, heartbeat, **({"tail": wanted} if wanted else {}))
