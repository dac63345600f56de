"""Python client for gaffer's HTTP API.

_sync         Server and Lookup, which block until the response arrives
_async        AsyncServer and AsyncLookup, the same for trio tasks; most of `_sync` is generated
channel       events, output, input and commands over one websocket, for trio tasks
feeds         events and output, independent of any connection
lookup        the merged responses of several lookupds
routes        all paths of the API, as requests; those of lookupd are in `lookupd`
requests      requests and responses
node_tokens   tokens for gafferds whose origin was learned
settings, address, names, models, errors, tls_errors

Each line uses only the lines below it, and its own. Importing this package must stay fast, as
commands do it at every start: names are imported at first use; httpcore2, msgspec and ssl when they
are needed.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gaffer_client._async.job import AsyncJob
    from gaffer_client._async.lookup import AsyncLookup
    from gaffer_client._async.process import AsyncProcess
    from gaffer_client._async.server import AsyncServer
    from gaffer_client._async.session import AsyncSession
    from gaffer_client._sync.job import Job
    from gaffer_client._sync.lookup import Lookup
    from gaffer_client._sync.process import Process
    from gaffer_client._sync.server import Server
    from gaffer_client._sync.session import Session
    from gaffer_client.channel.channel import Channel
    from gaffer_client.errors import (
        ArgumentError,
        BusyError,
        CertificateError,
        ClientError,
        ConflictError,
        ConnectionLostError,
        ForbiddenError,
        InvalidValueError,
        NoLookupdError,
        NotFoundError,
        NotGafferError,
        NotSettledError,
        ResponseError,
        RestartFailedError,
        ServerError,
        UnauthorizedError,
        UnreachableError,
    )
    from gaffer_client.lookup import LookupResult
    from gaffer_client.models import (
        Event,
        JobChange,
        JobInfo,
        JobStats,
        Line,
        LookupJob,
        LookupSession,
        NamedStatus,
        Node,
        Output,
        PageKey,
        PluginInfo,
        ProcessInfo,
        Sample,
        Site,
        Source,
        Status,
        Version,
    )
    from gaffer_client.node_tokens import node_token
    from gaffer_client.settings import token_from_environment

__all__ = [
    "ArgumentError",
    "AsyncJob",
    "AsyncLookup",
    "AsyncProcess",
    "AsyncServer",
    "AsyncSession",
    "BusyError",
    "CertificateError",
    "Channel",
    "ClientError",
    "ConflictError",
    "ConnectionLostError",
    "Event",
    "ForbiddenError",
    "InvalidValueError",
    "Job",
    "JobChange",
    "JobInfo",
    "JobStats",
    "Line",
    "Lookup",
    "LookupJob",
    "LookupResult",
    "LookupSession",
    "NamedStatus",
    "NoLookupdError",
    "Node",
    "NotFoundError",
    "NotGafferError",
    "NotSettledError",
    "Output",
    "PageKey",
    "PluginInfo",
    "Process",
    "ProcessInfo",
    "ResponseError",
    "RestartFailedError",
    "Sample",
    "Server",
    "ServerError",
    "Session",
    "Site",
    "Source",
    "Status",
    "UnauthorizedError",
    "UnreachableError",
    "Version",
    "node_token",
    "token_from_environment",
]

_MODULES = {
    "models": """Event JobChange JobInfo JobStats Line LookupJob LookupSession NamedStatus Node
        Output PageKey PluginInfo ProcessInfo Sample Site Source Status Version""",
    "_async.job": "AsyncJob",
    "_async.lookup": "AsyncLookup",
    "_async.process": "AsyncProcess",
    "_async.server": "AsyncServer",
    "_async.session": "AsyncSession",
    "channel.channel": "Channel",
    "errors": """ArgumentError BusyError CertificateError ClientError ConflictError
        ConnectionLostError ForbiddenError InvalidValueError NoLookupdError NotFoundError
        NotGafferError NotSettledError ResponseError RestartFailedError ServerError
        UnauthorizedError UnreachableError""",
    "lookup": "LookupResult",
    "node_tokens": "node_token",
    "settings": "token_from_environment",
    "_sync.job": "Job",
    "_sync.lookup": "Lookup",
    "_sync.process": "Process",
    "_sync.server": "Server",
    "_sync.session": "Session",
}


def __getattr__(name: str) -> object:
    for module, names in _MODULES.items():
        if name in names.split():
            found = getattr(import_module(f"gaffer_client.{module}"), name)
            globals()[name] = found
            return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
