"""A client of the channel, and functions that start processes for it."""

import json
from contextlib import asynccontextmanager
from itertools import count

from gaffer_kernel import JobConfig


class CommandError(Exception):
    """A command was answered with an error."""

    def __init__(self, error):
        super().__init__(error)
        assert set(error) == {"errno", "reason", "message"}
        assert error["message"]
        self.status = error["errno"]
        self.slug = error["reason"]
        self.message = error["message"]


class ChannelClient:
    """A client of the channel on a websocket.

    Attributes:
        events: events that were received and not yet returned, without `gaffer:event` around them.
    """

    def __init__(self, socket):
        self.socket = socket
        self.events = []
        self._ids = count(1)

    async def send(self, event, **data):
        message = {"event": event, "data": data} if data else {"event": event}
        await self.socket.send_message(json.dumps(message))

    async def receive(self):
        """Receive the next message."""
        text = await self.socket.get_message()
        assert isinstance(text, str)
        return json.loads(text)

    async def answer(self):
        """Receive the next message that is not an event, and keep the events before it."""
        while (message := await self.receive())["event"] == "gaffer:event":
            self.events.append(message["data"])
        return message

    async def event(self, name=None, topic=None):
        """Return the next event with this name and topic, and keep the others."""

        def fits(event):
            return name in (None, event["event"]) and topic in (None, event["topic"])

        for place, event in enumerate(self.events):
            if fits(event):
                return self.events.pop(place)
        while True:
            message = await self.receive()
            assert message["event"] == "gaffer:event", message
            if fits(message["data"]):
                return message["data"]
            self.events.append(message["data"])

    async def subscribe(self, topic, **more):
        await self.send("SUB", topic=topic, **more)
        return _subscribed(topic, await self.answer())

    async def unsubscribe(self, topic):
        await self.send("UNSUB", topic=topic)
        return _subscribed(topic, await self.answer())

    async def ask(self, name, /, *args, **kwargs):
        """Send a command; return its identity."""
        identity = next(self._ids)
        call = {"identity": identity, "name": name, "args": args, "kwargs": kwargs}
        await self.send("CMD", **call)
        return identity

    async def do(self, name, /, *args, **kwargs):
        """Run a command; return its result."""
        identity = await self.ask(name, *args, **kwargs)
        message = await self.answer()
        assert message["data"]["id"] == identity
        if message["event"] == "gaffer:command_error":
            raise CommandError(message["data"]["error"])
        assert message["event"] == "gaffer:command_success"
        return message["data"]["result"]


def _subscribed(topic, message):
    assert message["topic"] == topic
    if message["event"] == "gaffer:subscription_error":
        raise CommandError(message["data"])
    assert message == {"event": "gaffer:subscription_success", "topic": topic}


@asynccontextmanager
async def open_channel(api, path="/channel", **headers):
    async with api.websocket(path, **headers) as socket:
        yield ChannelClient(socket)


ECHO = {"cmd": "cat", "redirect_output": ("stdout", "stderr"), "redirect_input": True}


async def start(api, name="x", session="default", **settings):
    """Load a job, by default `cat`; return its process."""
    settings = {"name": name, **(ECHO if "cmd" not in settings else {}), **settings}
    job = api.kernel.manager.load(JobConfig(**settings), session, start=True)
    await job.settled()
    [process] = job.processes
    return process


async def shell(api, script, name="x", **settings):
    settings = {"redirect_output": ("out",), "redirect_input": True, **settings}
    return await start(api, name, cmd=script, shell=True, **settings)


def readers(process):
    return sum(log.readers for log in process.outputs.logs.values())
