"""A fake etcd with fixed responses, which a test can override."""

from collections import Counter
from contextlib import asynccontextmanager, suppress
from functools import partial

import trio

HEADER = b'"header":{"cluster_id":"1","revision":"5"}'
DEFAULTS = {
    "/v3/lease/grant": b'{%s,"ID":"77","TTL":"1"}' % HEADER,
    "/v3/lease/keepalive": b'{"result":{%s,"ID":"77","TTL":"1"}}\n' % HEADER,
    "/v3/lease/revoke": b"{}",
    "/v3/kv/txn": b'{%s,"succeeded":true}' % HEADER,
    "/v3/kv/range": b'{%s,"count":"0"}' % HEADER,
    "/v3/watch": b'{"result":{%s,"created":true}}\n' % HEADER,
    "/v3/auth/authenticate": b'{"token":"abc"}',
}


class FakeEtcd:
    """An etcd that stores nothing and accepts everything.

    Attributes:
        address: its address.
        overrides: responses that replace the default ones, by path.
        requests: the number of requests, by path.
    """

    def __init__(self):
        self.address = ""
        self.overrides = {}
        self.requests = Counter()

    async def serve(self, stream):
        async with stream:
            with suppress(trio.BrokenResourceError):
                rest = b""
                while (found := await self._receive_request(stream, rest)) is not None:
                    path, rest = found
                    self.requests[path] += 1
                    await self._respond(stream, path)

    async def _receive_request(self, stream, data):
        while b"\r\n\r\n" not in data:
            more = await stream.receive_some()
            if not more:
                return None
            data += more
        head, _, data = data.partition(b"\r\n\r\n")
        [length] = [line for line in head.lower().split(b"\r\n") if b"content-length" in line]
        size = int(length.partition(b":")[2])
        while len(data) < size:
            data += await stream.receive_some()
        return head.split()[1].decode(), data[size:]

    async def _respond(self, stream, path):
        body = self.overrides.get(path, DEFAULTS[path])
        await stream.send_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        for part in body if isinstance(body, list) else [body]:
            await stream.send_all(b"%x\r\n%s\r\n" % (len(part), part))
        if path == "/v3/watch":
            await trio.sleep_forever()
        await stream.send_all(b"0\r\n\r\n")


@asynccontextmanager
async def open_fake_etcd():
    fake = FakeEtcd()
    async with trio.open_nursery() as nursery:
        [listener] = await nursery.start(partial(trio.serve_tcp, fake.serve, 0, host="127.0.0.1"))
        fake.address = f"etcd://127.0.0.1:{listener.socket.getsockname()[1]}"
        yield fake
        nursery.cancel_scope.cancel()
