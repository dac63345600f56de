"""All paths of the API that this package uses, as requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from gaffer_client.errors import ArgumentError
from gaffer_client.models import (
    JobChange,
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
from gaffer_client.requests import (
    BYTES,
    JSON,
    Request,
    Response,
    check_settled,
    encode,
    read_done,
    read_json,
    read_key,
)

Wait = float | None
"""Seconds to wait until the request is completed; None not to wait."""

ALL_OUTPUTS = "."
"""The label that means all outputs of a process."""

CHANNEL = "/channel"

PLUGIN_TIMEOUT = 60.0
"""Additional seconds to open and close plugins: gafferd gives each plugin its own deadline."""


def _get(path: str, kind: type[Any]) -> Request[Any]:
    return Request(method="GET", path=path, read=read_json(kind))


def _get_key(path: str, name: str, kind: type[Any]) -> Request[Any]:
    return Request(method="GET", path=path, read=read_key(name, kind))


def _change(method: str, path: str, wait: Wait, value: object = None, **read: Any) -> Request[Any]:
    return Request(
        method=method,
        path=path,
        read=read.get("read", read_done),
        query={} if wait is None else {"wait": format(wait, "g")},
        headers={} if value is None else {"content-type": JSON},
        body=None if value is None else encode(value),
        extra_timeout=wait or 0.0,
    )


# The server


def ping() -> Request[None]:
    """Check that gaffer answers."""
    return Request(method="GET", path="/ping", read=lambda response: None)


def version() -> Request[Version]:
    """Get the version of gaffer."""
    return _get("/version", Version)


def sessions() -> Request[list[str]]:
    """List the sessions that have jobs."""
    return _get_key("/sessions", "sessions", list[str])


def jobs(session: str | None = None) -> Request[list[str]]:
    """List the names of all jobs, or of the jobs of a session."""
    path = "/jobs" if session is None else f"/jobs/{check_part(session)}"
    return _get_key(path, "jobs", list[str])


def all_status() -> Request[list[NamedStatus]]:
    """Get the status of all jobs."""
    return _get_key("/status", "jobs", list[NamedStatus])


def pids() -> Request[list[int]]:
    """List the pids of all processes."""
    return _get_key("/pids", "pids", list[int])


def all_stats() -> Request[list[JobStats]]:
    """Get samples of all processes of all jobs."""
    return _get("/stats", list[JobStats])


def watch(pattern: str, since: int | None, heartbeat: float) -> Request[None]:
    """Follow events."""
    quoted = quote(pattern.strip("."), safe="")
    return _feed(f"/watch/{quoted}" if quoted else "/watch", since, heartbeat)


def _feed(path: str, since: int | None, heartbeat: float, **parameters: str) -> Request[None]:
    headers = {"accept": "text/event-stream"}
    if since is not None:
        headers["last-event-id"] = str(since)
    query = {"feed": "eventsource", "heartbeat": format(heartbeat, "g"), **parameters}
    return Request(method="GET", path=path, read=check_settled, query=query, headers=headers)


# Browsers


def new_page_key(origin: str | None) -> Request[PageKey]:
    """Create a page key."""
    value = {} if origin is None else {"origin": origin}
    return _change("POST", "/page-key/new", None, value, read=read_json(PageKey))


def revoke_page_keys() -> Request[None]:
    """Sign all browsers out."""
    return Request(method="DELETE", path="/page-key", read=check_settled)


def sites() -> Request[list[Site]]:
    """List the sites of plugins."""
    return _get_key("/_plugin/", "sites", list[Site])


# Plugins


def plugins() -> Request[list[PluginInfo]]:
    """List all plugins."""
    return _get_key("/plugins", "plugins", list[PluginInfo])


def rescan_plugins() -> Request[list[PluginInfo]]:
    """Apply the changes in the plugin folders."""
    read = read_key("plugins", list[PluginInfo])
    return Request(method="POST", path="/plugins", read=read, extra_timeout=PLUGIN_TIMEOUT)


def change_plugin(plugin: str, verb: str) -> Request[PluginInfo]:
    """Open, close or reload a plugin."""
    path = f"/plugins/{check_part(plugin)}/{verb}"
    read = read_json(PluginInfo)
    return Request(method="POST", path=path, read=read, extra_timeout=PLUGIN_TIMEOUT)


def plan(file: str | None) -> Request[list[JobChange]]:
    """Show what a reload of the configuration would do."""
    query = {"dry_run": "true", **({} if file is None else {"file": file})}
    read = read_key("jobs", list[JobChange])
    return Request(
        method="POST", path="/reload", query=query, read=read, extra_timeout=PLUGIN_TIMEOUT
    )


def reload_configuration(wait: Wait) -> Request[list[JobChange]]:
    """Apply the configuration file."""
    return _change("POST", "/reload", wait, read=read_key("jobs", list[JobChange]))


def shutdown() -> Request[None]:
    """Stop gafferd."""
    return Request(method="POST", path="/shutdown", read=check_settled)


# Sessions


def change_session(session: str, verb: str, wait: Wait) -> Request[bool]:
    """Start, stop or restart all jobs of a session."""
    return _change("POST", f"/sessions/{check_part(session)}/{verb}", wait)


def unload_session(session: str, wait: Wait) -> Request[bool]:
    """Stop and remove all jobs of a session."""
    return _change("DELETE", f"/sessions/{check_part(session)}", wait)


# Jobs


def _job(name: JobName, suffix: str = "") -> str:
    return f"/jobs/{name.session}/{name.name}{suffix}"


def load(config: Mapping[str, Any], session: str, wait: Wait) -> Request[bool]:
    """Add a job."""
    return _change("POST", f"/jobs/{check_part(session)}", wait, dict(config))


def update(name: JobName, config: Mapping[str, Any], wait: Wait) -> Request[bool]:
    """Replace the configuration and the processes of a job."""
    return _change("PUT", _job(name), wait, dict(config))


def unload(name: JobName, wait: Wait) -> Request[bool]:
    """Stop and remove a job."""
    return _change("DELETE", _job(name), wait)


def job_info(name: JobName) -> Request[JobInfo]:
    """Get the processes and the configuration of a job."""
    return _get(_job(name), JobInfo)


def job_status(name: JobName) -> Request[Status]:
    """Get the status of a job."""
    return _get(_job(name, "/status"), Status)


def job_pids(name: JobName) -> Request[list[int]]:
    """List the pids of a job."""
    return _get_key(_job(name, "/pids"), "pids", list[int])


def job_stats(name: JobName) -> Request[JobStats]:
    """Get samples of the processes of a job."""
    return _get(_job(name, "/stats"), JobStats)


def change_state(name: JobName, verb: str, wait: Wait) -> Request[bool]:
    """Start, stop or reload a job."""
    return _change("POST", _job(name, "/state"), wait, {"state": verb})


def restart(name: JobName, rolling: bool, batch: int | str | None, wait: Wait) -> Request[bool]:
    """Replace the processes of a job."""
    body: dict[str, Any] = {"state": "restart"}
    if rolling:
        body["rolling"] = True
    if batch is not None:
        body["batch"] = batch
    return _change("POST", _job(name, "/state"), wait, body)


def scale(name: JobName, change: int | str, wait: Wait) -> Request[int]:
    """Change the number of instances of a job."""
    read = read_key("numprocesses", int)
    return _change("POST", _job(name, "/numprocesses"), wait, {"scale": change}, read=read)


def signal_job(name: JobName, signal: int | str) -> Request[bool]:
    """Send a signal to all processes of a job."""
    return _change("POST", _job(name, "/signal"), None, {"signal": signal})


def commit(
    name: JobName, env: Mapping[str, str] | None, graceful_timeout: float | None, wait: Wait
) -> Request[int]:
    """Start a one-off process of a job; the result is its pid."""
    fields = {"env": env and dict(env), "graceful_timeout": graceful_timeout}
    value = {key: each for key, each in fields.items() if each is not None}
    return _change("POST", _job(name, "/commit"), wait, value, read=read_key("pid", int))


# Processes


def process_info(pid: int, ended: bool) -> Request[ProcessInfo]:
    """Get the details of a process."""
    query = {"ended": "true"} if ended else {}
    return Request(method="GET", path=f"/pids/{pid:d}", read=read_json(ProcessInfo), query=query)


def process_stats(pid: int) -> Request[Sample]:
    """Get a sample of a process."""
    return _get_key(f"/pids/{pid:d}/stats", "stats", Sample)


def stop_process(pid: int, wait: Wait) -> Request[bool]:
    """Stop a process; an active job starts a successor."""
    return _change("DELETE", f"/pids/{pid:d}", wait)


def signal_process(pid: int, signal: int | str) -> Request[bool]:
    """Send a signal to a process."""
    return _change("POST", f"/pids/{pid:d}/signal", None, {"signal": signal})


def _stream(pid: int, label: str) -> str:
    if label == ALL_OUTPUTS:
        return f"/streams/{pid:d}"
    if not label or label == "..":
        raise ArgumentError(f"{label!r} is not the label of a stream")
    return f"/streams/{pid:d}/{quote(label, safe='')}"


def write(pid: int, data: bytes, label: str) -> Request[None]:
    """Write to the standard input or a custom stream of a process."""
    headers = {"content-type": BYTES}
    path = _stream(pid, label)
    return Request(method="POST", path=path, read=check_settled, headers=headers, body=data)


def read(pid: int, label: str, wait: float) -> Request[Output]:
    """Read the next bytes of an output."""

    def read_output(response: Response) -> Output:
        lost = response.headers.get("x-gaffer-lost", "0")
        return Output(label, response.body, int(lost) if lost.isdecimal() else 0)

    query = {"feed": "longpoll", "heartbeat": "false"}
    path = _stream(pid, label)
    return Request(method="GET", path=path, read=read_output, query=query, extra_timeout=wait)


def follow(
    pid: int,
    label: str,
    heartbeat: float,
    *,
    tail: bool = False,
    follow: bool = True,
    times: bool = False,
) -> Request[None]:
    """Follow an output line by line.

    Args:
        pid: the process.
        label: the output.
        heartbeat: seconds between two heartbeats of the server.
        tail: begin with the kept lines.
        follow: go on with new lines; without it, the kept lines are all.
        times: ask for the time of each line.
    """
    query = {"tail": "true" if follow else "only"} if tail or not follow else {}
    query |= {"times": "true"} if times else {}
    return _feed(_stream(pid, label), None, heartbeat, **query)
