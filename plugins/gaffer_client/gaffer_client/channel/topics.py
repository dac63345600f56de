"""The topics of a channel: how their messages are parsed, and how they are resumed."""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as Base64Error
from typing import Any, Generic, TypeVar

from gaffer_client.channel.messages import TopicEvent
from gaffer_client.errors import NotGafferError
from gaffer_client.feeds.events import read_event
from gaffer_client.models import Event, JobStats, Output, Sample
from gaffer_client.names import JobName
from gaffer_client.requests import convert

T = TypeVar("T")


class Topic(Generic[T]):
    """A topic.

    Attributes:
        name: the name in messages.
        since: the number of the last event received, for topics with numbers.
        pid: the process of the topic; after a restart of gafferd the pid means another process.
    """

    def __init__(self, name: str, since: int | None = None, pid: int | None = None) -> None:
        self.name = name
        self.since = since
        self.pid = pid

    def parse(self, address: str, message: TopicEvent) -> T:
        """Parse the value in a message.

        Raises:
            NotGafferError: gaffer does not send such a message.
        """
        raise NotImplementedError

    def make_gap(self) -> T | None:
        """Return the value that marks a loss after a reconnect, None without one."""
        return None


class Events(Topic[Event]):
    """Events of everything, of a job or of a process."""

    def parse(self, address: str, message: TopicEvent) -> Event:
        """Parse an event and remember its number."""
        data = {key: value for key, value in message.data.items() if key != "topic"}
        event = read_event(address, data)
        if event.seq is not None:
            self.since = event.seq
        return event

    def make_gap(self) -> Event | None:
        """Return a gap of unknown size, if the server cannot count the missing events."""
        return Event(event="gap", name="gaffer") if self.since is None else None


class Outputs(Topic[Output]):
    """Output of a process."""

    def parse(self, address: str, message: TopicEvent) -> Output:
        """Parse a piece of output, which is text or base64."""
        data = message.data
        try:
            text = data.get("data")
            piece = b64decode(data["data_base64"]) if text is None else text.encode()
            return Output(str(data["label"]), piece, int(data.get("lost", 0)))
        except (KeyError, TypeError, ValueError, AttributeError, Base64Error):
            raise NotGafferError(address, "an output without data") from None

    def make_gap(self) -> Output | None:
        """Return a loss of unknown size."""
        return Output("", b"", None)


class Samples(Topic[T]):
    """Samples of gaffer-stats."""

    def __init__(self, name: str, kind: type[T], pid: int | None = None) -> None:
        super().__init__(name, pid=pid)
        self._kind = kind

    def parse(self, address: str, message: TopicEvent) -> T:
        """Parse a sample."""
        return convert(address, message.data, self._kind, "stat")


def events(job: JobName | None, pid: int | None, since: int | None) -> Events:
    """Return the topic for the events of a job or a process, or for all events."""
    if job is not None:
        return Events(f"JOB:{job.session}.{job.name}", since)
    return Events("EVENTS" if pid is None else f"PROCESS:{pid:d}", since, pid)


def output(pid: int, label: str | None) -> Outputs:
    """Return the topic for an output of a process; for the first output without a label."""
    return Outputs(f"STREAM:{pid:d}" if label is None else f"STREAM:{pid:d}.{label}", pid=pid)


def job_samples(job: JobName) -> Samples[JobStats]:
    """Return the topic for the samples of a job."""
    return Samples(f"STATS:{job.session}.{job.name}", JobStats)


def process_samples(pid: int) -> Samples[Sample]:
    """Return the topic for the samples of a process."""
    return Samples(f"STATS:{pid:d}", Sample, pid)


Identity = tuple[Any, Any]
"""Distinguishes two processes with the same pid: the system's pid, and the creation time."""


def get_identity(info: dict[str, Any]) -> Identity:
    """Return the identity of a process, from its details."""
    return info.get("os_pid"), info.get("create_time")
