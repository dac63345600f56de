"""A minimal route of quart-trio: `python bare.py PORT FILE` answers with the file."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import hypercorn.trio
import trio
from hypercorn.config import Config
from quart import Response
from quart_trio import QuartTrio


def make_app(body: bytes) -> QuartTrio:
    """Return an application with one route, `/jobs`."""
    app = QuartTrio(__name__)

    @app.get("/jobs")
    async def jobs() -> Response:
        return Response(body, content_type="application/json; charset=utf-8")

    return app


def main() -> None:
    """Serve until killed."""
    config = Config()
    config.bind = [f"127.0.0.1:{sys.argv[1]}"]
    config.keep_alive_max_requests = 10**9
    trio.run(partial(hypercorn.trio.serve, make_app(Path(sys.argv[2]).read_bytes()), config))


if __name__ == "__main__":
    main()
