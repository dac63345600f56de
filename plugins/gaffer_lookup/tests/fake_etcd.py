"""Somebody who answers as an etcd does, but for what a test lets him say."""

from collections import Counter
from contextlib import asynccontextmanager, suppress
from functools import partial

import trio

HEADER = b'"header":{"cluster_id":"1","revision":"5"}'
HONEST = {
    "/v3/lease/grant": b'{%s,"ID":"77","TTL":"1"}' % HEADER,
    "/v3/lease/keepalive": b'{"result":{%s,"ID":"77","TTL":"1"}}\n' % HEADER,
    "/v3/lease/revoke": b"{}",
    "/v3/kv/txn": b'{%s,"succeeded":true}' % HEADER,
    "/v3/kv/range": b'{%s,"count":"0"}' % HEADER,
    "/v3/watch": b'{"result":{%s,"created":true}}\n' % HEADER,
    "/v3/auth/authenticate": b'{"token":"abc"}',
}


class Liar:
    """An etcd that knows nothing and agrees with everything.

    Attributes:
        address: where.
        lies: what it says instead, by the path; a request to it is answered again and again.
        asked: how often, by the path.
    """

    def __init__(self):
        self.address = ""
        self.lies = {}
        self.asked = Counter()

    async def serve(self, stream):
        async with stream:
            with suppress(trio.BrokenResourceError):
                rest = b""
                while (found := await self._request(stream, rest)) is not None:
                    path, rest = found
                    self.asked[path] += 1
                    await self._answer(stream, path)

    async def _request(self, stream, data):
        while b"\r\n\r\n" not in data:
            more = await stream.receive_some()
            if not more:
                return None
            data += more
        head, _, data = data.partition(b"\r\n\r\n")
        [length] = [line for line in head.lower().split(b"\r\n") if b"content-length" in line]
        wanted = int(length.partition(b":")[2])
        while len(data) < wanted:
            data += await stream.receive_some()
        return head.split()[1].decode(), data[wanted:]

    async def _answer(self, stream, path):
        said = self.lies.get(path, HONEST[path])
        await stream.send_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        for part in said if isinstance(said, list) else [said]:
            await stream.send_all(b"%x\r\n%s\r\n" % (len(part), part))
        if path == "/v3/watch":
            await trio.sleep_forever()
        await stream.send_all(b"0\r\n\r\n")


@asynccontextmanager
async def lying():
    liar = Liar()
    async with trio.open_nursery() as nursery:
        [listener] = await nursery.start(partial(trio.serve_tcp, liar.serve, 0, host="127.0.0.1"))
        liar.address = f"etcd://127.0.0.1:{listener.socket.getsockname()[1]}"
        yield liar
        nursery.cancel_scope.cancel()
