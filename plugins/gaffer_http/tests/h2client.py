"""A client of HTTP/2 over a stream."""

import h2.config
import h2.connection
import h2.events
import trio

PATH = (b":path", b"/")
METHOD = (b":method", b"GET")
PLACE = [(b":scheme", b"https"), (b":authority", b"localhost")]
H2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS = bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])


async def read_to_end(stream):
    """Return the bytes that the server sends until it closes or resets the connection."""
    data = b""
    try:
        async for piece in stream:
            data += piece
    except trio.BrokenResourceError:
        pass
    return data


class H2:
    """One connection."""

    def __init__(self, stream):
        config = h2.config.H2Configuration(
            client_side=True, header_encoding=None, validate_outbound_headers=False
        )
        self.stream = stream
        self.h2 = h2.connection.H2Connection(config)

    async def start(self):
        self.h2.initiate_connection()
        await self.flush()

    async def request(self, *headers, end=True):
        stream_id = self.h2.get_next_available_stream_id()
        self.h2.send_headers(stream_id, headers, end_stream=end)
        await self.flush()

    async def flush(self):
        await self.stream.send_all(self.h2.data_to_send())

    async def reset(self):
        """Wait for RST_STREAM; return the stream and the error code."""
        with trio.fail_after(5):
            while True:
                for event in self.h2.receive_data(await self.stream.receive_some()):
                    if isinstance(event, h2.events.StreamReset):
                        return event.stream_id, event.error_code

    async def status(self):
        """Return the status of the next response."""
        with trio.fail_after(5):
            while True:
                for event in self.h2.receive_data(await self.stream.receive_some()):
                    if isinstance(event, h2.events.ResponseReceived):
                        return dict(event.headers)[b":status"]

    async def terminated(self, within=5):
        """Wait for GOAWAY; return its error code."""
        with trio.fail_after(within):
            while True:
                for event in self.h2.receive_data(await self.stream.receive_some()):
                    if isinstance(event, h2.events.ConnectionTerminated):
                        return event.error_code
