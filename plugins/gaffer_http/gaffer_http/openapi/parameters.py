"""The types of path parameters, by name, as in the authorization of callers.

See `auth.authorization`. A view describes other names, and names with another meaning, itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from gaffer_kernel.plugin import Label, Name
from msgspec import Meta

Session = Annotated[Label, Meta(description="The session of a job.")]
Job = Annotated[Name, Meta(description="The name of a job in its session.")]
Pid = Annotated[int, Meta(ge=0, lt=10**18, description="gaffer's own number of a process.")]

PARAMETERS: Mapping[str, Any] = {"session": Session, "name": Job, "pid": Pid}
