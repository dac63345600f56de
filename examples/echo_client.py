#!/usr/bin/env python3
"""Send a line to the job `echo` of gaffer.ini, over a websocket, and print the answer.

Use it with a gafferd that runs that file:

    pip install trio-websocket
    python echo_client.py [http://127.0.0.1:5000]
"""

import json
import sys
from urllib.request import urlopen

import trio
from trio_websocket import open_websocket_url


def find_echo(url: str) -> int:
    with urlopen(f"{url}/jobs/default/echo/pids") as answer:
        pids: list[int] = json.load(answer)["pids"]
    if not pids:
        sys.exit(f"{url}: the job echo does not run; start gafferd with gaffer.ini")
    return pids[0]


async def send_echo(url: str) -> None:
    async with open_websocket_url(url) as socket:
        await socket.send_message("ECHO\n")
        print("Sent")
        print("Receiving...")
        print(f"Received {await socket.get_message()!r}")


if __name__ == "__main__":
    api = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:5000"
    try:
        trio.run(send_echo, f"{api.replace('http', 'ws', 1)}/wstreams/{find_echo(api)}")
    except (OSError, ValueError) as error:
        sys.exit(f"{api}: {error}; start gafferd with gaffer.ini")
