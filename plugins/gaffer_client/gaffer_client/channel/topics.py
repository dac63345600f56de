"""What can be followed on a channel: what each topic tells, as objects, and how it is resumed."""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as Base64Error
from typing import Any, Generic, TypeVar

from gaffer_client.channel.messages import Happened
from gaffer_client.errors import NotGafferError
from gaffer_client.feeds.events import read_event
from gaffer_client.models import Event, JobStats, Output, Sample
from gaffer_client.names import JobName
from gaffer_client.requests import convert

T = TypeVar("T")


class Topic(Generic[T]):
    """A topic.

    Attributes:
        name: on the wire.
        since: the number of the last event told, where they have numbers.
        pid: of the process that it is about; after a new start of gafferd that is another one.
    """

    def __init__(self, name: str, since: int | None = None, pid: int | None = None) -> None:
        self.name = name
        self.since = since
        self.pid = pid

    def read(self, address: str, told: Happened) -> T:
        """What a message tells.

        Raises:
            NotGafferError: nothing that gaffer would.
        """
        raise NotImplementedError

    def missed(self) -> T | None:
        """What to tell when the connection was lost and is back."""
        return None


class Events(Topic[Event]):
    """Events of everything, of a job or of a process."""

    def read(self, address: str, told: Happened) -> Event:
        """The event."""
        data = {key: value for key, value in told.data.items() if key != "topic"}
        event = read_event(address, data)
        if event.seq is not None:
            self.since = event.seq
        return event

    def missed(self) -> Event | None:
        """A gap that nobody can count, unless the server can."""
        return Event(event="gap", name="gaffer") if self.since is None else None


class Outputs(Topic[Output]):
    """What a process writes."""

    def read(self, address: str, told: Happened) -> Output:
        """The piece."""
        data = told.data
        try:
            text = data.get("data")
            piece = b64decode(data["data_base64"]) if text is None else text.encode()
            return Output(str(data["label"]), piece, int(data.get("lost", 0)))
        except (KeyError, TypeError, ValueError, AttributeError, Base64Error):
            raise NotGafferError(address, "an output that is none") from None

    def missed(self) -> Output | None:
        """A loss that nobody can count."""
        return Output("", b"", None)


class Samples(Topic[T]):
    """What gaffer-stats measures."""

    def __init__(self, name: str, kind: type[T], pid: int | None = None) -> None:
        super().__init__(name, pid=pid)
        self._kind = kind

    def read(self, address: str, told: Happened) -> T:
        """The sample."""
        return convert(address, told.data, self._kind, "stat")


def events(job: JobName | None, pid: int | None, since: int | None) -> Events:
    """Events: those of a job or a process, or all."""
    if job is not None:
        return Events(f"JOB:{job.session}.{job.name}", since)
    return Events("EVENTS" if pid is None else f"PROCESS:{pid:d}", since, pid)


def output(pid: int, label: str | None) -> Outputs:
    """What a process writes to an output; to the first one if none is named."""
    return Outputs(f"STREAM:{pid:d}" if label is None else f"STREAM:{pid:d}.{label}", pid=pid)


def job_samples(job: JobName) -> Samples[JobStats]:
    """Samples of a job."""
    return Samples(f"STATS:{job.session}.{job.name}", JobStats)


def process_samples(pid: int) -> Samples[Sample]:
    """Samples of a process."""
    return Samples(f"STATS:{pid:d}", Sample, pid)


Identity = tuple[Any, Any]
"""What tells a process from another one of the same number: the system's number, and the time."""


def identity(info: dict[str, Any]) -> Identity:
    """The identity of a process that was described."""
    return info.get("os_pid"), info.get("create_time")
