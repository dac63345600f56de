"""`/reload`: apply the configuration file, or show what that would do to each job."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Iterable
from pathlib import Path
from typing import Annotated, TypeVar

from gaffer_kernel import ConfigError, InvalidField, JobChange, PluginError
from msgspec import UNSET, Meta, UnsetType
from quart import Blueprint, Response, request

from gaffer_http.auth.authorization import current_caller
from gaffer_http.errors import ApiError
from gaffer_http.openapi.describe import describes
from gaffer_http.schemas.responses import Reloaded
from gaffer_http.views.current import current_kernel
from gaffer_http.views.parameters import FlagText, flag_parameter
from gaffer_http.views.responses import json_response
from gaffer_http.views.wait import Wait, wait_jobs, wait_parameter

T = TypeVar("T")

log = logging.getLogger(__name__)

routes = Blueprint("reload", __name__)


class ReloadQuery(Wait):
    """The parameters of a reload."""

    dry_run: Annotated[
        FlagText | UnsetType, Meta(description="Change nothing, and show what would change.")
    ] = UNSET
    file: Annotated[
        str | UnsetType,
        Meta(description="With `dry_run`: another configuration file of gafferd's machine."),
    ] = UNSET


@routes.post("/reload")
@describes(query=ReloadQuery, answers={200: Reloaded}, errors=(409,))
async def reload_configuration() -> Response:
    """Apply the configuration file; with `dry_run` only show what that would do to each job."""
    kernel, wait = current_kernel(), wait_parameter()
    dry_run, file = flag_parameter("dry_run"), request.args.get("file")
    if file is not None and not dry_run:
        raise InvalidField("file", "belongs to dry_run=true: gafferd reloads its own file only")
    if file is not None and not Path(file).is_absolute():
        raise InvalidField("file", f"must be an absolute path, not {file!r}")
    if dry_run:
        changes = await _done(kernel.plan(None if file is None else Path(file)))
        return json_response({"ok": True, "jobs": _show(changes)})
    log.info("reload requested by %s", current_caller().name)
    changes = await _done(kernel.reload())
    changed = {each.name for each in changes if each.change not in ("gone", "unchanged")}
    jobs = [job for job in kernel.manager.jobs() if job.name in changed]
    answer = {"ok": True, "jobs": _show(changes), **await wait_jobs(wait, *jobs)}
    return json_response(answer)


async def _done(result: Awaitable[T]) -> T:
    try:
        return await result
    except ConfigError as error:
        raise ApiError(400, "invalid_config", str(error)) from None
    except PluginError as error:
        log.error("%s", error)
        raise ApiError(409, "plugin_failed", str(error)) from None


def _show(changes: Iterable[JobChange]) -> list[dict[str, object]]:
    return [
        {"name": str(each.name), "change": each.change, "keys": list(each.keys)} for each in changes
    ]
