"""The commands: the name, arguments, permission and function of each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from gaffer_kernel import InvalidField, Job, JobConfig, JobName, Process

from gaffer_http.auth.authorization import current_caller, readable_jobs, require
from gaffer_http.auth.caller import Right
from gaffer_http.channel import arguments as takes
from gaffer_http.channel.samples import stats_service
from gaffer_http.channel.writes import Writes
from gaffer_http.errors import ApiError, not_running_error
from gaffer_http.routes.pids import readable_pids
from gaffer_http.routes.sessions import readable_sessions
from gaffer_http.views.current import current_kernel
from gaffer_http.views.job_config import (
    check_not_masked,
    config_fields,
    config_from_fields,
    mask_for_caller,
)

Result = Mapping[str, Any]


class Command(NamedTuple):
    """A command.

    Attributes:
        takes: its arguments. They determine its subject: a Job, a Process, the JobName of a
            configuration, or None.
        right: the permission the caller needs in the session of the subject; a command without a
            subject checks permissions itself.
        act: executes it, given the subject and the arguments.
        waits: whether the result of `act` has to be awaited.
    """

    takes: type[takes.Arguments]
    right: Right
    act: Callable[..., Result | Awaitable[Result]]
    waits: bool = False


def command_table(writes: Writes) -> dict[str, Command]:
    """Return every command, by its name.

    Args:
        writes: the queue of input to processes.
    """
    return {
        "sessions": Command(takes.NoArguments, "read", _sessions),
        "jobs": Command(takes.SessionArguments, "read", _jobs),
        "pids": Command(takes.AnyJobArguments, "read", _pids),
        "load": Command(takes.ConfigArguments, "manage", _load),
        "update": Command(takes.ConfigArguments, "manage", _update),
        "unload": Command(takes.JobArguments, "manage", _unload),
        "reload": Command(takes.JobArguments, "manage", _do(Job.reload)),
        "start_job": Command(takes.JobArguments, "manage", _do(Job.start)),
        "stop_job": Command(takes.JobArguments, "manage", _do(Job.stop)),
        "stopall": Command(takes.JobArguments, "manage", _do(Job.stopall)),
        "scale": Command(takes.ScaleArguments, "manage", _scale),
        "commit": Command(takes.CommitArguments, "manage", _commit),
        "killall": Command(takes.KillAllArguments, "manage", _killall),
        "info": Command(takes.JobArguments, "read", _info),
        "stats": Command(takes.JobArguments, "read", _stats, waits=True),
        "process_info": Command(takes.ProcessArguments, "read", _process_info),
        "process_stats": Command(takes.ProcessArguments, "read", _process_stats, waits=True),
        "stop_process": Command(takes.ProcessArguments, "manage", _do(Process.stop)),
        "kill": Command(takes.KillArguments, "manage", _kill),
        "send": Command(takes.SendArguments, "write", partial(_send, writes), waits=True),
    }


def _do(verb: Callable[[Any], None]) -> Callable[[Any, Any], Result]:
    def act(subject: Any, given: object) -> Result:
        verb(subject)
        return {"ok": True}

    return act


# Commands without a subject.


def _sessions(subject: None, given: takes.NoArguments) -> Result:
    return {"sessions": readable_sessions()}


def _jobs(subject: None, given: takes.SessionArguments) -> Result:
    if given.sessionid is None:
        return {"jobs": [str(job.name) for job in readable_jobs()]}
    require("read", given.sessionid)
    jobs = current_kernel().manager.jobs(given.sessionid)
    return {"jobs": [str(job.name) for job in jobs], "sessionid": given.sessionid}


def _pids(subject: None, given: takes.AnyJobArguments) -> Result:
    if given.name is None:
        return {"pids": readable_pids()}
    name = JobName.parse(given.name, given.sessionid)
    require("read", name.session)
    return {"pids": current_kernel().manager.get(name).pids(), "sessionid": name.session}


# Commands with a job configuration.


def get_job_name(given: takes.ConfigArguments) -> JobName:
    """Return the name of the job that a configuration describes.

    Raises:
        ApiError: 400, the name is missing or invalid.
    """
    text = given.config.get("name")
    if not isinstance(text, str):
        raise ApiError(400, "invalid_config", "name: must be a text")
    try:
        return JobName.parse(text, given.sessionid)
    except InvalidField as error:
        raise ApiError(400, "invalid_config", str(error)) from None


def _config(name: JobName, given: takes.ConfigArguments) -> JobConfig:
    fields = {**config_fields(given.config), "name": name.name}
    if given.env and isinstance(fields.setdefault("env", {}), Mapping):
        fields["env"] = {**fields["env"], **given.env}
    try:
        return config_from_fields(fields)
    except ApiError as error:
        raise ApiError(error.status, "invalid_config", error.reason) from None


def _load(name: JobName, given: takes.ConfigArguments) -> Result:
    current_kernel().manager.load(_config(name, given), name.session, start=given.start)
    return {"ok": True}


def _update(name: JobName, given: takes.ConfigArguments) -> Result:
    config = _config(name, given)
    start = given.config.get("start", False) if given.start is None else given.start
    current_kernel().manager.update(config, name.session, start=start)
    return {"ok": True}


# Commands for a job.


def _unload(job: Job, given: takes.JobArguments) -> Result:
    current_kernel().manager.unload(job.name)
    return {"ok": True}


def _scale(job: Job, given: takes.ScaleArguments) -> Result:
    return {"numprocesses": job.scale(given.n)}


def _commit(job: Job, given: takes.CommitArguments) -> Result:
    check_not_masked({"env": given.env})
    return {"ok": True, "pid": job.commit(given.env, given.graceful_timeout)}


def _killall(job: Job, given: takes.KillAllArguments) -> Result:
    if not job.killall(given.sig):
        raise not_running_error(job.name)
    return {"ok": True}


def _info(job: Job, given: takes.JobArguments) -> Result:
    return {"info": mask_for_caller(job.info(), job.name.session)}


async def _stats(job: Job, given: takes.JobArguments) -> Result:
    service = stats_service()
    return {"stats": service.redact(current_caller(), await service.job(job.name))}


# Commands for a process.


def _process_info(process: Process, given: takes.ProcessArguments) -> Result:
    return {"info": mask_for_caller(process.info(), process.job.session)}


async def _process_stats(process: Process, given: takes.ProcessArguments) -> Result:
    service = stats_service()
    return {"stats": service.redact(current_caller(), await service.process(process.pid))}


def _kill(process: Process, given: takes.KillArguments) -> Result:
    if not process.kill(given.sig):
        raise not_running_error(process.pid)
    return {"ok": True}


def _send(writes: Writes, process: Process, given: takes.SendArguments) -> Awaitable[Result]:
    data = given.data if isinstance(given.data, str) else "".join(given.data)
    return writes.put(process, given.stream, data.encode())
