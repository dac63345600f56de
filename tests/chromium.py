"""A headless Chromium, controlled over its debugging protocol."""

import json
import os
import shutil
import signal
import subprocess
from contextlib import asynccontextmanager

import pytest
import trio
from gaffer_testing.waiting import DEADLINE, until
from trio_websocket import open_websocket_url

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser")
needs_chromium = pytest.mark.skipif(PROGRAM is None, reason="chromium is not installed")

_MAX_MESSAGE = 2**24


class Page:
    """A tab with its own cookies."""

    def __init__(self, browser, session):
        self._browser = browser
        self._session = session

    async def call(self, method, **parameters):
        return await self._browser.call(method, self._session, **parameters)

    async def open(self, url):
        """Open a URL; return before everything has been loaded."""
        return await self.call("Page.navigate", url=url)

    async def evaluate(self, expression):
        """Return the value of a JavaScript expression, awaited if it is a promise."""
        done = await self.call(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    async def shows(self, text):
        """Wait until the page shows a text."""

        async def is_shown():
            return text in (await self.evaluate("document.body?.innerText ?? ''"))

        await until(is_shown)


class Browser:
    """A running Chromium."""

    def __init__(self, websocket):
        self._websocket = websocket
        self._number = 0

    async def call(self, method, session=None, **parameters):
        self._number += 1
        number = self._number
        message = {"id": number, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = session
        await self._websocket.send_message(json.dumps(message))
        with trio.fail_after(DEADLINE):
            while True:
                told = json.loads(await self._websocket.get_message())
                if told.get("id") == number:
                    assert "error" not in told, told
                    return told["result"]

    async def new_page(self):
        """Open a tab that shares no cookies with others."""
        context = (await self.call("Target.createBrowserContext"))["browserContextId"]
        target = await self.call("Target.createTarget", url="about:blank", browserContextId=context)
        attached = await self.call(
            "Target.attachToTarget", targetId=target["targetId"], flatten=True
        )
        return Page(self, attached["sessionId"])


@asynccontextmanager
async def open_chromium(folder):
    """Run Chromium during the block, with its profile in a folder."""
    command = [
        *(PROGRAM, "--headless=new", "--disable-gpu", "--remote-debugging-port=0"),
        *(f"--user-data-dir={folder}", "--no-first-run", "--disable-background-networking"),
        # The sandbox works neither as root nor in most containers. Chromium only opens our pages.
        *("--no-sandbox", "--disable-dev-shm-usage"),
        "about:blank",
    ]
    process = subprocess.Popen(
        command,
        env={**os.environ, "HOME": str(folder)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        ready = folder / "DevToolsActivePort"
        await until(lambda: ready.exists() and ready.read_text().count("\n") == 1)
        port, path = ready.read_text().split()
        url = f"ws://127.0.0.1:{port}{path}"
        async with open_websocket_url(url, max_message_size=_MAX_MESSAGE) as websocket:
            yield Browser(websocket)
    finally:
        # The whole process group: Chromium has helper processes.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
